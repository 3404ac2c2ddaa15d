#ifndef GAMMA_EXTRACT_DEVICE_H_
#define GAMMA_EXTRACT_DEVICE_H_

#include <cstdint>
#include <string>

/// Where the arithmetic of the second pass runs. The files are the same whichever it is; figures
/// that round agree to 1e-12.
namespace gamma_extract {

struct Device {
  enum class Kind : std::uint8_t { cpu, cuda };

  Kind kind = Kind::cpu;
  unsigned index = 0;  ///< which of the CUDA devices, as libtorch counts them; 0 for the CPU

  bool operator==(const Device&) const = default;
};

/// "cpu", or "cuda:0", as torch names them.
std::string name(const Device& device);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_DEVICE_H_
