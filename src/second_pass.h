#ifndef GAMMA_EXTRACT_SECOND_PASS_H_
#define GAMMA_EXTRACT_SECOND_PASS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "first_pass.h"
#include "gamma_extract/device.h"
#include "gamma_extract/extract_options.h"
#include "gamma_extract/observer.h"
#include "matrix.h"

/// Pass two: read the rows again, hand out gamma and gamma - mu, and measure them.
namespace gamma_extract {

/// Takes a part of one file's data, `offset` bytes from its start. Called from several threads.
using Sink = std::function<void(std::uint64_t offset, std::span<const std::byte> bytes)>;

struct SecondPassOptions {
  OutputDtype dtype = OutputDtype::float32;
  unsigned threads = 1;
  Device device;
  /// Where `device` is not the CPU: what it computes with, ready for it. Belongs to the caller.
  const matrix::Module* module = nullptr;
  Sink gamma;     ///< may be empty
  Sink centered;  ///< may be empty
};

struct SecondPass {
  std::vector<double> gamma_squares;     ///< squared norm of each row, of the float32 values
  std::vector<double> centered_squares;  ///< likewise of gamma - mu
  std::string gamma_xxh3;                ///< XXH3-128 of gamma's data, as it is written
  std::string centered_xxh3;             ///< of the data of gamma - mu
  std::optional<double> residual_norm;   ///< norm of the mean row of gamma - mu
};

/// A thread has one block in hand on the CPU, and two on another device, so that this computes one
/// while the thread reads or writes another.
///
/// Throws file_changed where a block is not what pass one read, value_overflow where gamma - mu of
/// finite values is not finite, what Source or a sink throws, what require_ok() (matrix_faults.h)
/// says, or Stopped.
SecondPass second_pass(const MatrixSource& source, const BlockLayout& layout,
                       const FirstPass& first, const SecondPassOptions& options,
                       const Observer& observer);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_SECOND_PASS_H_
