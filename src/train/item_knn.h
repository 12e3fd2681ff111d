// Similarities of items by who met them, and the nearest neighbours of each.
#pragma once

#include <memory>

#include "data/interactions.h"
#include "data/seen_items.h"
#include "model/item_neighbours.h"
#include "train/trainer.h"

namespace featherfm {

// How alike two items are, of the vectors of what each user gave them. With N items, of which user
// u met n_u:
enum class ItemSimilarity {
  cosine,  // the cosine of the values
  tf_idf,  // the cosine of sqrt(value) idf_u, idf_u = log((N + 1) / (n_u + 1)): who met few items
           // tells more about them
  bm25,    // the inner product of value (k1 + 1) / (k1 length_i + value) idf_u, k1 = 1.2,
           // length_i = 1/4 + 3/4 (sum of the item's values) / (their mean over the items):
           // popular items count less (Robertson, Zaragoza 2009)
};

struct ItemKnnOptions {
  std::uint32_t neighbours = 200;  // kept of each item, 1 to 100,000
  ItemSimilarity similarity = ItemSimilarity::tf_idf;
  // A similarity that n users vouch for is multiplied by n / (n + shrink) (Bell, Koren 2007); 0 to
  // 1e6.
  float shrink = 0;

  // Throws Error naming the option in the package's spelling.
  void validate() const;
};

// What an interaction counts is ItemNeighbours::worth(); where that is 0 it is left out.
// There is one epoch, without losses. Errors: empty `data`; out_of_range `ratings` where a value
// times its weight is infinite.
using ItemKnnTrainer = ModelTrainer<ItemNeighbours>;
std::unique_ptr<ItemKnnTrainer> make_item_knn(const ItemKnnOptions& options,
                                              std::shared_ptr<const Interactions> data);

// Who met what, with what each counts as the values: what the model knows of its users.
SeenItems what_counts(const Interactions& data);

}  // namespace featherfm
