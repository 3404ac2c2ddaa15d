#ifndef GAMMA_EXTRACT_HASH_H_
#define GAMMA_EXTRACT_HASH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct XXH3_state_s;

/// The two hashes of the contract, and the checksum that compares what two passes read.
///
/// XXH3 finds accidents (a flipped bit, a truncated copy) at memory speed; sha256 names a centroid
/// in a way that people publish and compare.
namespace gamma_extract {

/// XXH3-128 of a stream, as `xxhsum -H2` prints it: seed 0, 32 lower-case hex digits.
class Xxh3Stream {
 public:
  Xxh3Stream();
  void update(std::span<const std::byte> bytes);
  [[nodiscard]] std::string hex() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const noexcept;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

/// The same of some bytes.
std::string xxh3_hex(std::span<const std::byte> bytes);

/// XXH3-64 of some bytes.
std::uint64_t xxh3_64(std::span<const std::byte> bytes);

/// SHA-256, 64 lower-case hex digits.
std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_HASH_H_
