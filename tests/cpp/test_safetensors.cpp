#include "io/safetensors.h"

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

using Buffer = std::vector<std::byte>;

Buffer bytes_of(const std::string& text) {
  Buffer bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

// A file with this header and `size` bytes of data: 0, 1, 2, ...
Buffer file_with(const std::string& header, std::size_t size = 0) {
  std::string text;
  for (int k = 0; k < 8; ++k)
    text += static_cast<char>(std::uint64_t{header.size()} >> (8 * k) & 0xff);
  text += header;
  for (std::size_t k = 0; k < size; ++k) text += static_cast<char>(k);
  return bytes_of(text);
}

std::string outcome(const Buffer& file) {
  return error_of([&] { read_safetensors(file); });
}

// Of a header over 16 bytes of data.
std::string outcome(const std::string& header) {
  return outcome(file_with(header, 16));
}

constexpr const char* refused = "MALFORMED_FILE bytes";

TensorFile two_tensors(std::span<const float> floats, std::span<const std::uint8_t> small) {
  TensorFile content;
  content.metadata = {{"format", "featherfm"}, {"quote", "\"\\\n\t\x01"}, {"umlaut", "\xc3\xbc"}};
  content.tensors = {{"matrix", "F32", {2, 3}, std::as_bytes(floats)},
                     {"nothing", "F32", {0, 5}, {}},
                     {"a list", "U8", {3}, std::as_bytes(small)}};
  return content;
}

const std::array<float, 6> some_floats{
    1.5f, -0.0f, 1e-45f, std::numeric_limits<float>::max(), std::numeric_limits<float>::infinity(),
    3.25f};
const std::array<std::uint8_t, 3> some_bytes{0, 255, 7};

// Whatever was accepted must be consistent and lie within the file.
void require_sound(const TensorFile& content, const Buffer& file) {
  for (const Tensor& tensor : content.tensors) {
    if (tensor.bytes.empty()) continue;
    REQUIRE(tensor.bytes.data() >= file.data() + 8);
    REQUIRE(tensor.bytes.data() + tensor.bytes.size() <= file.data() + file.size());
    std::uint64_t elements = 1;
    for (const std::uint64_t extent : tensor.shape) elements *= extent;
    REQUIRE(elements > 0);
    REQUIRE(tensor.bytes.size() % elements == 0);
  }
}

// Reads a damaged file: it is refused as malformed, or sound.
void survive(const Buffer& file) {
  try {
    require_sound(read_safetensors(file), file);
  } catch (const Error& error) {
    REQUIRE(error.code() == ErrorCode::malformed_file);
    REQUIRE(error.argument() == "bytes");
  }
}

}  // namespace

TEST_CASE("what is written is read back bit for bit") {
  const TensorFile content = two_tensors(some_floats, some_bytes);
  const Buffer file = write_safetensors(content);
  const TensorFile read = read_safetensors(file);
  REQUIRE(read.metadata.size() == content.metadata.size());
  for (std::size_t k = 0; k < content.metadata.size(); ++k) {
    CHECK(read.metadata[k].key == content.metadata[k].key);
    CHECK(read.metadata[k].text == content.metadata[k].text);
  }
  REQUIRE(read.tensors.size() == content.tensors.size());
  for (std::size_t k = 0; k < content.tensors.size(); ++k) {
    const Tensor &tensor = content.tensors[k], &same = read.tensors[k];
    CHECK(same.name == tensor.name);
    CHECK(same.dtype == tensor.dtype);
    CHECK(same.shape == tensor.shape);
    CHECK(std::ranges::equal(same.bytes, tensor.bytes));
  }
  CHECK(write_safetensors(read) == file);
}

TEST_CASE("data begin at a multiple of eight bytes") {
  for (std::size_t length = 0; length < 9; ++length) {
    TensorFile content;
    content.metadata = {{"padding", std::string(length, 'x')}};
    content.tensors = {{"t", "U8", {3}, std::as_bytes(std::span(some_bytes))}};
    const Buffer file = write_safetensors(content);
    const TensorFile read = read_safetensors(file);
    CHECK((read.tensors[0].bytes.data() - file.data()) % 8 == 0);
  }
}

