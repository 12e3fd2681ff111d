// An HNSW index as a safetensors file.
//
//   vectors [n, dimensions]   F32, as given for inner products, scaled to length 1 for cosines
//   levels [n]                U8, levels above the bottom on which a vector stands
//   link_counts [lists]       U32, of every vector from its bottom list up
//   links [sum of counts]     U32, which vectors they lead to
//   ids [bytes]               U8, a JSON list of the caller's ids
//
// metadata: format "featherfm-hnsw", format_version "1", metric "dot" | "cosine", m,
// ef_construction, seed, entry (the vector at the top where searches begin).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "hnsw/hnsw_index.h"
#include "io/safetensors.h"

namespace featherfm {

std::vector<std::byte> write_hnsw(const HnswGraph& graph, const std::string& ids);

struct HnswFile {
  HnswGraph graph;
  std::string ids;  // not looked into
};

// Throws Error{malformed_file} for everything read_safetensors() refuses, another format, missing,
// wrongly typed or shaped tensors, vectors that are not finite or too long, lists longer than m
// allows, links out of range, to the vector itself or to one that does not stand on their level,
// and an entry that is not at the top. What is read can be searched without further checks.
HnswFile read_hnsw(Bytes bytes);

}  // namespace featherfm
