#include "allocation_limit.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <cstring>
#include <limits>

namespace gamma_extract::testing {
namespace {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

std::atomic<std::size_t> limit{no_limit};
std::atomic<int> refused{0};

/// Without `override`: 1.13 has a const allocate() and no copy_data(), 2.x the opposite.
class LimitedAllocator final : public c10::Allocator {
 public:
  explicit LimitedAllocator(c10::Allocator& real) : real_(real) {}

  c10::DataPtr allocate(std::size_t bytes) const { return allocate_within_limit(bytes); }
  c10::DataPtr allocate(std::size_t bytes) { return allocate_within_limit(bytes); }
  c10::DeleterFnPtr raw_deleter() const override { return real_.raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t bytes) const {
    std::memcpy(to, from, bytes);
  }

 private:
  c10::DataPtr allocate_within_limit(std::size_t bytes) const {
    if (bytes > limit) {
      ++refused;
      TORCH_CHECK_WITH(OutOfMemoryError, false, "no room for ", bytes, " bytes");
    }
    return real_.allocate(bytes);
  }

  c10::Allocator& real_;
};

void install() {
  static LimitedAllocator allocator(*c10::GetCPUAllocator());
  static const bool installed = [] {
    c10::SetCPUAllocator(&allocator);
    return true;
  }();
  static_cast<void>(installed);
}

}  // namespace

AllocationLimit::AllocationLimit(std::size_t bytes) {
  install();
  refused = 0;
  limit = bytes;
}

AllocationLimit::~AllocationLimit() {
  limit = no_limit;
}

int AllocationLimit::refusals() {
  return refused;
}

}  // namespace gamma_extract::testing
