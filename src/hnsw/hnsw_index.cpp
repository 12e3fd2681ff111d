#include "hnsw/hnsw_index.h"

#include <ostream>

// hnswlib's warnings, about numbers that are refused here, go nowhere: C++'s standard streams and
// locales would be half of the module.
struct Silence {
  const Silence& operator<<(const char*) const { return *this; }
  const Silence& operator<<(std::ostream& (*)(std::ostream&)) const { return *this; }
};
#define HNSWLIB_ERR_OVERRIDE Silence()
// Its own distances are in intrinsics that do not compile to WebAssembly; ours are below.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <unordered_map>

#include "base/error.h"
#include "base/simd.h"

// A virtual function that nobody calls, and that would bring file streams along. HnswGraph is how
// an index is saved.
template <>
void hnswlib::HierarchicalNSW<float>::saveIndex(const std::string&) {}

namespace featherfm {
namespace {

using hnswlib::tableint;

// The rows in hnswlib's memory stand between links, so they are aligned to single floats only.
using unaligned_f4 = float __attribute__((vector_size(16), may_alias, aligned(4)));

// simd::dot for rows of any alignment: the same sums in the same order.
float dot(const float* a, const float* b, std::size_t n) {
  const auto at = [](const float* p) -> f4 { return *reinterpret_cast<const unaligned_f4*>(p); };
  f4 even = splat(0), odd = splat(0);
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    even += at(a + i) * at(b + i);
    odd += at(a + i + 4) * at(b + i + 4);
  }
  if (i < n) even += at(a + i) * at(b + i);
  return sum4(even + odd);
}

// hnswlib only compares distances, so that less than nothing will do.
float negative_dot(const void* a, const void* b, const void* stride) {
  return -dot(static_cast<const float*>(a), static_cast<const float*>(b),
              *static_cast<const std::size_t*>(stride));
}

class InnerProducts : public hnswlib::SpaceInterface<float> {
 public:
  explicit InnerProducts(std::size_t stride) : stride_(stride) {}
  std::size_t get_data_size() override { return stride_ * sizeof(float); }
  hnswlib::DISTFUNC<float> get_dist_func() override { return negative_dot; }
  void* get_dist_func_param() override { return &stride_; }

 private:
  std::size_t stride_;
};

double square_of(std::span<const float> vector) {
  double sum = 0;
  for (const float x : vector) sum += double{x} * x;
  return sum;
}

void check_length(std::span<const float> vector, const char* argument) {
  const double square = square_of(vector);
  if (square < double{HnswIndex::longest} * HnswIndex::longest) return;
  for (const float x : vector) {
    if (!std::isfinite(x)) fail_range(argument, {"numbers that are finite"}, x);
  }
  fail_range(argument, {"vectors shorter than ", double{HnswIndex::longest}}, std::sqrt(square));
}

// A vector as it stands in the graph; `row` is padded with zeros.
void place(std::span<const float> vector, HnswMetric metric, AlignedFloats& row) {
  std::copy(vector.begin(), vector.end(), row.begin());
  if (metric == HnswMetric::dot) return;
  const double length = std::sqrt(square_of(vector));
  for (float& x : row) x = length > 0 ? static_cast<float>(x / length) : 0;
}

const HnswOptions& checked(const HnswOptions& options) {
  require_range(options.m, HnswOptions::least_m, HnswOptions::most_m, "m");
  require_range(options.ef_construction, 1u, HnswOptions::most_ef, "efConstruction");
  return options;
}

const VectorList& checked(const VectorList& vectors) {
  if (vectors.values.empty()) fail(ErrorCode::empty, "vectors", {"there is no vector to index"});
  require_range<std::size_t>(vectors.dimensions, 1, 65536, "dimensions");
  if (vectors.values.size() % vectors.dimensions != 0) {
    fail(ErrorCode::size_mismatch, "vectors",
         {"vectors must be rows of ", vectors.dimensions, " numbers; got ", vectors.values.size()});
  }
  require_range<std::size_t>(vectors.size(), 1, (std::size_t{1} << 28) - 1, "vectors");
  return vectors;
}

// hnswlib's own words for it.
[[noreturn]] void rethrow(const std::runtime_error& error) {
  if (std::string_view(error.what()).starts_with("Not enough memory")) throw std::bad_alloc();
  throw;
}

}  // namespace

struct HnswIndex::Graph {
  Graph(std::size_t size, std::size_t stride, const HnswOptions& options)
      : space(stride), nsw(&space, size, options.m, options.ef_construction) {
    // Levels are drawn here: the standard library's generators differ from one to the next.
    nsw.mult_ = 0;
    // For updates by several threads, of which there are none; 65,536 of them.
    std::vector<std::mutex>().swap(nsw.label_op_locks_);
  }

  float* vector(tableint index) const {
    return reinterpret_cast<float*>(nsw.getDataByInternalId(index));
  }

  InnerProducts space;
  hnswlib::HierarchicalNSW<float> nsw;
};

HnswIndex::HnswIndex(const HnswOptions& options, std::size_t size, std::size_t dimensions)
    : options_(checked(options)), size_(size), dimensions_(dimensions), random_(options.seed) {
  const std::size_t stride = padded(dimensions);
  const std::size_t per_vector =
      sizeof(float) * stride + sizeof(tableint) * (2 * options.m + 1) + sizeof(std::size_t);
  // What hnswlib multiplies unchecked.
  if (size > std::numeric_limits<std::size_t>::max() / per_vector) throw std::bad_alloc();
  try {
    graph_ = std::make_unique<Graph>(size, stride, options);
  } catch (const std::runtime_error& error) {
    rethrow(error);
  }
}

