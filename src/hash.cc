#include "gamma_extract/hash.h"

#include <fmt/format.h>
#include <openssl/sha.h>
#include <xxhash.h>
#ifdef __x86_64__
// Gives the functions below bodies that use the vectors which the processor has: 2.5 times as fast.
#include <xxh_x86dispatch.h>
#endif

#include <array>
#include <new>

namespace gamma_extract {

void Xxh3Stream::Free::operator()(XXH3_state_s* state) const noexcept {
  XXH3_freeState(state);
}

Xxh3Stream::Xxh3Stream() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  XXH3_128bits_reset(state_.get());
}

void Xxh3Stream::update(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

std::string Xxh3Stream::hex() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string xxh3_hex(std::span<const std::byte> bytes) {
  Xxh3Stream hash;
  hash.update(bytes);
  return hash.hex();
}

std::uint64_t xxh3_64(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

}  // namespace gamma_extract
