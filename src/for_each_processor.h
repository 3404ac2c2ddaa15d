#ifndef GAMMA_EXTRACT_FOR_EACH_PROCESSOR_H_
#define GAMMA_EXTRACT_FOR_EACH_PROCESSOR_H_

/// Marks a function whose body is compiled for several vector widths; the loader picks one when the
/// program starts. Only for loops that give the same bits at every width: those without rounding,
/// and those whose order of rounding additions is fixed. Not under sanitizers, whose run-time is
/// not ready when the loader asks.
#if defined(__x86_64__) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

#endif  // GAMMA_EXTRACT_FOR_EACH_PROCESSOR_H_