HnswIndex::HnswIndex(VectorList vectors, const HnswOptions& options)
    : HnswIndex(options, checked(vectors).size(), vectors.dimensions) {
  waiting_ = std::move(vectors);
  for (std::size_t k = 0; k < size_; ++k) {
    const std::span vector(waiting_.values.data() + k * dimensions_, dimensions_);
    check_length(vector, "vectors");
  }
}

HnswIndex::HnswIndex(HnswIndex&&) noexcept = default;
HnswIndex::~HnswIndex() = default;

std::size_t HnswIndex::add(double milliseconds, double (*now)()) {
  auto& nsw = graph_->nsw;
  const double end = now() + milliseconds;
  AlignedFloats row(padded(dimensions_));
  std::size_t count = nsw.cur_element_count;
  try {
    while (count < size_) {
      const std::span vector(waiting_.values.data() + count * dimensions_, dimensions_);
      place(vector, options_.metric, row);
      const double draw = -portable_log(1 - random_.uniform()) / portable_log(options_.m);
      const double level = std::min(std::floor(draw), double(highest_level));
      nsw.addPoint(row.data(), count, static_cast<int>(level));
      ++count;
      if (now() >= end) break;
    }
  } catch (const std::runtime_error& error) {
    rethrow(error);
  }
  if (count == size_) close_building();
  return count;
}

// Searching needs none of what follows.
void HnswIndex::close_building() {
  waiting_ = {};
  std::vector<std::mutex>().swap(graph_->nsw.link_list_locks_);
  std::unordered_map<hnswlib::labeltype, tableint>().swap(graph_->nsw.label_lookup_);
}

std::vector<Scored> HnswIndex::search(std::span<const float> query, std::size_t n,
                                      std::size_t ef) const {
  require_range<std::size_t>(n, 1, 0xffffffff, "n");
  require_range<std::size_t>(ef, 1, HnswOptions::most_ef, "ef");
  require_same_size(query.size(), dimensions_, "vector");
  check_length(query, "vector");
  AlignedFloats row(padded(dimensions_));
  place(query, options_.metric, row);
  auto& nsw = graph_->nsw;
  n = std::min(n, size_);
  nsw.setEf(std::max(std::min(ef, size_), n));
  auto found = nsw.searchKnn(row.data(), n);
  BestN best(n);
  for (; !found.empty(); found.pop()) {
    const float score = -found.top().first;
    best.offer(static_cast<std::uint32_t>(found.top().second),
               options_.metric == HnswMetric::cosine ? std::clamp(score, -1.0f, 1.0f) : score);
  }
  return best.take();
}

HnswGraph HnswIndex::graph() const {
  const auto& nsw = graph_->nsw;
  HnswGraph result;
  result.options = options_;
  result.vectors.dimensions = dimensions_;
  result.vectors.values.reserve(size_ * dimensions_);
  result.entry = nsw.enterpoint_node_;
  for (tableint k = 0; k < size_; ++k) {
    const float* vector = graph_->vector(k);
    result.vectors.values.insert(result.vectors.values.end(), vector, vector + dimensions_);
    result.levels.push_back(static_cast<std::uint8_t>(nsw.element_levels_[k]));
    for (int level = 0; level <= nsw.element_levels_[k]; ++level) {
      const auto* list = nsw.get_linklist_at_level(k, level);
      const std::uint32_t count = nsw.getListCount(const_cast<unsigned*>(list));
      result.link_counts.push_back(count);
      result.links.insert(result.links.end(), list + 1, list + 1 + count);
    }
  }
  return result;
}

HnswIndex::HnswIndex(const HnswGraph& graph)
    : HnswIndex(graph.options, graph.vectors.size(), graph.vectors.dimensions) {
  auto& nsw = graph_->nsw;
  const std::uint32_t* count = graph.link_counts.data();
  const std::uint32_t* links = graph.links.data();
  for (tableint k = 0; k < size_; ++k) {
    std::memset(nsw.get_linklist0(k), 0, nsw.size_data_per_element_);
    std::memcpy(graph_->vector(k), graph.vectors.values.data() + k * dimensions_,
                dimensions_ * sizeof(float));
    nsw.setExternalLabel(k, k);
    const std::size_t level = graph.levels[k];
    if (level > 0) {
      nsw.linkLists_[k] = static_cast<char*>(std::calloc(level, nsw.size_links_per_element_));
      if (nsw.linkLists_[k] == nullptr) throw std::bad_alloc();
    }
    // Only now: hnswlib's destructor frees the lists of those that count.
    nsw.element_levels_[k] = static_cast<int>(level);
    nsw.cur_element_count = k + 1;
    for (std::size_t at = 0; at <= level; ++at, links += *count++) {
      auto* list = nsw.get_linklist_at_level(k, static_cast<int>(at));
      nsw.setListCount(list, static_cast<unsigned short>(*count));
      std::copy_n(links, *count, list + 1);
    }
  }
  nsw.enterpoint_node_ = graph.entry;
  nsw.maxlevel_ = graph.levels[graph.entry];
  close_building();
}

}  // namespace featherfm
