#ifndef GAMMA_EXTRACT_TESTS_ALLOCATION_LIMIT_H_
#define GAMMA_EXTRACT_TESTS_ALLOCATION_LIMIT_H_

#include <cstddef>

namespace gamma_extract::testing {

/// While this lives, libtorch's allocator of the CPU's memory has room for so many bytes at a time,
/// not counting what was there before, and says so as that of a CUDA device does. One at a time.
class AllocationLimit {
 public:
  explicit AllocationLimit(std::size_t bytes);
  AllocationLimit(const AllocationLimit&) = delete;
  AllocationLimit& operator=(const AllocationLimit&) = delete;
  ~AllocationLimit();

  /// How often there was no room.
  [[nodiscard]] static int refusals();
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TESTS_ALLOCATION_LIMIT_H_
