// Every entry from JavaScript runs inside guarded(): a C++ exception that escaped into JavaScript would be an object
// without a message that is no Error, and would leak. Here it is caught, its text copied, the catch block left, and a
// JavaScript Error with `code` and `argument` thrown instead.
#pragma once

#include <emscripten/val.h>

#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include "base/error.h"

namespace featherfm::bindings {

struct Failure {
  ErrorCode code = ErrorCode::internal;
  std::string argument, message;
};

[[noreturn]] inline void throw_to_js(const Failure& failure) {
  emscripten::val error = emscripten::val::global("Error").new_(failure.message);
  error.set("code", std::string(name_of(failure.code)));
  error.set("argument", failure.argument);
  error.throw_();
}

template <class Body>
auto guarded(const Body& body) -> decltype(body()) {
  Failure failure;
  try {
    return body();
  } catch (const Error& error) {
    failure = {error.code(), error.argument(), error.what()};
  } catch (const std::bad_alloc&) {
    failure = {ErrorCode::out_of_memory, "", "WebAssembly memory cannot grow any further"};
  } catch (const std::length_error&) {  // a container asked for more than can be addressed
    failure = {ErrorCode::out_of_memory, "", "this needs more memory than WebAssembly can address"};
  } catch (const std::exception& error) {
    failure = {ErrorCode::internal, "", error.what()};
  }
  throw_to_js(failure);
}

}  // namespace featherfm::bindings
