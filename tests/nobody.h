#ifndef GAMMA_EXTRACT_TESTS_NOBODY_H_
#define GAMMA_EXTRACT_TESTS_NOBODY_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>

namespace gamma_extract::testing {

/// Another user than root, who may write anywhere.
class Nobody {
 public:
  Nobody() : before_(::geteuid()) {
    if (before_ == 0 && ::seteuid(65534) != 0) throw std::runtime_error("cannot become nobody");
  }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;
  ~Nobody() { EXPECT_EQ(::seteuid(before_), 0); }

 private:
  uid_t before_;
};

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_TESTS_NOBODY_H_
