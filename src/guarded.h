#ifndef GAMMA_EXTRACT_GUARDED_H_
#define GAMMA_EXTRACT_GUARDED_H_

#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "matrix.h"

/// From libtorch's exceptions to values: none may leave the module.
namespace gamma_extract::matrix {

/// The first line of what libtorch says; a stack trace follows it.
inline std::string first_line(const std::exception& exception) {
  const auto* const error = dynamic_cast<const c10::Error*>(&exception);
  const std::string_view text =
      error != nullptr ? error->what_without_backtrace() : exception.what();
  return std::string(text.substr(0, text.find('\n')));
}

/// Whether there is no memory. libtorch's own allocators throw a class of their own; what the CUDA
/// runtime refuses (a context, pinned memory) is told apart by its words alone.
inline bool is_out_of_memory(const std::exception& exception) {
  return dynamic_cast<const std::bad_alloc*>(&exception) != nullptr ||
         dynamic_cast<const c10::OutOfMemoryError*>(&exception) != nullptr ||
         std::string_view(exception.what()).find("out of memory") != std::string_view::npos;
}

/// Calls `work`, and returns how it went. After `failed`, `message` says why.
template <class Work>
Status guarded(std::string& message, const Work& work) noexcept {
  try {
    try {
      work();
      return Status::ok;
    } catch (const std::exception& exception) {
      if (is_out_of_memory(exception)) return Status::out_of_memory;
      message = first_line(exception);
      return Status::failed;
    }
  } catch (...) {
    return Status::out_of_memory;  // there was none for the message
  }
}

}  // namespace gamma_extract::matrix

#endif  // GAMMA_EXTRACT_GUARDED_H_