TEST_CASE("nothing at all can be written and read") {
  const Buffer file = write_safetensors({});
  const TensorFile read = read_safetensors(file);
  CHECK(read.metadata.empty());
  CHECK(read.tensors.empty());
  CHECK(outcome(file_with("{}")) == "nothing");
}

TEST_CASE("Python's safetensors opens what is written here") {
  // safetensors 0.8.0: safetensors.deserialize(bytes) and numpy.load(bytes) gave back both tensors
  // and the metadata of exactly these bytes.
  const std::array<float, 2> values{1.5f, -2};
  TensorFile content;
  content.metadata = {{"format", "featherfm"}, {"note", "d\xc3\xa9j\xc3\xa0 \"vu\"\n"}};
  content.tensors = {{"ids", "U8", {3}, std::as_bytes(std::span(some_bytes))},
                     {"weights", "F32", {1, 2}, std::as_bytes(std::span(values))}};
  const std::string header = R"({"__metadata__":{"format":"featherfm","note":"déjà \"vu\"\u000a"},)"
                             R"("ids":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                             R"("weights":{"dtype":"F32","shape":[1,2],"data_offsets":[3,11]}})";
  const std::string padded_header = header + std::string((8 - header.size() % 8) % 8, ' ');
  const Buffer expected =
      bytes_of(static_cast<char>(padded_header.size()) + std::string(7, '\0') + padded_header +
               std::string("\x00\xff\x07\x00\x00\xc0\x3f\x00\x00\x00\xc0", 11));
  CHECK(write_safetensors(content) == expected);
}

TEST_CASE("a file written by Python's safetensors is read") {
  // safetensors 0.8.0, numpy 2.4.6: safetensors.numpy.save({"weights": [[1.5, -2], [0.25, 3]] as
  // float32, "ids": [7, 8, 9] as uint8, "none": zeros((0, 4), float32), "wide": [-1, 2**40] as
  // int64}, metadata={"format": "pt", "note": 'déjà "vu"\n'})
  const std::string header = R"({"__metadata__":{"format":"pt","note":"déjà \"vu\"\n"},)"
                             R"("wide":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},)"
                             R"("none":{"dtype":"F32","shape":[0,4],"data_offsets":[16,16]},)"
                             R"("weights":{"dtype":"F32","shape":[2,2],"data_offsets":[16,32]},)"
                             R"("ids":{"dtype":"U8","shape":[3],"data_offsets":[32,35]}}   )";
  const std::string data(
      "\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x01\x00\x00"
      "\x00\x00\xc0\x3f\x00\x00\x00\xc0\x00\x00\x80\x3e\x00\x00\x40\x40\x07\x08\x09",
      35);
  const Buffer file = bytes_of(std::string("\x28\x01\x00\x00\x00\x00\x00\x00", 8) + header + data);
  REQUIRE(file.size() == 339);
  const TensorFile read = read_safetensors(file);
  REQUIRE(read.metadata.size() == 2);
  CHECK(*read.find_metadata("format") == "pt");
  CHECK(*read.find_metadata("note") == "d\xc3\xa9j\xc3\xa0 \"vu\"\n");
  CHECK(read.find_metadata("Format") == nullptr);
  REQUIRE(read.tensors.size() == 4);
  CHECK(read.find_tensor("weight") == nullptr);
  const Tensor& weights = *read.find_tensor("weights");
  CHECK(weights.dtype == "F32");
  CHECK(weights.shape == std::vector<std::uint64_t>{2, 2});
  std::array<float, 4> values{};
  std::memcpy(values.data(), weights.bytes.data(), weights.bytes.size());
  CHECK(values == std::array{1.5f, -2.0f, 0.25f, 3.0f});
  CHECK(std::to_integer<int>(read.find_tensor("ids")->bytes[2]) == 9);
  CHECK(read.find_tensor("none")->bytes.empty());
  CHECK(read.find_tensor("wide")->bytes.size() == 16);
}

