// The safetensors format: 8 bytes of little-endian header length, a JSON header, then the tensors
// without gaps.
//   {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0,
//   24]}, ...}
// A file is treated as hostile: nothing in it is believed before it is checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace featherfm {

using Bytes = std::span<const std::byte>;

struct Tensor {
  std::string name;
  std::string dtype;  // "F32", "U8", ... as the format names them
  std::vector<std::uint64_t> shape;
  Bytes bytes;  // into the file; of any alignment
};

struct TensorFile {
  struct Metadata {
    std::string key, text;
  };
  std::vector<Metadata> metadata;
  std::vector<Tensor> tensors;

  // Null where there is none. Files hold a dozen of each: a search in order is quick.
  const std::string* find_metadata(std::string_view key) const;
  const Tensor* find_tensor(std::string_view name) const;
};

// Throws Error{malformed_file}: what every reader of model files says of a file it does not trust.
[[noreturn]] void malformed(std::initializer_list<Part> why);

// Reads the structure; the tensors point into `file`, which must outlive the result.
// Throws Error{malformed_file} for a file that is too short, whose header is no JSON of the form
// above (unknown or missing or duplicate keys, a header longer than 100 MB, invalid UTF-8), an
// unknown dtype, a shape whose product overflows or does not match the offsets, and offsets that
// overlap, leave gaps or do not end with the file.
TensorFile read_safetensors(Bytes file);

// Tensors are written in the order given; the data begin at a multiple of 8 bytes.
std::vector<std::byte> write_safetensors(const TensorFile& content);

}  // namespace featherfm
