// The safetensors format: 8 bytes of little-endian header length, a JSON header, then the tensors without gaps.
//   {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
// A file is treated as hostile: nothing in it is believed before it is checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace featherfm {

using Bytes = std::span<const std::byte>;

struct Tensor {
  std::string dtype;  // "F32", "U8", ... as the format names them
  std::vector<std::uint64_t> shape;
  Bytes bytes;  // into the file; of any alignment
};

struct TensorFile {
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;
};

// Reads the structure; the tensors point into `file`, which must outlive the result.
// Throws Error{malformed_file} for a file that is too short, whose header is no JSON of the form above (unknown or missing
// or duplicate keys, a header longer than 100 MB, invalid UTF-8), an unknown dtype, a shape whose product overflows or does
// not match the offsets, and offsets that overlap, leave gaps or do not end with the file.
TensorFile read_safetensors(Bytes file);

// Tensors are written in order of name; the data begin at a multiple of 8 bytes.
std::vector<std::byte> write_safetensors(const TensorFile& content);

}  // namespace featherfm
