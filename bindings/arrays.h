// Typed arrays are copied in and out whole. No view of WebAssembly memory is handed to JavaScript:
// growth of the memory would detach it silently.
#pragma once

#include <emscripten/val.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace featherfm::bindings {

using emscripten::val;

bool missing(const val& value);

// The elements of a typed array (the package makes sure it is one of the right kind); none for
// null.
template <class T>
std::vector<T> from_js(const val& array);
extern template std::vector<std::uint8_t> from_js(const val&);
extern template std::vector<std::uint32_t> from_js(const val&);
extern template std::vector<float> from_js(const val&);
extern template std::vector<double> from_js(const val&);

val to_js(std::span<const std::uint8_t> values);
val to_js(std::span<const std::uint32_t> values);
val to_js(std::span<const float> values);
val to_js(std::span<const double> values);

// An object's property. Functions here are out of line: inlined at every use they double the
// bindings' size.
void set(const val& object, const char* name, const val& value);
void set(const val& object, const char* name, double value);
void set(const val& object, const char* name, bool value);

// One entry of an options object. Embind itself would take 4.7, "4" and NaN for an int.
class Options {
 public:
  explicit Options(const val& object) : object_(object) {}

  double number(const char* name) const;
  float real(const char* name) const { return static_cast<float>(number(name)); }
  std::uint64_t whole(const char* name, double most) const;
  std::uint32_t index(const char* name) const {
    return static_cast<std::uint32_t>(whole(name, 4294967295.0));
  }
  std::uint64_t seed() const { return whole("seed", 9007199254740991.0); }
  bool flag(const char* name) const;
  std::string text(const char* name) const;

  val raw(const char* name) const;
  Options part(const char* name) const { return Options(raw(name)); }

 private:
  val object_;
};

// The value that belongs to `text`, by a table of names.
template <class T>
T choice(const std::string& text, const char* argument,
         std::initializer_list<std::pair<const char*, T>> choices) {
  for (const auto& [name, value] : choices) {
    if (text == name) return value;
  }
  fail(ErrorCode::invalid_argument, argument, {argument, " does not know \"", text, "\""});
}

}  // namespace featherfm::bindings