TEST_CASE("white space, order of keys and escapes are free") {
  CHECK(outcome(R"( {
    "t" : { "data_offsets" : [ 0 , 16 ] , "shape" : [ 4 ] ,)"
                "\t\r\n"
                R"( "dtype" : "F32" } } )") == "nothing");
  CHECK(outcome(R"({"t":{"dtype":"F\u0033\u0032","shape":[2,2],"data_offsets":[0,16]}})") ==
        "nothing");
  const Buffer file =
      file_with(R"({"\ud83d\ude00\/\b":{"dtype":"U8","shape":[16],"data_offsets":[0,16]}})", 16);
  CHECK(read_safetensors(file).tensors[0].name == "\xf0\x9f\x98\x80/\b");
}

TEST_CASE("every dtype of the format is known, with its size") {
  const std::pair<const char*, int> sizes[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"U16", 2}, {"I16", 2}, {"F16", 2}, {"BF16", 2},
      {"U32", 4},  {"I32", 4}, {"F32", 4}, {"U64", 8}, {"I64", 8}, {"F64", 8}};
  for (const auto& [dtype, size] : sizes) {
    CHECK(outcome(std::string(R"({"t":{"dtype":")") + dtype + R"(","shape":[)" +
                  std::to_string(16 / size) + R"(],"data_offsets":[0,16]}})") == "nothing");
  }
}

TEST_CASE("a scalar has an empty shape, and empty tensors may stand anywhere between others") {
  CHECK(outcome(R"({"s":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
                R"("e":{"dtype":"F64","shape":[0],"data_offsets":[8,8]},)"
                R"("t":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}})") == "nothing");
}

TEST_CASE("files that are no files are refused") {
  CHECK(outcome(Buffer()) == refused);
  CHECK(outcome(Buffer(7)) == refused);
  CHECK(outcome(Buffer(8)) == refused);  // a header of no bytes
  CHECK(outcome(Buffer(8, std::byte{0xff})) == refused);
  CHECK(outcome(bytes_of("this is no model file at all")) == refused);
}

TEST_CASE(
    "a header longer than the file, or than the format allows, is refused before it is believed") {
  for (const std::uint64_t length :
       {std::uint64_t{3}, std::uint64_t{99}, std::uint64_t{100'000'001}, std::uint64_t{1} << 31,
        std::uint64_t{1} << 32, (std::uint64_t{1} << 32) + 2, std::uint64_t{1} << 63,
        std::numeric_limits<std::uint64_t>::max()}) {
    Buffer file = file_with("{}");
    for (std::size_t k = 0; k < 8; ++k) file[k] = static_cast<std::byte>(length >> (8 * k) & 0xff);
    CHECK(outcome(file) == refused);
  }
}

TEST_CASE("headers that are no JSON of the right form are refused") {
  for (const char* header : {"",
                             " ",
                             "{",
                             "}",
                             "[]",
                             "null",
                             "1",
                             "\"\"",
                             "{}{}",
                             "{} x",
                             "{,}",
                             "{\"a\"}",
                             "{\"a\":}",
                             "{\"a\":1}",
                             "{\"a\":null}",
                             "{\"a\":[]}",
                             "{\"a\":\"b\"}",
                             "{\"a\":{}}",
                             "{'a':{}}",
                             "{a:{}}",
                             "// comment\n{}",
                             "{\"a",
                             "{\"a\\",
                             "{\"a\\u00",
                             "{\"__metadata__\":1}",
                             "{\"__metadata__\":[]}",
                             "{\"__metadata__\":{\"a\":1}}",
                             "{\"__metadata__\":{\"a\":null}}",
                             "{\"__metadata__\":{\"a\":{}}}",
                             "{\"__metadata__\":{\"a\":\"b\",}}",
                             "{\"__metadata__\":{\"a\":\"b\"\"c\":\"d\"}}",
                             "\xef\xbb\xbf{}"}) {
    CAPTURE(header);
    CHECK(outcome(file_with(header)) == refused);
  }
}

