# The libraries that do the rest. A missing one is an error that names its Debian package; nothing is
# ever downloaded here.

macro(gamma_extract_require name package)
  find_package(${name} QUIET ${ARGN})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "${name} was not found: install the package ${package}, "
      "or name its prefix in CMAKE_PREFIX_PATH")
  endif()
endmacro()

gamma_extract_require(Threads libc6-dev)
gamma_extract_require(fmt libfmt-dev)
gamma_extract_require(CLI11 libcli11-dev)
gamma_extract_require(nlohmann_json nlohmann-json3-dev)
gamma_extract_require(OpenSSL libssl-dev COMPONENTS Crypto)
gamma_extract_require(CURL libcurl4-openssl-dev)
gamma_extract_require(XxHash libxxhash-dev)
gamma_extract_require(TorchCpu libtorch-dev)
if(GAMMA_EXTRACT_TESTS)
  gamma_extract_require(GTest libgmock-dev)
endif()
if(GAMMA_EXTRACT_BENCH)
  gamma_extract_require(benchmark libbenchmark-dev)
endif()
