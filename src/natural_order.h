#ifndef GAMMA_EXTRACT_NATURAL_ORDER_H_
#define GAMMA_EXTRACT_NATURAL_ORDER_H_

#include <string_view>

namespace gamma_extract {

/// The order of names in which a person counts: runs of ASCII digits by their value, all else by
/// its bytes, so that "layers.2" comes before "layers.10". Names that differ in leading zeros alone
/// are in the order of their bytes: a total order.
struct NaturalOrder {
  using is_transparent = void;
  bool operator()(std::string_view left, std::string_view right) const noexcept;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_NATURAL_ORDER_H_
