#ifndef GAMMA_EXTRACT_DEVICE_ARITHMETIC_H_
#define GAMMA_EXTRACT_DEVICE_ARITHMETIC_H_

#include <cstddef>
#include <memory>

#include "matrix.h"

/// The arithmetic in operations of ATen, on a device with memory of its own.
///
/// A block is copied to pinned memory, from there to the device, computed, and copied back, all of
/// it on one stream, so that start() only enqueues and finish() waits. Two of these, on two
/// streams, are the double buffers.
///
/// Why the bits are those of the CPU: docs/arithmetic.md. Nothing here asks what the device is, but
/// for the stream and for pinned memory; so the tests run it on the CPU, too.
namespace gamma_extract::matrix {

/// Values of a piece that is not made smaller for want of memory: so few need some 100 KiB.
inline constexpr std::size_t smallest_piece = 4096;

/// The most: half a block of the largest. The caching allocator of libtorch keeps what it has for
/// each stream, of which libtorch has 32, and cuts tensors of at most 1 MiB from segments of 2 MiB;
/// for larger ones a segment would be 20 MiB. So none is larger, and a stream keeps some 8 MiB.
inline constexpr std::size_t largest_piece = std::size_t{1} << 17U;

/// Of a CUDA device that is usable; of the CPU for tests. Null if there is no memory.
///
/// A block is computed in pieces of at most `largest_piece` values while there is memory on the
/// device for that, and else in pieces of half the size, and half of that, for this block and those
/// that follow. out_of_memory is what is left where `smallest_piece` values are too many.
std::unique_ptr<Arithmetic> make_device_arithmetic(const Device& device) noexcept;

}  // namespace gamma_extract::matrix

#endif  // GAMMA_EXTRACT_DEVICE_ARITHMETIC_H_
