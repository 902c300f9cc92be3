// SPDX-License-Identifier: Apache-2.0
// A helper that does not come to run.
#include "cell/network/helper.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/poll.h"

namespace cell {
namespace {

using ::testing::HasSubstr;
using std::chrono::milliseconds;

constexpr char kNoProgram[] = "start of cellos-gate, phase exec, \"cellos-gate\"";

base::Result<Helper> StartOf(const char* path) {
  const base::UniqueFd program = TRY(sys::OpenAt(AT_FDCWD, path, O_RDONLY));
  const bool root = geteuid() == 0;
  return Helper::Start({.name = "cellos-gate",
                        .program = program.get(),
                        .host_uid = root ? 0x6f000001 : geteuid(),
                        .host_gid = root ? 0x6f000001 : getegid(),
                        .clock = &base::SystemClock()});
}

void Ignore(const wire::GateRecord&) {}

TEST(HelperTest, WhoseProgramCannotRunTellsItToWhoAwaitsIt) {
  auto helper = StartOf("/etc/passwd");
  ASSERT_TRUE(helper) << helper.error().message;
  const auto ready = helper->AwaitReady(milliseconds(5000), Ignore);
  ASSERT_FALSE(ready);
  EXPECT_THAT(ready.error().message, HasSubstr(kNoProgram));
}

TEST(HelperTest, WhoseProgramCannotRunTellsItToWhoReads) {
  auto helper = StartOf("/etc/passwd");
  ASSERT_TRUE(helper) << helper.error().message;
  pollfd wait = {helper->records_fd(), POLLIN, 0};
  ASSERT_TRUE(sys::Poll({&wait, 1}, milliseconds(5000)));
  const auto why = helper->Read(Ignore);
  ASSERT_TRUE(why);
  EXPECT_THAT(*why, HasSubstr(kNoProgram));
}

}  // namespace
}  // namespace cell
