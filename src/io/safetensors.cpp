#include "io/safetensors.h"

#include <limits>
#include <utility>

#include "base/error.h"

namespace featherfm {

void malformed(std::initializer_list<Part> why) {
  fail(ErrorCode::malformed_file, "bytes", {"not a valid model file: ", joined(why)});
}

namespace {

constexpr std::size_t length_bytes = 8;
constexpr std::uint64_t longest_header = 100'000'000;  // the reference implementation's limit
// Far more than any model has; the searches over them are quadratic.
constexpr std::size_t most_entries = 1024;
constexpr std::string_view metadata_key = "__metadata__";

std::uint64_t bytes_per_element(const std::string& dtype) {
  static constexpr std::pair<std::string_view, std::uint64_t> sizes[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"U16", 2}, {"I16", 2}, {"F16", 2}, {"BF16", 2},
      {"U32", 4},  {"I32", 4}, {"F32", 4}, {"U64", 8}, {"I64", 8}, {"F64", 8}};
  for (const auto& [name, size] : sizes) {
    if (dtype == name) return size;
  }
  malformed({"unknown dtype \"", dtype, "\""});
}

// a * b, refused when it does not fit.
std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  if (b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b)
    malformed({"a shape is too large"});
  return a * b;
}

void require_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t more = lead < 0x80                    ? 0
                             : lead >= 0xc2 && lead <= 0xdf ? 1
                             : (lead & 0xf0) == 0xe0        ? 2
                             : lead >= 0xf0 && lead <= 0xf4 ? 3
                                                            : 4;
    if (more == 4 || i + more >= text.size()) malformed({"the header is not UTF-8"});
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      // Overlong forms, surrogates and what lies beyond Unicode show in the first continuation
      // byte.
      const unsigned low = k > 1 ? 0x80 : lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
      const unsigned high = k > 1 ? 0xbf : lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
      if (next < low || next > high) malformed({"the header is not UTF-8"});
    }
    i += more + 1;
  }
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | (code >> 6));
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3f));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

// Reads just the JSON a safetensors header consists of, strictly: objects of fixed depth, strings,
// and lists of whole numbers. No recursion, so no depth to attack; no dependency, since a general
// JSON library outweighs the whole engine.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  TensorFile read(Bytes data) {
    TensorFile file;
    each_key([&](const std::string& name) {
      if (name == metadata_key) {
        if (has_metadata_) malformed({"duplicate key \"__metadata__\""});
        has_metadata_ = true;
        each_key([&](const std::string& key) {
          if (file.find_metadata(key)) malformed({"duplicate metadata ", key});
          if (file.metadata.size() == most_entries) malformed({"too much metadata"});
          file.metadata.push_back({key, string()});
        });
      } else {
        if (file.find_tensor(name)) malformed({"duplicate tensor \"", name, "\""});
        if (file.tensors.size() == most_entries) malformed({"too many tensors"});
        file.tensors.push_back(tensor(name, data));
      }
    });
    skip_space();
    if (at_ != text_.size()) malformed({"text behind the header's end"});
    require_no_gaps(file, data);
    return file;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }

  char next() {
    if (at_ == text_.size()) malformed({"the header ends too early"});
    return text_[at_++];
  }

  bool take(char expected) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != expected) return false;
    ++at_;
    return true;
  }

  void expect(char expected) {
    if (!take(expected)) {
      malformed(
          {"expected '", std::string_view(&expected, 1), "' at byte ", at_, " of the header"});
    }
  }

  // {"key": ..., "key": ...}, calling `value` behind each colon.
  template <class Value>
  void each_key(const Value& value) {
    expect('{');
    if (take('}')) return;
    do {
      const std::string key = string();
      expect(':');
      value(key);
    } while (take(','));
    expect('}');
  }

  std::string string() {
    expect('"');
    std::string result;
    for (char c = next(); c != '"'; c = next()) {
      if (static_cast<unsigned char>(c) < 0x20) malformed({"a control character in a string"});
      if (c == '\\') {
        escape(result);
      } else {
        result.push_back(c);
      }
    }
    return result;
  }

  void escape(std::string& out) {
    static constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    const char c = next();
    if (const auto index = letters.find(c); index != std::string_view::npos) {
      out.push_back(meanings[index]);
      return;
    }
    if (c != 'u') malformed({"an unknown escape in a string"});
    std::uint32_t code = hex4();
    if (code >= 0xd800 && code <= 0xdbff) {
      if (next() != '\\' || next() != 'u') malformed({"half a surrogate pair"});
      const std::uint32_t low = hex4();
      if (low < 0xdc00 || low > 0xdfff) malformed({"half a surrogate pair"});
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
      malformed({"half a surrogate pair"});
    }
    append_utf8(out, code);
  }

  std::uint32_t hex4() {
    std::uint32_t code = 0;
    for (int k = 0; k < 4; ++k) {
      const char c = next();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) malformed({"a damaged \\u escape"});
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  std::uint64_t whole_number() {
    skip_space();
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      const auto digit = static_cast<std::uint64_t>(text_[at_++] - '0');
      if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) {
        malformed({"a number is too large"});
      }
      value = value * 10 + digit;
    }
    if (at_ == begin) malformed({"expected a whole number at byte ", at_, " of the header"});
    if (text_[begin] == '0' && at_ - begin > 1) malformed({"a number with a leading zero"});
    return value;
  }

  std::vector<std::uint64_t> whole_numbers(std::size_t most) {
    std::vector<std::uint64_t> numbers;
    expect('[');
    if (take(']')) return numbers;
    do {
      if (numbers.size() == most) malformed({"a list is too long"});
      numbers.push_back(whole_number());
    } while (take(','));
    expect(']');
    return numbers;
  }

  Tensor tensor(const std::string& name, Bytes data) {
    Tensor result;
    result.name = name;
    std::vector<std::uint64_t> offsets;
    bool has_dtype = false, has_shape = false, has_offsets = false;
    const auto once = [](bool& seen, const std::string& key) {
      if (std::exchange(seen, true)) malformed({"duplicate key \"", key, "\""});
    };
    each_key([&](const std::string& key) {
      if (key == "dtype") {
        once(has_dtype, key);
        result.dtype = string();
      } else if (key == "shape") {
        once(has_shape, key);
        result.shape = whole_numbers(8);
      } else if (key == "data_offsets") {
        once(has_offsets, key);
        offsets = whole_numbers(2);
      } else {
        malformed({"unknown key \"", key, "\""});
      }
    });
    if (!has_dtype || !has_shape || offsets.size() != 2)
      malformed({"a tensor is described incompletely"});
    if (offsets[0] > offsets[1] || offsets[1] > data.size())
      malformed({"a tensor lies outside the file"});
    std::uint64_t size = bytes_per_element(result.dtype);
    for (const std::uint64_t extent : result.shape) size = product(size, extent);
    if (size != offsets[1] - offsets[0]) malformed({"a tensor's shape and size do not match"});
    result.bytes =
        data.subspan(static_cast<std::size_t>(offsets[0]), static_cast<std::size_t>(size));
    return result;
  }

  // Follows the tensors from the first byte to the last: each must begin where another ends.
  static void require_no_gaps(const TensorFile& file, Bytes data) {
    const std::byte* at = data.data();
    std::size_t met = 0, filled = 0;
    for (const Tensor& tensor : file.tensors) filled += tensor.bytes.empty() ? 0 : 1;
    for (; met < filled; ++met) {
      const Tensor* next = nullptr;
      for (const Tensor& tensor : file.tensors) {
        if (tensor.bytes.data() == at && !tensor.bytes.empty()) next = &tensor;
      }
      if (next == nullptr) malformed({"tensors overlap or leave a gap"});
      at += next->bytes.size();
    }
    if (at != data.data() + data.size()) malformed({"the file is longer than its tensors"});
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool has_metadata_ = false;
};

