#include "hnsw/hnsw_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace featherfm {
namespace {

constexpr const char* format = "featherfm-hnsw";

template <class T>
Tensor tensor(const char* name, const char* dtype, std::vector<std::uint64_t> shape,
              const T& values) {
  return {name, dtype, std::move(shape), std::as_bytes(std::span(values))};
}

const Tensor& find(const TensorFile& file, const char* name, const char* dtype,
                   std::size_t dimensions) {
  const Tensor* found = file.find_tensor(name);
  if (found == nullptr) malformed({"it has no tensor ", name});
  if (found->dtype != dtype || found->shape.size() != dimensions) {
    malformed({name, " must be ", dtype, " with ", dimensions, " dimensions"});
  }
  return *found;
}

template <class T>
std::vector<T> values_of(const Tensor& tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

const std::string& text(const TensorFile& file, const char* key) {
  const std::string* found = file.find_metadata(key);
  if (found == nullptr) malformed({"its metadata have no ", key});
  return *found;
}

// A whole number in decimal digits.
std::uint64_t number(const TensorFile& file, const char* key, std::uint64_t least,
                     std::uint64_t most) {
  const std::string& digits = text(file, key);
  std::uint64_t value = 0;
  bool valid = !digits.empty() && digits.size() <= 16;  // no overflow
  for (const char digit : digits) {
    valid = valid && digit >= '0' && digit <= '9';
    if (valid) value = value * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  if (!valid || value < least || value > most) {
    malformed({key, " must be a whole number from ", least, " to ", most});
  }
  return value;
}

void check_vectors(const VectorList& vectors) {
  for (std::size_t k = 0; k < vectors.size(); ++k) {
    double square = 0;
    for (std::size_t d = 0; d < vectors.dimensions; ++d) {
      const double x = vectors.values[k * vectors.dimensions + d];
      square += x * x;
    }
    if (!(square < double{HnswIndex::longest} * HnswIndex::longest)) {
      malformed({"a vector is too long or not finite"});
    }
  }
}

void check_links(const HnswGraph& graph) {
  const auto& levels = graph.levels;
  const std::uint64_t size = levels.size();
  std::uint64_t lists = 0;
  for (const std::uint8_t level : levels) {
    if (level > HnswIndex::highest_level) malformed({"a level is too high"});
    lists += level + 1u;
  }
  if (graph.link_counts.size() != lists) malformed({"link_counts do not fit the levels"});
  std::uint64_t total = 0;
  for (const std::uint32_t count : graph.link_counts) total += count;
  if (graph.links.size() != total) malformed({"links do not fit link_counts"});

  const std::uint32_t* count = graph.link_counts.data();
  const std::uint32_t* link = graph.links.data();
  for (std::size_t k = 0; k < size; ++k) {
    for (std::uint32_t level = 0; level <= levels[k]; ++level, ++count) {
      if (*count > (level == 0 ? 2 * graph.options.m : graph.options.m)) {
        malformed({"a vector has more links than m allows"});
      }
      for (const std::uint32_t* end = link + *count; link != end; ++link) {
        if (*link >= size || *link == k) malformed({"a link leads nowhere"});
        if (levels[*link] < level) malformed({"a link leads to a vector below its level"});
      }
    }
  }
  if (graph.entry >= size || levels[graph.entry] != *std::ranges::max_element(levels)) {
    malformed({"searches would not begin at the top"});
  }
}

}  // namespace

std::vector<std::byte> write_hnsw(const HnswGraph& graph, const std::string& ids) {
  const HnswOptions& options = graph.options;
  TensorFile file;
  file.metadata = {{"format", format},
                   {"format_version", "1"},
                   {"metric", options.metric == HnswMetric::dot ? "dot" : "cosine"},
                   {"m", joined({options.m})},
                   {"ef_construction", joined({options.ef_construction})},
                   {"seed", std::to_string(options.seed)},
                   {"entry", joined({graph.entry})}};
  file.tensors = {
      tensor("vectors", "F32", {graph.vectors.size(), graph.vectors.dimensions},
             graph.vectors.values),
      tensor("link_counts", "U32", {graph.link_counts.size()}, graph.link_counts),
      tensor("links", "U32", {graph.links.size()}, graph.links),
      tensor("levels", "U8", {graph.levels.size()}, graph.levels),
      tensor("ids", "U8", {ids.size()}, ids),
  };
  return write_safetensors(file);
}

HnswFile read_hnsw(Bytes bytes) {
  const TensorFile file = read_safetensors(bytes);
  if (text(file, "format") != format) malformed({"it holds no HNSW index"});
  if (text(file, "format_version") != "1") {
    malformed({"it has format version ", text(file, "format_version"),
               "; this version of FeatherFM reads version 1"});
  }
  HnswFile result;
  HnswGraph& graph = result.graph;
  const std::string& metric = text(file, "metric");
  if (metric != "dot" && metric != "cosine") malformed({"unknown metric \"", metric, "\""});
  graph.options.metric = metric == "dot" ? HnswMetric::dot : HnswMetric::cosine;
  const auto index = [&](const char* key, std::uint32_t least, std::uint32_t most) {
    return static_cast<std::uint32_t>(number(file, key, least, most));
  };
  graph.options.m = index("m", HnswOptions::least_m, HnswOptions::most_m);
  graph.options.ef_construction = index("ef_construction", 1, HnswOptions::most_ef);
  graph.options.seed = number(file, "seed", 0, 9007199254740991);
  graph.entry = index("entry", 0, 0xfffffffe);

  const Tensor& vectors = find(file, "vectors", "F32", 2);
  // A row without columns takes no bytes, so that a file could claim any number of them.
  if (vectors.shape[0] < 1 || vectors.shape[0] >= (std::uint64_t{1} << 28) ||
      vectors.shape[1] < 1 || vectors.shape[1] > 65536) {
    malformed({"vectors have an impossible shape"});
  }
  graph.levels = values_of<std::uint8_t>(find(file, "levels", "U8", 1));
  if (graph.levels.size() != vectors.shape[0]) malformed({"levels do not fit the vectors"});
  graph.vectors = {values_of<float>(vectors), static_cast<std::size_t>(vectors.shape[1])};
  graph.link_counts = values_of<std::uint32_t>(find(file, "link_counts", "U32", 1));
  graph.links = values_of<std::uint32_t>(find(file, "links", "U32", 1));
  check_vectors(graph.vectors);
  check_links(graph);
  const auto ids = values_of<char>(find(file, "ids", "U8", 1));
  result.ids.assign(ids.begin(), ids.end());
  return result;
}

}  // namespace featherfm
