#include "rank/best_n.h"

#include <algorithm>
#include <utility>

namespace featherfm {

void BestN::insert(Scored scored) {
  if (heap_.size() == n_) {
    std::pop_heap(heap_.begin(), heap_.end(), better);
    heap_.back() = scored;
  } else {
    heap_.push_back(scored);
  }
  std::push_heap(heap_.begin(), heap_.end(), better);
}

std::vector<Scored> BestN::take() {
  std::sort_heap(heap_.begin(), heap_.end(), better);
  return std::move(heap_);
}

}  // namespace featherfm
