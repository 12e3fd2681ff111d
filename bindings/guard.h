// Every entry from JavaScript runs inside guarded(): a C++ exception that escaped into JavaScript
// would be an object without a message that is no Error, and would leak. Here it is caught, its
// text copied, the catch block left, and a JavaScript Error with `code` and `argument` thrown
// instead.
#pragma once

#include <exception>
#include <string>

#include "base/error.h"

namespace featherfm::bindings {

struct Failure {
  ErrorCode code = ErrorCode::internal;
  std::string argument, message;
};

// What the exception being handled says. Out of line, so that every entry has one small catch
// block.
Failure current_failure();

[[noreturn]] void throw_to_js(const Failure& failure);

template <class Body>
auto guarded(const Body& body) -> decltype(body()) {
  Failure failure;
  try {
    return body();
  } catch (const std::exception&) {
    failure = current_failure();
  }
  throw_to_js(failure);
}

}  // namespace featherfm::bindings
