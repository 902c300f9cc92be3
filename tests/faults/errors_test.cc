// SPDX-License-Identifier: Apache-2.0
// One system call of a whole run fails: the program says so and leaves nothing.
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

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
  // A run that calls itself complete holds what the kernel counted against what the gate told, or names the gap.
  std::string MissingAccount() const {
    for (const evidence::Report& report : Judge()) {
      std::ifstream events(report.input + "/events.jsonl");
      const std::string log{std::istreambuf_iterator<char>(events), {}};
      const auto holds = [&](const char* text) { return log.find(text) != std::string::npos; };
      const bool accounted = holds("\"gate.connections\"") || holds("\"verdict\":\"gap\"");
      if (report.verdict == evidence::Verdict::kVerified && holds("lifecycle.v1.started\"") && !accounted) {
        return "complete without an account of its connections";
      }
    }
    return {};
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
  EXPECT_GE(fired, calls / stride * 9 / 10);  // two runs differ by some calls
  if (error != "EINTR") {
    EXPECT_GT(failed, fired / 2);
  }
}

// A gate starts, a network namespace with its rules, and counters are read: none of it may fail silently.
TEST_P(Errors, AtAnyCallOfARunWithANetworkAreToldAndLeaveNothing) {
  const std::string error = GetParam();
  Add({"--allow", "203.0.113.9:443", "--allow", "allowed.test:443", "--dns-resolver", "203.0.113.53:53"});
  Renew(State::kUsed);
  const std::string before = Inventory();
  const Ended whole = RunOnce("");
  ASSERT_EQ(whole.status, 0) << whole.Told();
  ASSERT_GT(whole.calls, 500u);
  std::uint64_t failed = 0, fired = 0;
  static std::uint64_t offset = 0;
  const std::uint64_t stride = Stride(29);
  for (std::uint64_t at = 1 + offset++ * 5 % stride; at <= whole.calls; at += stride) {
    Renew(State::kUsed);
    const Ended ended = RunOnce(std::to_string(at) + ":" + error);
    EXPECT_EQ(Wrong(ended, before), "") << error << " at call " << at << ": " << ended.Told();
    EXPECT_EQ(MissingAccount(), "") << error << " at call " << at << ": " << ended.Told();
    failed += ended.status != 0 ? 1 : 0;
    fired += ended.fired ? 1 : 0;
    if (error == "EINTR") {
      EXPECT_EQ(ended.status, 0) << "interrupted at call " << at << ": " << ended.Told();
    }
  }
  EXPECT_GT(fired, 0u);
  if (error != "EINTR") {
    EXPECT_GT(failed, fired / 3);
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

// Whether a protected file is there is asked of the kernel: no answer must not pass for "no".
TEST_F(Fault, AFailedLookAtAProtectedFileNeverLeavesItUnprotected) {
  Renew(State::kUsed);
  char name[] = CELLOS_BIN_DIR "/faults-grant.XXXXXX";  // not below /dev, of which nothing is granted
  if (mkdtemp(name) == nullptr) GTEST_SKIP() << "no directory can be made in " CELLOS_BIN_DIR;
  const std::string grant = name, hook = grant + "/.git/hooks/pre-commit", plain = grant + "/plain";
  std::filesystem::create_directories(grant + "/.git/hooks");
  auto arguments = RunArguments();
  arguments.back() = "echo x > " + plain + "; echo x > " + hook + "; exit 0";
  arguments.insert(arguments.begin() + 2, {"--rw", grant});
  bool written = false;
  std::uint64_t refused = 0;
  for (std::uint64_t at = 0; at < 400; at += at < 10 ? 1 : Stride(7)) {
    Renew(State::kUsed);
    const Ended ended =
        Program(arguments, Environment("newfstatat@" + std::to_string(at) + ":ENOMEM"), top_ + "/scratch").Await(kDeadline);
    if (at > 0 && !ended.fired) break;
    refused += ended.status == 125 && ended.err.find("newfstatat") != std::string::npos ? 1 : 0;
    written = written || std::filesystem::exists(plain);
    EXPECT_FALSE(std::filesystem::exists(hook)) << "look " << at << ": " << ended.Told();
  }
  std::filesystem::remove_all(grant);
  EXPECT_TRUE(written);
  EXPECT_GT(refused, 2u);
}

INSTANTIATE_TEST_SUITE_P(, Errors, testing::Values("ENOSPC", "EMFILE", "ENOMEM", "EINTR", "EPERM"),
                         [](const auto& of) { return std::string(of.param); });

}  // namespace
}  // namespace faults