std::string quoted(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += {'\\', c};
    } else if (byte < 0x20) {
      result += "\\u00";
      result += {digits[byte >> 4], digits[byte & 15]};
    } else {
      result += c;
    }
  }
  result += '"';
  return result;
}

}  // namespace

const std::string* TensorFile::find_metadata(std::string_view key) const {
  for (const Metadata& entry : metadata) {
    if (entry.key == key) return &entry.text;
  }
  return nullptr;
}

const Tensor* TensorFile::find_tensor(std::string_view name) const {
  for (const Tensor& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

TensorFile read_safetensors(Bytes file) {
  if (file.size() < length_bytes) malformed({"it is shorter than 8 bytes"});
  std::uint64_t length = 0;
  for (std::size_t k = length_bytes; k-- > 0;) {
    length = length << 8 | std::to_integer<std::uint64_t>(file[k]);
  }
  if (length > longest_header || length > file.size() - length_bytes) {
    malformed({"the header is longer than the file"});
  }
  const std::string_view header(reinterpret_cast<const char*>(file.data()) + length_bytes,
                                static_cast<std::size_t>(length));
  require_utf8(header);
  return HeaderReader(header).read(file.subspan(length_bytes + static_cast<std::size_t>(length)));
}

std::vector<std::byte> write_safetensors(const TensorFile& content) {
  std::string header = joined({"{", quoted(metadata_key), ":{"});
  const char* comma = "";
  for (const auto& [key, text] : content.metadata) {
    header += joined({comma, quoted(key), ":", quoted(text)});
    comma = ",";
  }
  header += '}';
  std::uint64_t offset = 0;
  for (const Tensor& tensor : content.tensors) {
    header +=
        joined({",", quoted(tensor.name), ":{\"dtype\":", quoted(tensor.dtype), ",\"shape\":["});
    comma = "";
    for (const std::uint64_t extent : tensor.shape) {
      header += joined({comma, extent});
      comma = ",";
    }
    const std::uint64_t end = offset + tensor.bytes.size();
    header += joined({"],\"data_offsets\":[", offset, ",", end, "]}"});
    offset = end;
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');

  std::vector<std::byte> file;
  file.reserve(length_bytes + header.size() + static_cast<std::size_t>(offset));
  for (std::size_t k = 0; k < length_bytes; ++k) {
    file.push_back(static_cast<std::byte>(std::uint64_t{header.size()} >> (8 * k) & 0xff));
  }
  for (const char c : header) file.push_back(static_cast<std::byte>(c));
  for (const Tensor& tensor : content.tensors) {
    file.insert(file.end(), tensor.bytes.begin(), tensor.bytes.end());
  }
  return file;
}

}  // namespace featherfm
