#ifndef GAMMA_EXTRACT_NO_CORE_H_
#define GAMMA_EXTRACT_NO_CORE_H_

namespace gamma_extract {

/// From here on the process leaves no core, wherever the kernel would send it: one would hold the
/// token.
void forbid_core_dumps() noexcept;

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_NO_CORE_H_
