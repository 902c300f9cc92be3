// SPDX-License-Identifier: Apache-2.0
#include "notified_call.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/syscall.h>

namespace guest {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kHere = AUDIT_ARCH_X86_64, kElsewhere = AUDIT_ARCH_I386;
#else
constexpr std::uint32_t kHere = AUDIT_ARCH_AARCH64, kElsewhere = AUDIT_ARCH_ARM;
#endif

NotifiedCall Of(long number, std::uint32_t architecture = kHere) {
  return Classify({.nr = static_cast<int>(number), .arch = architecture});
}

TEST(NotifiedCall, GoesOnOnlyWhenItIsKnownToBeAllowed) {
  EXPECT_EQ(Of(SYS_execve), NotifiedCall::kExec);
  EXPECT_EQ(Of(SYS_execveat), NotifiedCall::kExec);
  EXPECT_EQ(Of(SYS_exit_group), NotifiedCall::kExit);
  EXPECT_EQ(Of(SYS_clone), NotifiedCall::kClone);
  EXPECT_EQ(Of(SYS_wait4), NotifiedCall::kWait);
  EXPECT_EQ(Of(SYS_waitid), NotifiedCall::kWait);
  EXPECT_EQ(Of(SYS_connect), NotifiedCall::kConnect);
  EXPECT_EQ(Of(SYS_sendto), NotifiedCall::kConnect);
  int others = 0;
  for (long number = -1; number < 1000; ++number) others += Of(number) == NotifiedCall::kDenied;
#ifdef SYS_fork
  EXPECT_EQ(others, 1001 - 10);
#else
  EXPECT_EQ(others, 1001 - 8);
#endif
}

TEST(NotifiedCall, OfAnotherArchitectureIsRefused) {
  for (long number = 0; number < 600; ++number) EXPECT_EQ(Of(number, kElsewhere), NotifiedCall::kDenied);
}

}  // namespace
}  // namespace guest
