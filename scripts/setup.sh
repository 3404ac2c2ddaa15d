# What scripts/run and scripts/test share: everything that has to be there before the program runs.
# Sourced, with $root set to the project's folder. All its words go to standard error.
# shellcheck shell=sh
: "${root:?}"

say() { printf 'gamma-extract: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 2; }

# Sets $build to the build folder of preset $1, one for each libtorch, so that going back and forth
# rebuilds nothing, and $libtorch to the root asked for.
choose_build() {
  build=$root/build/$1
  libtorch=${GAMMA_EXTRACT_LIBTORCH:-}
  [ -n "$libtorch" ] || return 0
  libtorch=$(CDPATH='' cd -- "$libtorch" 2>/dev/null && pwd -P) ||
    die "GAMMA_EXTRACT_LIBTORCH=$GAMMA_EXTRACT_LIBTORCH: no such folder;" \
      "name the one that holds libtorch's include and lib"
  build=$build-$(printf '%s' "$libtorch" | cksum | cut -d ' ' -f 1)
}

# Whether the program is there, and newer than all that it was built from: all that a second run
# pays for. A folder's own time tells of files that were removed.
is_built() {
  [ -x "$build/src/gamma-extract" ] && [ -f "$build/stamp" ] &&
    [ -z "$(find "$root/CMakeLists.txt" "$root/CMakePresets.json" "$root/cmake" "$root/src" \
      "$root/include" "$root/scripts" -newer "$build/stamp" -print -quit)" ]
}

# Whether file $1 is in some prefix where CMake looks for it, too.
in_a_prefix() (
  IFS=:
  for prefix in ${CMAKE_PREFIX_PATH:-} /usr/local /usr; do
    [ ! -e "$prefix/$1" ] || exit 0
  done
  exit 1
)

has() { command -v "$1" >/dev/null; }

# Prints the Debian packages of whatever is missing, for the tests too if $tests is ON.
missing_packages() {
  [ -n "${CXX:-}" ] || has c++ || echo g++
  has cmake || echo cmake
  has ninja || echo ninja-build
  in_a_prefix include/fmt/core.h || echo libfmt-dev
  in_a_prefix include/CLI/CLI.hpp || echo libcli11-dev
  in_a_prefix include/nlohmann/json.hpp || echo nlohmann-json3-dev
  in_a_prefix include/openssl/evp.h || echo libssl-dev
  in_a_prefix include/curl/curl.h || in_a_prefix "include/$(uname -m)-linux-gnu/curl/curl.h" ||
    echo libcurl4-openssl-dev
  # Whom the program may trust on the way to the Hub.
  [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/cert.pem ] || echo ca-certificates
  in_a_prefix include/xxhash.h || echo libxxhash-dev
  [ -n "$libtorch" ] || in_a_prefix include/ATen/core/Tensor.h || echo libtorch-dev
  [ "$tests" = OFF ] || in_a_prefix include/gmock/gmock.h || echo libgmock-dev
  [ "$tests" = OFF ] || has strace || echo strace
  [ "$tests" = OFF ] || has ccache || echo ccache
  [ "$tests" = OFF ] || has python3 || echo python3
  [ "$tests" = OFF ] || has openssl || echo openssl
}

# Prints what has to stand before apt-get, if anything, or fails where it cannot be used.
choose_sudo() {
  has apt-get || return 1
  [ "$(id -u)" != 0 ] || return 0
  has sudo || return 1
  if sudo -n true 2>/dev/null; then
    echo sudo -n
  elif (: </dev/tty) 2>/dev/null; then
    echo sudo
  else
    return 1
  fi
}

# Installs the packages "$@". A mark outlives an interruption; the next run then finishes the work.
install_packages() {
  sudo=$(choose_sudo) ||
    die "missing packages: $*: there is neither root nor sudo to install them;" \
      "ask for them, or name the prefix that has them in CMAKE_PREFIX_PATH" \
      "(libtorch's root: GAMMA_EXTRACT_LIBTORCH)"
  say "installing $*"
  printf '%s\n' "$@" >"$build/packages"
  as_root="$sudo env DEBIAN_FRONTEND=noninteractive"
  # An earlier installation may have been interrupted, and another may be under way.
  $as_root dpkg --configure -a || true
  $as_root apt-get -qq update || say "warning: apt-get update failed; the lists may be old"
  $as_root apt-get -qq -o DPkg::Lock::Timeout=600 install --yes --no-install-recommends \
    --no-remove --fix-broken "$@" ||
    die "apt-get could not install $*: see its words above;" \
      "install them, or name the prefix that has them in CMAKE_PREFIX_PATH" \
      "(libtorch's root: GAMMA_EXTRACT_LIBTORCH)"
  rm -f "$build/packages"
}

# Both builds that are tested have most of their objects in common: each is compiled once.
share_objects() {
  CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
  CCACHE_DIR=${CCACHE_DIR:-$root/build/ccache} CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
  export CMAKE_C_COMPILER_LAUNCHER CMAKE_CXX_COMPILER_LAUNCHER CCACHE_DIR CCACHE_BASEDIR CCACHE_NOHASHDIR
}

# Configures preset $1, unless that was done here before, and builds.
configure_and_build() {
  if [ "$(cat "$build/configured" 2>/dev/null)" != "$root" ]; then
    cmake -S "$root" --preset "$1" -B "$build" --fresh "-DGAMMA_EXTRACT_LIBTORCH=$libtorch" \
      -DGAMMA_EXTRACT_TESTS="$tests" || die "the build could not be configured: see above"
    printf '%s\n' "$root" >"$build/configured"
  elif [ "$tests" = ON ]; then
    cmake -DGAMMA_EXTRACT_TESTS=ON "$build" || die "the tests could not be configured: see above"
  fi
  target=gamma-extract
  [ "$tests" = OFF ] || target=all
  cmake --build "$build" --target "$target" || die "the build failed: see above"
}

# What an interruption leaves, the next run does again: without the stamp nothing counts as built.
set_up_locked() {
  if [ "$tests" = OFF ] && is_built; then return 0; fi
  rm -f "$build/stamp"
  : >"$build/begun"
  # shellcheck disable=SC2046  # a package's name has no spaces
  set -- "$1" $(missing_packages; cat "$build/packages" 2>/dev/null)
  preset=$1
  shift
  # A service that a package starts does not keep the lock; a build that was orphaned does.
  [ $# = 0 ] || install_packages "$@" 9>&-
  [ "$tests" = OFF ] || share_objects
  configure_and_build "$preset"
  mv "$build/begun" "$build/stamp"
}

# Makes the program as preset $1 says and, if $2 is ON, the tests. Takes turns with other scripts.
set_up() {
  tests=$2
  choose_build "$1"
  if [ "$tests" = OFF ] && is_built; then return 0; fi
  mkdir -p "$build" || die "cannot create the folder $build: see above"
  (
    flock -n 9 || { say "waiting for another set-up to end" && flock 9; }
    set_up_locked "$1"
  ) 9>"$build/lock" >&2 </dev/null
}
