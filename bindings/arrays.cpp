#include "arrays.h"

namespace featherfm::bindings {
namespace {

template <class T>
val copied(std::span<const T> values) {
  // typed_memory_view is a view; slice() copies it.
  return val(emscripten::typed_memory_view(values.size(), values.data()))
      .template call<val>("slice");
}

}  // namespace

bool missing(const val& value) {
  return value.isNull() || value.isUndefined();
}

template <class T>
std::vector<T> from_js(const val& array) {
  if (missing(array)) return {};
  return emscripten::convertJSArrayToNumberVector<T>(array);
}
template std::vector<std::uint8_t> from_js(const val&);
template std::vector<std::uint32_t> from_js(const val&);
template std::vector<float> from_js(const val&);
template std::vector<double> from_js(const val&);

val to_js(std::span<const std::uint8_t> values) {
  return copied(values);
}
val to_js(std::span<const std::uint32_t> values) {
  return copied(values);
}
val to_js(std::span<const float> values) {
  return copied(values);
}
val to_js(std::span<const double> values) {
  return copied(values);
}

void set(const val& object, const char* name, const val& value) {
  val(object).set(name, value);
}
void set(const val& object, const char* name, double value) {
  val(object).set(name, value);
}
void set(const val& object, const char* name, bool value) {
  val(object).set(name, value);
}

val Options::raw(const char* name) const {
  return object_[name];
}

double Options::number(const char* name) const {
  const val value = raw(name);
  if (!value.isNumber()) fail(ErrorCode::invalid_argument, name, {name, " must be a number"});
  return value.as<double>();
}

std::uint64_t Options::whole(const char* name, double most) const {
  const double value = number(name);
  require_range(value, 0.0, most, name);
  if (value != static_cast<double>(static_cast<std::uint64_t>(value))) {
    fail(ErrorCode::invalid_argument, name, {name, " must be a whole number; got ", value});
  }
  return static_cast<std::uint64_t>(value);
}

bool Options::flag(const char* name) const {
  const val value = raw(name);
  if (!value.isTrue() && !value.isFalse()) {
    fail(ErrorCode::invalid_argument, name, {name, " must be true or false"});
  }
  return value.isTrue();
}

std::string Options::text(const char* name) const {
  const val value = raw(name);
  if (!value.isString()) fail(ErrorCode::invalid_argument, name, {name, " must be a string"});
  return value.as<std::string>();
}

}  // namespace featherfm::bindings
