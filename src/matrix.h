#ifndef GAMMA_EXTRACT_MATRIX_H_
#define GAMMA_EXTRACT_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "gamma_extract/column_sums.h"
#include "stored_block.h"

/// The arithmetic on blocks of rows: the one room that knows libtorch.
///
/// libtorch costs 0.2 to 0.4 s and 120 to 170 MB to start, which help, a refusal or an inspection
/// should not pay. So this room is a module that the program opens when the arithmetic begins, and
/// this header is all that both sides share: spans, plain structs, an enumeration. No tensor and no
/// exception crosses. With -DGAMMA_EXTRACT_MODULE=OFF the same code is linked plainly.
namespace gamma_extract::matrix {

enum class Status : std::uint8_t {
  ok,
  out_of_memory,
  failed,  ///< what libtorch said is in Arithmetic::message()
};

/// What is made of a block. The spans belong to the caller.
struct Products {
  std::span<float> gamma;              ///< rows x columns: the block as float32
  std::span<float> centered;           ///< rows x columns: gamma - mu, in float32
  std::span<double> gamma_squares;     ///< rows: the sum of the squares of each row
  std::span<double> centered_squares;  ///< rows: likewise of `centered`
  BlockSums centered_sums;             ///< of the columns of `centered`
};

/// The arithmetic of one thread. Not to be shared between threads.
class Arithmetic {
 public:
  virtual ~Arithmetic() = default;

  /// Fills the products. `mu` has `columns` values. Every NaN is written as 0x7fc00000.
  virtual Status center(const StoredBlock& block, std::span<const float> mu,
                        Products& products) noexcept = 0;

  /// What went wrong, after `failed`.
  [[nodiscard]] virtual const char* message() const noexcept = 0;
};

/// What a module says of itself.
struct Module {
  const char* version;   ///< of the program that it was built with
  const char* libtorch;  ///< the version of libtorch that it was built against
  /// Null if there is no memory.
  std::unique_ptr<Arithmetic> (*make_arithmetic)() noexcept;
};

}  // namespace gamma_extract::matrix

/// The one symbol of the module.
extern "C" const gamma_extract::matrix::Module* gamma_extract_matrix() noexcept;

#endif  // GAMMA_EXTRACT_MATRIX_H_
