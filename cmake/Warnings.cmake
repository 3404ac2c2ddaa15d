# Warnings and sanitizers, for the project's own targets alone.
add_library(gamma_extract_warnings INTERFACE)
target_compile_options(gamma_extract_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion)

if(GAMMA_EXTRACT_SANITIZE)
  target_compile_options(gamma_extract_warnings INTERFACE
    -fsanitize=${GAMMA_EXTRACT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # A sanitizer's dlopen stands in for the C library's, and only an RPATH, not a RUNPATH, of the
  # program counts for it.
  target_link_options(gamma_extract_warnings INTERFACE
    -fsanitize=${GAMMA_EXTRACT_SANITIZE} LINKER:--disable-new-dtags)
endif()
