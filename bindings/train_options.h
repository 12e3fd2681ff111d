// Training options: from the plain objects that the package has checked to the core's structs.
#pragma once

#include "arrays.h"
#include "data/design.h"
#include "train/biases.h"
#include "train/fm_gibbs.h"
#include "train/fm_sgd.h"
#include "train/fm_vb.h"
#include "train/hybrid_sgd.h"
#include "train/implicit_als.h"
#include "train/item_knn.h"
#include "train/mf_sgd.h"
#include "train/svd.h"

namespace featherfm::bindings {

MfOptions read_mf(const Options& given);
MfSgdOptions read_mf_sgd(const Options& given);
SvdOptions read_svd(const Options& given);
ImplicitAlsOptions read_implicit_als(const Options& given);
ItemKnnOptions read_item_knn(const Options& given);
BiasesOptions read_biases(const Options& given);
FmOptions read_fm(const Options& given);
FmSgdOptions read_fm_sgd(const Options& given);
FmGibbsOptions read_fm_gibbs(const Options& given);
FmVbOptions read_fm_vb(const Options& given);
HybridOptions read_hybrid(const Options& given);
// {identity, normalize}: the columns of a hybrid model besides its features'.
DerivedColumns read_hybrid_columns(const Options& given);
// {identity, derived}: which columns are made of the interactions themselves.
DerivedColumns read_derived(const Options& given);

}  // namespace featherfm::bindings
