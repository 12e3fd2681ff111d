// Training options: from the plain objects that the package has checked to the core's structs.
#pragma once

#include "arrays.h"
#include "data/design.h"
#include "train/fm_gibbs.h"
#include "train/fm_sgd.h"
#include "train/mf_sgd.h"
#include "train/svd.h"

namespace featherfm::bindings {

MfOptions read_mf(const Options& given);
MfSgdOptions read_mf_sgd(const Options& given);
SvdOptions read_svd(const Options& given);
FmOptions read_fm(const Options& given);
FmSgdOptions read_fm_sgd(const Options& given);
FmGibbsOptions read_fm_gibbs(const Options& given);
// {identity, derived}: which columns are made of the interactions themselves.
DerivedColumns read_derived(const Options& given);

}  // namespace featherfm::bindings
