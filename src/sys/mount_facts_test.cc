// SPDX-License-Identifier: Apache-2.0
#include "sys/mount_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sys {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kTable =
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "23 22 0:21 / /proc rw - proc proc rw\n"
    "24 22 0:50 / /srv/root\\040one/proc rw - proc proc rw\n"
    "25 22 254:0 /var /mnt/alias rw shared:1 - ext4 /dev/vda rw\n"
    "26 22 254:0 /var/lib/cellos /mnt/state rw - ext4 /dev/vda rw\n"
    "27 22 0:60 / /mnt/other rw - tmpfs tmpfs rw\n"
    "no mount at all\n";

TEST(KernelMounts, AreFoundWhereverTheyAre) {
  EXPECT_THAT(KernelMounts(kTable), ElementsAre("/proc", "/srv/root one/proc"));
}

TEST(OtherPathsOf, ADirectoryAreThoseOfItsBindMounts) {
  EXPECT_THAT(OtherPathsOf("/var/lib/cellos", kTable), ElementsAre("/mnt/alias/lib/cellos", "/mnt/state"));
  EXPECT_THAT(OtherPathsOf("/mnt/state", kTable), ElementsAre("/var/lib/cellos", "/mnt/alias/lib/cellos"));
  EXPECT_THAT(OtherPathsOf("/mnt/other/x", kTable), IsEmpty());
  EXPECT_THAT(OtherPathsOf("/variable", kTable), IsEmpty());
}

}  // namespace
}  // namespace sys
