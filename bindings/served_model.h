// A trained model with what serving it needs, as one object for JavaScript.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "data/seen_items.h"
#include "io/model_file.h"
#include "model/towers.h"
#include "rank/fold_in.h"
#include "rank/top_k.h"

namespace featherfm::bindings {

class ServedModel {
 public:
  explicit ServedModel(ModelFile content)
      : file(std::move(content)),
        towers(std::visit([](const auto& model) { return model.towers(); }, file.model)),
        ranker(towers) {}
  ServedModel(const ServedModel&) = delete;
  ServedModel& operator=(const ServedModel&) = delete;

  // Made at first use: for a filled matrix it takes a pass over all items.
  FoldIn& fold_in() {
    if (!fold_in_) fold_in_.emplace(towers);
    return *fold_in_;
  }

  ModelFile file;
  Towers towers;
  ItemRanker ranker;

 private:
  std::optional<FoldIn> fold_in_;
};

using ModelHandle = std::shared_ptr<ServedModel>;

}  // namespace featherfm::bindings