TEST_CASE("damaged descriptions of a tensor are refused") {
  const std::string right = R"({"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})";
  REQUIRE(outcome(right) == "nothing");
  const auto with = [&](const std::string& old_part, const std::string& new_part) {
    std::string header = right;
    header.replace(header.find(old_part), old_part.size(), new_part);
    return header;
  };
  for (const char* dtype : {"F31", "f32", "F3", "F322", "", "FLOAT", "F32\\u0000"}) {
    CHECK(outcome(with("F32", dtype)) == refused);
  }
  CHECK(outcome(with("\"F32\"", "32")) == refused);
  for (const char* shape : {"[]",
                            "[3]",
                            "[5]",
                            "[-4]",
                            "[4.0]",
                            "[4e0]",
                            "[+4]",
                            "[04]",
                            "[\"4\"]",
                            "[[4]]",
                            "[4,]",
                            "[,4]",
                            "[4 4]",
                            "[4",
                            "4",
                            "{}",
                            "null",
                            "[true]",
                            "[NaN]",
                            "[0]",
                            "[4,0]",
                            "[4,4]",
                            "[18446744073709551615]",
                            "[18446744073709551616]",
                            "[99999999999999999999999999]",
                            "[4611686018427387908]",
                            "[4294967296,4294967296,4]",
                            "[9223372036854775808,2,2]",
                            "[1073741828]",
                            "[4611686018427387905,4]"}) {
    CAPTURE(shape);
    CHECK(outcome(with("[4]", shape)) == refused);
  }
  for (const char* offsets :
       {"[]", "[0]", "[0,16,16]", "[16,0]", "[0,17]", "[1,17]", "[0,15]", "[4,20]", "[0,-16]",
        "[0,16.0]", "[\"0\",16]", "[18446744073709551600,16]", "[0,18446744073709551632]",
        "[0,4294967312]", "16"}) {
    CAPTURE(offsets);
    CHECK(outcome(with("[0,16]", offsets)) == refused);
  }
  CHECK(outcome(with("\"dtype\":\"F32\",", "")) == refused);
  CHECK(outcome(with("\"shape\":[4],", "")) == refused);
  CHECK(outcome(with(",\"data_offsets\":[0,16]", "")) == refused);
  CHECK(outcome(with("\"dtype\"", "\"extra\":1,\"dtype\"")) == refused);
  CHECK(outcome(with("\"dtype\"", "\"Dtype\"")) == refused);
}

TEST_CASE("duplicate keys are refused, also when spelled differently") {
  const std::string body = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  CHECK(outcome(file_with("{\"a\":" + body + ",\"b\":" + body + "}")) == "nothing");
  CHECK(outcome(file_with("{\"a\":" + body + ",\"a\":" + body + "}")) == refused);
  CHECK(outcome(file_with("{\"a\":" + body + ",\"\\u0061\":" + body + "}")) == refused);
  CHECK(outcome(file_with(R"({"__metadata__":{},"__metadata__":{}})")) == refused);
  CHECK(outcome(file_with(R"({"__metadata__":{"a":"1","a":"1"}})")) == refused);
  CHECK(outcome(file_with(
            R"({"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}})")) == refused);
  CHECK(outcome(file_with(
            R"({"a":{"dtype":"U8","shape":[0],"shape":[0],"data_offsets":[0,0]}})")) == refused);
  CHECK(outcome(file_with(
            R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"data_offsets":[0,0]}})")) ==
        refused);
}

TEST_CASE("tensors that overlap, leave gaps or end before the file are refused") {
  const auto pair = [](int a0, int a1, int b0, int b1) {
    const auto tensor = [](int begin, int end) {
      return R"({"dtype":"U8","shape":[)" + std::to_string(end - begin) + R"(],"data_offsets":[)" +
             std::to_string(begin) + "," + std::to_string(end) + "]}";
    };
    return R"({"a":)" + tensor(a0, a1) + R"(,"b":)" + tensor(b0, b1) + "}";
  };
  CHECK(outcome(pair(0, 8, 8, 16)) == "nothing");
  CHECK(outcome(pair(8, 16, 0, 8)) == "nothing");
  CHECK(outcome(pair(0, 16, 0, 16)) == refused);
  CHECK(outcome(pair(0, 9, 8, 16)) == refused);
  CHECK(outcome(pair(0, 16, 4, 8)) == refused);
  CHECK(outcome(pair(0, 7, 8, 16)) == refused);
  CHECK(outcome(pair(1, 8, 8, 16)) == refused);
  CHECK(outcome(pair(0, 8, 8, 15)) == refused);
  CHECK(outcome("{}") == refused);
}

