// SPDX-License-Identifier: Apache-2.0
// One system call of a whole run fails: the program says so and leaves nothing.
#include "harness.h"

namespace faults {
namespace {

class Errors : public Fault, public testing::WithParamInterface<const char*> {
 protected:
  // What has to hold whatever failed. Empty when it does.
  std::string Wrong(const Ended& ended, const std::string& before) const {
    if (ended.status == kTimedOut) return "it hangs";
    if (ended.status < 0) return "it was killed by a signal";
    if (ended.processes_left) return "a process is left";
    const bool settings = ended.status == 2 && ended.err.find("configuration /etc") != std::string::npos;
    // A grant or a directory of the system that may not be looked at is refused like one that the document may not have.
    const bool denied = ended.status == 126 && ended.err.find("(EPERM)") != std::string::npos;
    if (ended.status != 0 && ended.status != 125 && ended.status != 137 && !settings && !denied) return "no status for that";
    if (ended.status != 0 && ended.err.find("cellos: ") == std::string::npos) return "nothing is told on stderr";
    if (ended.status == 0 && ended.out.find("\"reasonCode\":\"completed\"") == std::string::npos) return "no outcome";
    if (ended.status == 0 && ended.out.find("\"sha256\":\"73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac\"") ==
                                 std::string::npos) {
      return "success without its artefact";
    }
    if (const auto after = Inventory(); after != before) return "left:\n" + after;
    return WrongEvidence();
  }
};

TEST_P(Errors, AtAnyCallAreToldAndLeaveNothing) {
  const std::string error = GetParam();
  Renew(State::kUsed);
  const std::string before = Inventory();
  const std::uint64_t calls = RunOnce("").calls;
  ASSERT_GT(calls, 300u);
  std::uint64_t failed = 0, fired = 0;
  static std::uint64_t offset = 0;
  const std::uint64_t stride = Stride(12);
  for (std::uint64_t at = 1 + offset++ % stride; at <= calls; at += stride) {
    Renew(State::kUsed);
    const Ended ended = RunOnce(std::to_string(at) + ":" + error);
    EXPECT_EQ(Wrong(ended, before), "") << error << " at call " << at << ": " << ended.Told();
    failed += ended.status != 0 ? 1 : 0;
    fired += ended.fired ? 1 : 0;
    if (error == "EINTR") {
      EXPECT_EQ(ended.status, 0) << "interrupted at call " << at << ": " << ended.Told();
    }
  }
  EXPECT_GE(fired, calls / stride - 2);
  if (error != "EINTR") {
    EXPECT_GT(failed, fired / 2);
  }
}

TEST_P(Errors, InAFirstRunAreToldAndTheNextRunWorks) {
  const std::string error = GetParam();
  Renew(State::kNew);
  const std::string before = Inventory();
  const std::uint64_t calls = RunOnce("").calls;
  static std::uint64_t offset = 0;
  const std::uint64_t stride = Stride(97);
  for (std::uint64_t at = 1 + offset++ * 7 % stride; at <= calls; at += stride) {
    Renew(State::kNew);
    const Ended ended = RunOnce(std::to_string(at) + ":" + error);
    EXPECT_EQ(Wrong(ended, before), "") << error << " at call " << at << ": " << ended.Told();
    const Ended next = RunOnce("");
    EXPECT_EQ(next.status, 0) << "after " << error << " at call " << at << ": " << next.Told();
  }
}

INSTANTIATE_TEST_SUITE_P(, Errors, testing::Values("ENOSPC", "EMFILE", "ENOMEM", "EINTR", "EPERM"),
                         [](const auto& of) { return std::string(of.param); });

}  // namespace
}  // namespace faults
