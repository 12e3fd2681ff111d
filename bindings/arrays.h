// Typed arrays are copied in and out whole. No view of WebAssembly memory is handed to JavaScript: growth of the memory
// would detach it silently.
#pragma once

#include <emscripten/val.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace featherfm::bindings {

using emscripten::val;

inline bool missing(const val& value) { return value.isNull() || value.isUndefined(); }

// The elements of a typed array (the package makes sure it is one of the right kind); none for null.
template <class T>
std::vector<T> from_js(const val& array) {
  if (missing(array)) return {};
  return emscripten::convertJSArrayToNumberVector<T>(array);
}

template <class T>
val to_js(std::span<const T> values) {
  // typed_memory_view is a view; slice() copies it.
  return val(emscripten::typed_memory_view(values.size(), values.data())).template call<val>("slice");
}
template <class T>
val to_js(const std::vector<T>& values) {
  return to_js(std::span<const T>(values));
}

// One entry of an options object. Embind itself would take 4.7, "4" and NaN for an int.
class Options {
 public:
  explicit Options(val object) : object_(std::move(object)) {}

  double number(const char* name) const {
    const val value = object_[name];
    if (!value.isNumber()) {
      throw Error(ErrorCode::invalid_argument, name, std::string(name) + " must be a number");
    }
    return value.as<double>();
  }
  float real(const char* name) const { return static_cast<float>(number(name)); }

  std::uint64_t whole(const char* name, double most) const {
    const double value = number(name);
    require_range(value, 0.0, most, name);
    if (value != static_cast<double>(static_cast<std::uint64_t>(value))) {
      throw Error(ErrorCode::invalid_argument, name,
                  std::string(name) + " must be a whole number; got " + show(value));
    }
    return static_cast<std::uint64_t>(value);
  }
  std::uint32_t index(const char* name) const {
    return static_cast<std::uint32_t>(whole(name, 4294967295.0));
  }
  std::uint64_t seed() const { return whole("seed", 9007199254740991.0); }

  bool flag(const char* name) const {
    const val value = object_[name];
    if (!value.isTrue() && !value.isFalse()) {
      throw Error(ErrorCode::invalid_argument, name, std::string(name) + " must be true or false");
    }
    return value.isTrue();
  }

  std::string text(const char* name) const {
    const val value = object_[name];
    if (!value.isString()) {
      throw Error(ErrorCode::invalid_argument, name, std::string(name) + " must be a string");
    }
    return value.as<std::string>();
  }

  val raw(const char* name) const { return object_[name]; }
  Options part(const char* name) const { return Options(object_[name]); }

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
  throw Error(ErrorCode::invalid_argument, argument,
              std::string(argument) + " does not know \"" + text + "\"");
}

}  // namespace featherfm::bindings
