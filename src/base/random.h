// Random numbers that are the same everywhere. std::normal_distribution and friends differ between
// standard libraries, so the draws are ours too; logarithms and roots come from portable_math.h and
// IEEE arithmetic.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "base/portable_math.h"

namespace featherfm {

// xoshiro256++ 1.0 (Blackman, Vigna 2019), seeded by splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15u;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      word = z ^ (z >> 31);
    }
  }

  // All there is to go on from: a generator with this state draws what this one would.
  struct State {
    std::uint64_t words[4];
    double spare;
    bool has_spare;
  };
  State state() const { return {{state_[0], state_[1], state_[2], state_[3]}, spare_, has_spare_}; }
  void restore(const State& state) {
    std::copy(std::begin(state.words), std::end(state.words), state_);
    spare_ = state.spare;
    has_spare_ = state.has_spare;
  }

  std::uint64_t bits() {
    const std::uint64_t result = rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, 1), on a grid of 2^-53.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

  // Uniform in {0, ..., n - 1}, without bias (Lemire 2019). n must not be 0.
  std::uint32_t below(std::uint32_t n) {
    std::uint64_t product = (bits() >> 32) * n;
    if (static_cast<std::uint32_t>(product) < n) {
      const std::uint32_t threshold = (0u - n) % n;
      while (static_cast<std::uint32_t>(product) < threshold) product = (bits() >> 32) * n;
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

  // Standard normal, by Marsaglia's polar method; the second value of each pair is kept for the
  // next call.
  double normal() {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    double x, y, square;
    do {
      x = 2 * uniform() - 1;
      y = 2 * uniform() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square == 0);
    const double scale = std::sqrt(-2 * portable_log(square) / square);
    spare_ = y * scale;
    has_spare_ = true;
    return x * scale;
  }

  // Gamma with this shape and mean shape / rate, by Marsaglia and Tsang (2000). Both must be above
  // 0.
  double gamma(double shape, double rate) {
    // Below 1: a draw of shape + 1 times a power of a uniform one.
    if (shape < 1) return gamma(shape + 1, rate) * portable_pow(1 - uniform(), 1 / shape);
    const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
      const double x = normal();
      const double root = 1 + c * x;
      if (root <= 0) continue;
      const double v = root * root * root;
      if (portable_log(1 - uniform()) < 0.5 * x * x + d - d * v + d * portable_log(v)) {
        return d * v / rate;
      }
    }
  }

  // Fisher-Yates.
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t n = values.size(); n > 1; --n) {
      std::swap(values[n - 1], values[below(static_cast<std::uint32_t>(n))]);
    }
  }

 private:
  static std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

  std::uint64_t state_[4];
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace featherfm
