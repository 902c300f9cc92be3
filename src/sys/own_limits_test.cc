// SPDX-License-Identifier: Apache-2.0
#include "sys/own_limits.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace sys {
namespace {

class OwnLimits : public testing::Test {
 protected:
  OwnLimits() { getrlimit(RLIMIT_NOFILE, &old_); }
  ~OwnLimits() override { setrlimit(RLIMIT_NOFILE, &old_); }
  static rlim_t Soft() {
    rlimit now = {};
    getrlimit(RLIMIT_NOFILE, &now);
    return now.rlim_cur;
  }
  rlimit old_ = {};
};

TEST_F(OwnLimits, AreRaisedWithinTheHardLimitAndNeverLowered) {
  const rlimit small = {64, old_.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &small), 0);
  EXPECT_EQ(RaiseSoftLimit(RLIMIT_NOFILE, 128).value(), 128u);
  EXPECT_EQ(Soft(), 128u);
  EXPECT_EQ(RaiseSoftLimit(RLIMIT_NOFILE, 100).value(), 128u);
  EXPECT_EQ(Soft(), 128u);
  EXPECT_EQ(RaiseSoftLimit(RLIMIT_NOFILE, RLIM_INFINITY).value(), old_.rlim_max);
}

}  // namespace
}  // namespace sys
