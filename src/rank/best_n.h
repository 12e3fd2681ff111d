// The n best of a stream of scored indices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace featherfm {

struct Scored {
  std::uint32_t index;
  float score;
};

// The `n` best of what it is offered. Order: higher score first, equal scores by lower index, so
// that results do not depend on the order of offers.
class BestN {
 public:
  explicit BestN(std::size_t n) : n_(n) {}

  void offer(std::uint32_t index, float score) {
    if (heap_.size() == n_ && (n_ == 0 || !better({index, score}, heap_.front()))) return;
    insert({index, score});
  }

  std::size_t capacity() const { return n_; }
  // What scores less than this does not come in.
  float bar() const {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    return heap_.size() < n_ ? -infinity : n_ == 0 ? infinity : heap_.front().score;
  }

  // Best first. Leaves this empty.
  std::vector<Scored> take();

 private:
  static bool better(const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score > b.score : a.index < b.index;
  }
  void insert(Scored scored);

  std::size_t n_;
  std::vector<Scored> heap_;  // the worst of the best in front
};

}  // namespace featherfm
