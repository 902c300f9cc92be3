// SPDX-License-Identifier: Apache-2.0
// Rows KE of the threats: ways into the kernel.
#include <cstdlib>
#include <set>

#include "harness.h"

namespace attacks {
namespace {

// One run of the probe serves all rows that end in an errno.
class Kernel : public Attack {
 protected:
  const Answers& Said() {
    static std::map<As, Answers> said;
    Answers& answers = said[GetParam()];
    if (answers.empty()) {
      const Finished run = Probe({"kernel"});
      EXPECT_EQ(run.Reason(), "completed") << run.err;
      EXPECT_TRUE(run.Logged("effective_controls", {"\"filterSha256\":", "\"noNewPrivs\":true"}));
      EXPECT_TRUE(run.Logged("lifecycle.v1.destroyed", {"\"reasonCode\":\"completed\"", "\"residueClass\":\"none\""}));
      answers = ParseAnswers(run.out);
    }
    return answers;
  }
};

TEST_P(Kernel, KE01_NoSecondWayToSystemCalls) { EXPECT_TRUE(Refused(Said(), "KE01", {"EPERM", "ENOSYS"})); }

// Under some hypervisors the machine itself has no 32-bit entry: whoever tries it gets SIGSEGV, with any filter or none.
bool MachineHas32BitEntry() { return std::system(CELLOS_BIN_DIR "/attack_probe 0 0 0 int80 2>/dev/null") == 0; }

TEST_P(Kernel, KE02_ForeignArchitectureAndX32AreKilled) {
  const bool both = MachineHas32BitEntry();
  EXPECT_TRUE(Refused(Said(), "KE02", both ? Words{"SIGSYS"} : Words{"SIGSYS", "killed"}));
  for (const std::string& entry : both ? Words{"int80", "x32"} : Words{"x32"}) {
    const Finished run = Probe({entry});
    EXPECT_EQ(run.status, 159) << entry;
    EXPECT_EQ(run.Reason(), "filter_killed") << entry;
    EXPECT_TRUE(run.Logged("command.v1.completed", {"\"reason\":\"filter_killed\"", "\"signal\":31"}));
    EXPECT_TRUE(run.Logged("lifecycle.v1.destroyed", {"\"reasonCode\":\"filter_killed\""})) << entry;
  }
}

TEST_P(Kernel, KE03_NoNewNamespaces) {
  EXPECT_TRUE(Refused(Said(), "KE03", {"EPERM", "ENOSYS"}));
  EXPECT_EQ(Shell("cat /proc/sys/user/max_user_namespaces").out, "0\n");
}

TEST_P(Kernel, KE04_NoHoldOnOtherProcesses) { EXPECT_TRUE(Refused(Said(), "KE04", {"EPERM", "ESRCH"})); }

TEST_P(Kernel, KE05_MountsStayAsTheyWere) {
  EXPECT_TRUE(Refused(Said(), "KE05", {"EPERM"}));
  std::string attack;
  for (const std::string& word : ProbeCommand({"kernel"})) attack += word + " ";
  const Finished run =
      Shell("cat /proc/self/mountinfo > /tmp/before; " + attack +
                "> /tmp/said; grep -c KE05 /tmp/said; cmp /tmp/before /proc/self/mountinfo && echo same",
            {.options = ProbeGrants()});
  EXPECT_EQ(run.out, "12\nsame\n") << run.err;
}

TEST_P(Kernel, KE06_NothingIsTypedIntoATerminal) {
  EXPECT_TRUE(Refused(Said(), "KE06", {"EPERM"}));
  const Finished run = Probe({"kernel"}, {.options = {"--terminal"}});
  Answers answers;
  for (const auto& [name, answer] : ParseAnswers(run.out)) answers[name] = answer;
  EXPECT_TRUE(Refused(answers, "KE06", {"EPERM"})) << run.out;
}

TEST_P(Kernel, KE07_NoListenerBesideOurFilter) { EXPECT_TRUE(Refused(Said(), "KE07", {"EPERM", "EBUSY"})); }

TEST_P(Kernel, KE08_ProgramsInMemoryAndScriptsRun) { EXPECT_TRUE(Refused(Said(), "KE08", {})); }

TEST_P(Kernel, KE09_MemoryLayoutAndHardwareAreNotReprogrammed) { EXPECT_TRUE(Refused(Said(), "KE09", {"EPERM"})); }

TEST_P(Kernel, KE10_FourSocketFamilies) {
  EXPECT_TRUE(Refused(Said(), "KE10", {"EPERM", "EAFNOSUPPORT", "EPROTONOSUPPORT"}));
  EXPECT_EQ(Probe({"families"}).out, "1/1 2/1 10/1 1/2 2/2 10/2 16/2 1/3 16/3 1/5 pair/1 \n");
}

TEST_P(Kernel, KE11_TheKernelIsNotStalledInACopy) {
  EXPECT_TRUE(Refused(Said(), "KE11", {"EPERM", "ENOSYS", "ENOENT"}));
}

TEST_P(Kernel, KE12_TheCallersKeysAreNotTheCells) { EXPECT_TRUE(Refused(Said(), "KE12", {"EPERM", "ENOSYS"})); }

TEST_P(Kernel, KE13_HighHalvesOfArgumentsChangeNothing) {
  const Answers& said = Said();
  EXPECT_TRUE(Refused(said, "KE13", {"EPERM", "EAFNOSUPPORT"}));
  for (const auto& [name, answer] : said) {
    const auto high = name.rfind("_high");
    if (high == name.npos) continue;
    const auto plain = said.find(name.substr(0, high));
    EXPECT_EQ(answer, plain == said.end() ? answer : plain->second) << name;
  }
}

TEST_P(Kernel, KE14_PortsBelow1024NeedAGrant) { EXPECT_TRUE(Refused(Said(), "KE14", {"EACCES", "EPERM"})); }

TEST_P(Kernel, KE15_OurProgramIsNotRewrittenFromInside) {
  const std::string before = Sha256Of(CELLOS_BIN_DIR "/cellos");
  EXPECT_TRUE(Refused(Said(), "KE15", {"EACCES", "EPERM", "ETXTBSY", "ENOENT", "EROFS"}));
  EXPECT_EQ(Sha256Of(CELLOS_BIN_DIR "/cellos"), before);
}

TEST_P(Kernel, KE16_NoProgramsInTheKernelAndNoKernelLog) { EXPECT_TRUE(Refused(Said(), "KE16", {"EPERM"})); }

// Were the probe's own arguments at fault, these would fail here too.
TEST_P(Kernel, TheSameAttemptsSucceedWhereNoCellRefusesThem) {
  if (GetParam() == As::kUser) GTEST_SKIP() << "once is enough";
  const Answers free = Unconfined("kernel");
  if (free.empty()) GTEST_SKIP() << "no user namespaces on this machine";
  std::set<std::string> allowed;
  for (const auto& [name, answer] : free) {
    if (answer == "allowed") allowed.insert(name);
  }
  for (const char* name : {"KE01.io_uring_setup",
                           "KE03.unshare_user",
                           "KE03.unshare_net",
                           "KE03.clone_user",
                           "KE03.clone_user_net_high",
                           "KE03.setns",
                           "KE04.ptrace_child",
                           "KE04.process_vm_readv",
                           "KE04.pidfd_getfd",
                           "KE04.kcmp",
                           "KE05.mount_tmpfs",
                           "KE05.mount_bind",
                           "KE05.fsopen",
                           "KE05.open_tree",
                           "KE05.chroot",
                           "KE07.listener",
                           "KE09.read_implies_exec",
                           "KE10.raw",
                           "KE11.userfaultfd_user",
                           "KE12.add_key",
                           "KE14.port_80"}) {
    EXPECT_TRUE(allowed.contains(name)) << name << ": " << (free.contains(name) ? free.at(name) : "not tried");
  }
}

ATTACK_AS_EVERYBODY(Kernel);

}  // namespace
}  // namespace attacks
