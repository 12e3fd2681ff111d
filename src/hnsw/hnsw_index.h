// An approximate index for catalogues that are too large to scan: HNSW, a hierarchical navigable
// small world graph (Malkov, Yashunin 2018), by the library hnswlib, in a module of its own.
//
// HNSW looks for near neighbours under a distance. For inner products the graph is built on the
// inner product itself (ip-NSW; Morozov, Babenko 2018): one minus it is no distance, but long
// vectors, which are what is looked for, become the well connected ones. The other way, a column
// that gives all vectors one length (Bachrach et al. 2014), found far less where lengths differ:
// of 20,000 clustered vectors with log-normal lengths of sigma 0.4, 0.75 of the best ten at ef 64
// against 0.99. For cosines all vectors are scaled to length 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/matrix.h"
#include "base/random.h"
#include "rank/best_n.h"

namespace featherfm {

enum class HnswMetric { dot, cosine };

struct HnswOptions {
  HnswMetric metric = HnswMetric::dot;
  std::uint32_t m = 16;                 // links per vector and level, twice that at the bottom
  std::uint32_t ef_construction = 200;  // candidates looked at for the links of a new vector
  std::uint64_t seed = 1;               // of the levels

  static constexpr std::uint32_t least_m = 2, most_m = 128, most_ef = 100'000;
};

// Rows one after the other.
struct VectorList {
  std::vector<float> values;
  std::size_t dimensions = 0;
  std::size_t size() const { return dimensions == 0 ? 0 : values.size() / dimensions; }
};

// The graph by itself, as it is saved. Of each vector `levels` says on how many levels above the
// bottom it stands; its lists of links follow one another from the bottom up.
struct HnswGraph {
  HnswOptions options;
  VectorList vectors;  // as given (dot) or scaled to length 1 (cosine)
  std::uint32_t entry = 0;
  std::vector<std::uint8_t> levels;
  std::vector<std::uint32_t> link_counts, links;
};

class HnswIndex {
 public:
  // Levels are drawn with a probability that falls by 1/m from one to the next.
  static constexpr std::size_t highest_level = 31;
  // Vectors shorter than this have inner products that a float can hold.
  static constexpr float longest = 1e18f;

  // Begins an index of these vectors; add() fills it. Throws Error: empty without vectors,
  // size_mismatch when the values are no whole rows, out_of_range for options or vectors of length
  // `longest` or more, not_finite, out_of_memory.
  HnswIndex(VectorList vectors, const HnswOptions& options);
  // An index that was saved; `graph` has been checked (hnsw/hnsw_file.h).
  explicit HnswIndex(const HnswGraph& graph);
  HnswIndex(HnswIndex&&) noexcept;
  ~HnswIndex();

  // Adds vectors until about `milliseconds` by `now` have passed or all are in. Returns how many
  // are in. The same vectors, options and seed give the same graph, however the work is cut.
  std::size_t add(double milliseconds, double (*now)());

  std::size_t size() const { return size_; }  // of all vectors, also those not yet in
  std::size_t dimensions() const { return dimensions_; }
  const HnswOptions& options() const { return options_; }

  // About the `n` best of all vectors for a query of dimensions() numbers, best first, equal scores
  // by index; `ef` candidates are kept on the way (at least n). The score is the inner product or
  // the cosine, computed from the vectors as they are; the cosine with a vector of zeros is 0.
  // Throws Error{out_of_range, not_finite} naming "n", "ef" or "vector". Only once all vectors are
  // in.
  std::vector<Scored> search(std::span<const float> query, std::size_t n, std::size_t ef) const;

  // Only once all vectors are in.
  HnswGraph graph() const;

 private:
  struct Graph;  // hnswlib's
  HnswIndex(const HnswOptions& options, std::size_t size, std::size_t dimensions);
  void close_building();

  HnswOptions options_;
  std::size_t size_, dimensions_;
  std::unique_ptr<Graph> graph_;
  // While vectors are being added.
  VectorList waiting_;
  Random random_;
};

}  // namespace featherfm
