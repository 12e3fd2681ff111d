// The HNSW index, in a WebAssembly module of its own.
#include "hnsw/hnsw_index.h"

#include <emscripten/bind.h>
#include <emscripten/emscripten.h>

#include <memory>
#include <string>

#include "../arrays.h"
#include "../guard.h"
#include "hnsw/hnsw_file.h"

namespace featherfm::bindings {
namespace {

// An index with the ids it was saved with.
struct HnswHandle {
  HnswIndex index;
  std::string ids;
};

using Shared = std::shared_ptr<HnswHandle>;

HnswMetric metric_of(const Options& given) {
  return choice<HnswMetric>(given.text("metric"), "metric",
                            {{"dot", HnswMetric::dot}, {"cosine", HnswMetric::cosine}});
}

Shared make_index(const val& vectors, std::uint32_t dimensions, const val& options) {
  return guarded([&] {
    const Options given(options);
    const HnswOptions wanted{metric_of(given), given.index("m"), given.index("efConstruction"),
                             given.seed()};
    return Shared(new HnswHandle{HnswIndex({from_js<float>(vectors), dimensions}, wanted), ""});
  });
}

// How many vectors are in.
std::size_t add(HnswHandle& handle, double milliseconds) {
  return guarded([&] { return handle.index.add(milliseconds, emscripten_get_now); });
}

// {indices, scores, ends}: what was found for each of the queries, one after the other, and where
// each one's end.
val search(const HnswHandle& handle, const val& queries, std::uint32_t n, std::uint32_t ef) {
  return guarded([&] {
    const auto all = from_js<float>(queries);
    const std::size_t dimensions = handle.index.dimensions();
    std::vector<std::uint32_t> indices, ends;
    std::vector<float> scores;
    for (std::size_t at = 0; at < all.size(); at += dimensions) {
      const std::size_t left = std::min(dimensions, all.size() - at);
      for (const Scored& found : handle.index.search({all.data() + at, left}, n, ef)) {
        indices.push_back(found.index);
        scores.push_back(found.score);
      }
      ends.push_back(static_cast<std::uint32_t>(indices.size()));
    }
    val result = val::object();
    set(result, "indices", to_js(indices));
    set(result, "scores", to_js(scores));
    set(result, "ends", to_js(ends));
    return result;
  });
}

val save(const HnswHandle& handle, const std::string& ids) {
  return guarded([&] {
    const auto bytes = write_hnsw(handle.index.graph(), ids);
    return to_js(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  });
}

Shared load_index(const val& bytes) {
  return guarded([&] {
    const auto copy = from_js<std::uint8_t>(bytes);
    const HnswFile file = read_hnsw(std::as_bytes(std::span(copy)));
    return Shared(new HnswHandle{HnswIndex(file.graph), file.ids});
  });
}

}  // namespace

EMSCRIPTEN_BINDINGS(hnsw) {
  using namespace emscripten;
  class_<HnswHandle>("Index")
      .smart_ptr<Shared>("IndexHandle")
      .property(
          "size", +[](const HnswHandle& h) { return h.index.size(); })
      .property(
          "dimensions", +[](const HnswHandle& h) { return h.index.dimensions(); })
      .property(
          "metric",
          +[](const HnswHandle& h) {
            return std::string(h.index.options().metric == HnswMetric::dot ? "dot" : "cosine");
          })
      .property(
          "ids", +[](const HnswHandle& h) { return h.ids; })
      .function("add(milliseconds)", &add)
      .function("search(queries, n, ef)", &search)
      .function("save(ids)", &save);
  function("makeIndex(vectors, dimensions, options)", &make_index);
  function("loadIndex(bytes)", &load_index);
}

}  // namespace featherfm::bindings
