#include "allocation_limit.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <cstring>
#include <limits>
#include <memory>

namespace gamma_extract::testing {
namespace {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

std::atomic<std::size_t> limit{no_limit};
std::atomic<std::size_t> in_use{0};
std::atomic<int> refused{0};
std::atomic<int> round{0};

/// Memory that is counted while the limit is that of its round.
struct Lease {
  c10::DataPtr memory;
  std::size_t bytes;
  int of_round;
};

void give_back(void* context) {
  const std::unique_ptr<Lease> lease(static_cast<Lease*>(context));
  if (lease->of_round == round) in_use -= lease->bytes;
}

class LimitedAllocator final : public c10::Allocator {
 public:
  explicit LimitedAllocator(c10::Allocator& real) : real_(real) {}

  // 1.13 has a const allocate() and no copy_data(), 2.x the opposite.
  // NOLINTBEGIN(modernize-use-override,readability-convert-member-functions-to-static)
  c10::DataPtr allocate(std::size_t bytes) const { return allocate_within_limit(bytes); }
  c10::DataPtr allocate(std::size_t bytes) { return allocate_within_limit(bytes); }
  void copy_data(void* to, const void* from, std::size_t bytes) const {
    std::memcpy(to, from, bytes);
  }
  // NOLINTEND(modernize-use-override,readability-convert-member-functions-to-static)

 private:
  c10::DataPtr allocate_within_limit(std::size_t bytes) const {
    if (bytes > limit - in_use) {
      ++refused;
      TORCH_CHECK_WITH(OutOfMemoryError, false, "no room for ", bytes, " bytes");
    }
    auto lease = std::make_unique<Lease>(Lease{real_.allocate(bytes), bytes, round});
    in_use += bytes;
    void* const memory = lease->memory.get();
    return {memory, lease.release(), give_back, c10::Device(c10::kCPU)};
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
  ++round;
  in_use = 0;
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
