#include "gamma_extract/error.h"

#include <cerrno>
#include <system_error>

namespace gamma_extract {

int exit_code(Fault fault) {
  if (fault <= Fault::libtorch_unavailable) return 2;
  if (fault >= Fault::self_check_failed && fault <= Fault::verification_failed) return 1;
  if (is_of_the_network(fault)) return 5;
  if (fault >= Fault::output_unwritable) return 4;
  return 3;
}

bool is_of_the_network(Fault fault) {
  return fault >= Fault::network_unreachable;
}

std::string system_message(int error_number) {
  return std::generic_category().message(error_number);
}

std::string_view reading_remedy(int error_number) {
  switch (error_number) {
    case EMFILE:
      return "raise the limit with `ulimit -n`";
    case ENFILE:
      return "close what holds files open";
    case ELOOP:
      return "check the links";
    case ENAMETOOLONG:
      return "check the name";
    case EIO:
      return "check the disk";
    default:
      return "check that you may read it";
  }
}

}  // namespace gamma_extract