TEST_CASE("text that is not UTF-8 is refused, in names, values and outside of strings") {
  for (const char* text : {"\xff", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
                           "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80",
                           "\xc3", "\xe2\x82", "\xc3\x28", "\xf0\x9f\x98"}) {
    CHECK(outcome(file_with(std::string("{\"__metadata__\":{\"a\":\"") + text + "\"}}")) ==
          refused);
    CHECK(outcome(file_with(std::string("{\"__metadata__\":{\"") + text + "\":\"a\"}}")) ==
          refused);
    CHECK(outcome(file_with(std::string("{}") + text)) == refused);
  }
  for (const char* text : {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    CHECK(outcome(file_with(std::string("{\"__metadata__\":{\"a\":\"") + text + "\"}}")) ==
          "nothing");
  }
}

TEST_CASE("damaged escapes and control characters are refused") {
  for (const char* text : {"\\x41", "\\u12", "\\u12g4", "\\ud800", "\\ud800\\u0041", "\\ud800x",
                           "\\udc00", "\\'", "\\", "\n", "\t", "\x01", "\x1f"}) {
    CAPTURE(text);
    CHECK(outcome(file_with(std::string("{\"__metadata__\":{\"a\":\"") + text + "\"}}")) ==
          refused);
  }
}

TEST_CASE("nesting however deep is refused without using up the stack") {
  for (const char* opening : {"[", "{\"a\":", "{\"__metadata__\":{\"a\":", "{\"t\":{\"shape\":["}) {
    std::string header;
    for (int depth = 0; depth < 200'000; ++depth) header += opening;
    CHECK(outcome(file_with(header)) == refused);
  }
}

TEST_CASE("a file cut off anywhere is refused") {
  const Buffer file = write_safetensors(two_tensors(some_floats, some_bytes));
  for (std::size_t size = 0; size < file.size(); ++size) {
    CHECK(outcome(Buffer(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size))) ==
          refused);
  }
  Buffer longer = file;
  longer.push_back(std::byte{0});
  CHECK(outcome(longer) == refused);
}

TEST_CASE("with any one bit flipped a file is refused or still sound") {
  const Buffer file = write_safetensors(two_tensors(some_floats, some_bytes));
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    Buffer flipped = file;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    survive(flipped);
  }
}

TEST_CASE("random damage never does more than being refused") {
  const Buffer file = write_safetensors(two_tensors(some_floats, some_bytes));
  const std::string tokens = "{}[]\",:0123456789\\u-e. ";
  Random random(2024);
  const auto below = [&](std::size_t n) { return random.below(static_cast<std::uint32_t>(n)); };
  for (int round = 0; round < 5000; ++round) {
    Buffer damaged = file;
    for (std::uint32_t strokes = 1 + below(4); strokes > 0 && !damaged.empty(); --strokes) {
      const auto at = static_cast<std::ptrdiff_t>(below(damaged.size()));
      const auto elsewhere = static_cast<std::ptrdiff_t>(below(damaged.size()));
      const auto token = static_cast<std::byte>(tokens[below(tokens.size())]);
      switch (below(6)) {
        case 0:
          *(damaged.begin() + at) = static_cast<std::byte>(below(256));
          break;
        case 1:
          *(damaged.begin() + at) = token;
          break;
        case 2:
          damaged.insert(damaged.begin() + at, token);
          break;
        case 3:
          damaged.erase(damaged.begin() + at);
          break;
        case 4:
          damaged.erase(damaged.begin() + at, damaged.end());
          break;
        case 5: {  // a piece repeated elsewhere
          const Buffer piece(
              damaged.begin() + at,
              damaged.begin() + std::min<std::ptrdiff_t>(at + 20, std::ssize(damaged)));
          damaged.insert(damaged.begin() + elsewhere, piece.begin(), piece.end());
          break;
        }
      }
      // Half of the time the length is made to fit again, so that the header itself is read.
      if (below(2) == 0 && damaged.size() >= 8) {
        const std::uint64_t length = damaged.size() - std::min<std::size_t>(damaged.size(), 8 + 27);
        for (std::size_t k = 0; k < 8; ++k)
          damaged[k] = static_cast<std::byte>(length >> (8 * k) & 0xff);
      }
    }
    survive(damaged);
  }
}
