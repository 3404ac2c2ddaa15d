#include "no_core.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace gamma_extract {

void forbid_core_dumps() noexcept {
  // The limit does not hold where a core goes to a program's pipe; the flag does.
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // NOLINT(cppcoreguidelines-pro-type-vararg)
}

}  // namespace gamma_extract
