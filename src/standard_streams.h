#ifndef GAMMA_EXTRACT_STANDARD_STREAMS_H_
#define GAMMA_EXTRACT_STANDARD_STREAMS_H_

#include <cstddef>
#include <string_view>

#include "signals.h"

/// Standard output and standard error, whatever they are: a terminal, a pipe that nobody reads, a
/// full disk, nothing at all.
namespace gamma_extract::cli {

/// Gives the numbers 0, 1 and 2 a file each, where the program was started without: otherwise the
/// next file to be opened would get one, and messages would be written into it. Writing to what
/// stands in fails, as it does where there is nothing.
void occupy_standard_descriptors() noexcept;

/// Writes all of `text` to standard output, and waits where it must.
/// Throws Error(output_stdout) with `consequence` as its last clause, or Stopped: if a signal asks
/// for the end while it waits, or with PIPE where the reader has gone, and PIPE had its default
/// action at the start.
void write_standard_output(std::string_view text, const Signals& signals,
                           std::string_view consequence);

/// Writes `text` to standard error. There is nobody to tell if that fails.
void write_standard_error(std::string_view text) noexcept;

/// The width of the terminal at `descriptor`, else what COLUMNS says, else 80.
std::size_t terminal_columns(int descriptor);

}  // namespace gamma_extract::cli

#endif  // GAMMA_EXTRACT_STANDARD_STREAMS_H_
