#ifndef GAMMA_EXTRACT_VECTORS_H_
#define GAMMA_EXTRACT_VECTORS_H_

#include <cstdint>
#include <initializer_list>

/// Loops over values, compiled for several widths of the processor's vectors, of which one is
/// chosen while the program runs.
///
/// Only for loops that give the same bits at every width: those without rounding, and those whose
/// order of rounding additions is fixed. A test runs each of them at every width that its machine
/// has. Not the compiler's `target_clones`, which does the same but leaves no way to ask for one of
/// them, and nothing to a sanitizer.
namespace gamma_extract {

enum class Vectors : std::uint8_t {
  portable,  ///< what every processor of this kind has
  avx2,
  avx512,
};

#if defined(__x86_64__)
#define GAMMA_EXTRACT_AVX2 __attribute__((target("avx2,fma")))
#define GAMMA_EXTRACT_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define GAMMA_EXTRACT_AVX2
#define GAMMA_EXTRACT_AVX512
#endif

/// Whether this processor, and its system, have them.
inline bool has_vectors(Vectors vectors) noexcept {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (vectors == Vectors::avx2) return avx2;
  if (vectors == Vectors::avx512) {
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
#endif
  return vectors == Vectors::portable;
}

/// The widest that this processor has.
inline Vectors widest_vectors() noexcept {
  static const Vectors widest = [] {
    for (const Vectors vectors : {Vectors::avx512, Vectors::avx2}) {
      if (has_vectors(vectors)) return vectors;
    }
    return Vectors::portable;
  }();
  return widest;
}

/// A loop's body, to be compiled once for each width: `Loop` is a function that is always inlined.
#define GAMMA_EXTRACT_LOOP [[gnu::always_inline]] inline

template <auto Loop>
class VectorLoop;

template <class... Arguments, void (*Loop)(Arguments...)>
class VectorLoop<Loop> {
 public:
  static void run(Vectors vectors, Arguments... arguments) {
    switch (vectors) {
      case Vectors::avx512:
        return avx512(arguments...);
      case Vectors::avx2:
        return avx2(arguments...);
      case Vectors::portable:
        return portable(arguments...);
    }
  }

 private:
  GAMMA_EXTRACT_AVX512 static void avx512(Arguments... arguments) { Loop(arguments...); }
  GAMMA_EXTRACT_AVX2 static void avx2(Arguments... arguments) { Loop(arguments...); }
  static void portable(Arguments... arguments) { Loop(arguments...); }
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_VECTORS_H_
