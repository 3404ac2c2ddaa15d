# Warnings and sanitizers, for the project's own targets alone.
add_library(gamma_extract_warnings INTERFACE)
target_compile_options(gamma_extract_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion)

if(GAMMA_EXTRACT_SANITIZE)
  target_compile_options(gamma_extract_warnings INTERFACE
    -fsanitize=${GAMMA_EXTRACT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(gamma_extract_warnings INTERFACE -fsanitize=${GAMMA_EXTRACT_SANITIZE})
endif()
