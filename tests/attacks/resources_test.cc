// SPDX-License-Identifier: Apache-2.0
// Rows RS of the threats: limits and time.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "harness.h"

namespace attacks {
namespace {

class Resources : public Attack {
 protected:
  const Answers& Said() {
    static std::map<As, Answers> said;
    Answers& answers = said[GetParam()];
    if (answers.empty()) answers = ParseAnswers(Probe({"processes"}).out);
    return answers;
  }
  static long ResidentBytes(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
    long size = 0, resident = 0;
    file >> size >> resident;
    return resident * 4096;
  }
};

TEST_P(Resources, RS01_NoControlGroupFileSystem) {
  EXPECT_TRUE(Refused(Said(), "RS01", {"EPERM", "ENOENT"}));
  EXPECT_EQ(Shell("grep -c cgroup /proc/self/mountinfo; ls /sys 2>/dev/null | wc -l").out, "0\n0\n");
}

TEST_P(Resources, RS02_MembershipStays) {
  EXPECT_TRUE(Refused(Said(), "RS02", {"EACCES", "ENOENT", "ENOSYS"}));
  std::string attack;
  for (const std::string& word : ProbeCommand({"processes"})) attack += word + " ";
  const Finished run =
      Shell("cat /proc/self/cgroup > /tmp/a; " + attack + "> /dev/null; cmp /tmp/a /proc/self/cgroup && echo same",
            {.options = ProbeGrants()});
  EXPECT_EQ(run.out, "same\n") << run.err;
}

TEST_P(Resources, RS03_StormsEndOnTime) {
  EXPECT_TRUE(Refused(Said(), "RS03", {"EPERM", "ENOMEM"}));
  const Finished run = Probe({"storm"}, {.options = {"--ttl", "2"}});
  EXPECT_EQ(run.status, 124);
  EXPECT_EQ(run.Reason(), "ttl_exceeded");
  EXPECT_TRUE(run.Logged("lifecycle.v1.destroyed", {"\"reasonCode\":\"ttl_exceeded\""}));
  EXPECT_GE(run.took.count(), 1900);
  EXPECT_LT(run.took.count(), 6000);  // what a loaded machine adds to the start and the way out
}

TEST_P(Resources, RS04_TheCellCannotMoveTheClock) { EXPECT_TRUE(Refused(Said(), "RS04", {"EPERM"})); }

TEST_P(Resources, RS05_ALimitThatCannotBeKeptStopsTheStart) {
  if (getuid() == 0 && GetParam() == As::kSelf) GTEST_SKIP() << "told of ordinary users: root has the controllers";
  const Finished run = Run({"/bin/true"}, {.options = {"--memory", "64M"}});
  if (run.status == 0) GTEST_SKIP() << "the memory controller is delegated to this user";
  EXPECT_EQ(run.status, 125);
  EXPECT_EQ(run.Reason(), "start_failed");
  EXPECT_NE(run.json.find("memory"), std::string::npos) << run.json;
  const std::string document =
      R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"best","authority":{},"lifetime":{"ttlSeconds":60},)"
      R"("run":{"argv":["/bin/true"],"secretDelivery":"env","limits":{"memoryMaxBytes":67108864,"bestEffort":["memory"]}}}})";
  const Finished best = Run({}, {.options = {"--spec", "-"}, .input = document});
  EXPECT_EQ(best.status, 0) << best.err << best.json;
  EXPECT_TRUE(best.Logged("effective_controls", {"\"notEnforced\":[{\"control\":\"memory"})) << best.log;
}

TEST_P(Resources, RS07_SharedMemoryCountsAgainstTheCell) {
  const Finished run = Probe({"fill", "/dev/shm/x"}, {.options = {"--memory", "32M", "--scratch", "512M"}});
  if (run.status == 125) GTEST_SKIP() << "no memory controller for this user: " << run.Member("message");
  EXPECT_EQ(run.Reason(), "oom") << run.out << run.json;
  EXPECT_EQ(run.status, 137);
  const Finished bounded = Probe({"fill", "/dev/shm/x"}, {.options = {"--memory", "64M", "--scratch", "16M"}});
  EXPECT_NE(bounded.out.find("ENOSPC"), std::string::npos) << bounded.out;
}

TEST_P(Resources, RS08_AReaderThatSleepsHoldsTheCellBack) {
  int unread[2];
  ASSERT_EQ(pipe2(unread, O_CLOEXEC), 0);
  How how = {.options = ProbeGrants(), .err = unread[1]};
  how.options.insert(how.options.end(), {"--ttl", "2", "--quiet"});
  const Started started = Start(ProbeCommand({"flood", "2"}), how);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_LT(ResidentBytes(started.pid), kMemoryOverhead + (64l << 20));
  const Finished run = Wait(started, how);
  close(unread[0]);
  close(unread[1]);
  EXPECT_EQ(run.Reason(), "ttl_exceeded") << run.json;
  EXPECT_LT(run.took.count(), 8000);
}

ATTACK_AS_EVERYBODY(Resources);

}  // namespace
}  // namespace attacks
