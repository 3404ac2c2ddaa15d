#ifndef GAMMA_EXTRACT_MATRIX_H_
#define GAMMA_EXTRACT_MATRIX_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "gamma_extract/column_sums.h"
#include "gamma_extract/device.h"
#include "stored_block.h"

/// The arithmetic on blocks of rows, on whatever device, and the door to libtorch.
///
/// On the CPU it is in loops of our own (cpu_arithmetic.h). On any other device it is in libtorch's
/// operations, which is a module that the program opens when a device is asked for, since libtorch
/// costs 0.2 to 0.4 s and 120 to 170 MB to start. This header is all that the program and its
/// module share, and both are built together (Module::version): spans, plain structs, an interface.
/// No tensor and no exception crosses. With -DGAMMA_EXTRACT_MODULE=OFF the same code is linked
/// plainly.
namespace gamma_extract::matrix {

enum class Status : std::uint8_t {
  ok,
  out_of_memory,
  failed,  ///< what the device said is in Arithmetic::message()
};

/// What is made of a block. The spans belong to the caller.
struct Products {
  std::span<float> gamma;              ///< rows x columns: the block as float32
  std::span<float> centered;           ///< rows x columns: gamma - mu, in float32
  std::span<double> gamma_squares;     ///< rows: the sum of the squares of each row
  std::span<double> centered_squares;  ///< rows: likewise of `centered`
  BlockSums centered_sums;             ///< of the columns of `centered`
};

/// The arithmetic on one block at a time. Not to be shared between threads.
///
/// In two steps, since a device of its own works while the caller does something else: whoever has
/// two of these starts the next block on one before it finishes the last one on the other, and so
/// hides the copies behind the arithmetic, and both behind the reading and the writing.
class Arithmetic {
 public:
  virtual ~Arithmetic() = default;

  /// Begins to fill the products. `mu` has `columns` values. Every NaN is written as 0x7fc00000.
  /// `block` and `mu` may go as soon as this returns, `products` once finish() has. On the CPU all
  /// of the work is done here.
  virtual Status start(const StoredBlock& block, std::span<const float> mu,
                       Products& products) noexcept = 0;

  /// Waits until the products of the block that was started are there. Only after an `ok`.
  virtual Status finish() noexcept = 0;

  /// What went wrong, after `failed`: one line.
  [[nodiscard]] virtual const char* message() const noexcept = 0;
};

enum class DeviceState : std::uint8_t {
  usable,
  no_cuda,         ///< libtorch has no CUDA half, or it cannot be loaded: `words` are the loader's
  none,            ///< no device, or no driver for one: `words` are libtorch's
  no_such_device,  ///< there are `count`
  out_of_memory,   ///< not even room for a number
  failed,          ///< `words` are libtorch's
};

/// How a device answered.
struct DeviceAnswer {
  DeviceState state = DeviceState::usable;
  unsigned count = 0;             ///< of the CUDA devices that libtorch sees
  std::array<char, 400> words{};  ///< one line, ends with a zero
};

/// What a module says of itself.
struct Module {
  const char* version;   ///< of the program that it was built with
  const char* libtorch;  ///< the version of libtorch that it was built against
  /// Makes a device ready, and computes something on it. Of a CUDA device this loads libtorch's
  /// CUDA half, and takes a second.
  DeviceAnswer (*open_device)(const Device& device) noexcept;
  /// Of a device that is usable: in tests the CPU, too. Null if there is no memory.
  std::unique_ptr<Arithmetic> (*make_arithmetic)(const Device& device) noexcept;
};

}  // namespace gamma_extract::matrix

/// The one symbol of the module.
extern "C" const gamma_extract::matrix::Module* gamma_extract_matrix() noexcept;

#endif  // GAMMA_EXTRACT_MATRIX_H_
