#include "guard.h"

#include <emscripten/val.h>

#include <new>
#include <stdexcept>

namespace featherfm::bindings {

Failure current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.argument(), error.what()};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::out_of_memory, "", "WebAssembly memory cannot grow any further"};
  } catch (const std::length_error&) {  // a container asked for more than can be addressed
    return {ErrorCode::out_of_memory, "", "this needs more memory than WebAssembly can address"};
  } catch (const std::exception& error) {
    return {ErrorCode::internal, "", error.what()};
  }
}

void throw_to_js(const Failure& failure) {
  emscripten::val error = emscripten::val::global("Error").new_(failure.message);
  error.set("code", std::string(name_of(failure.code)));
  error.set("argument", failure.argument);
  error.throw_();
}

}  // namespace featherfm::bindings
