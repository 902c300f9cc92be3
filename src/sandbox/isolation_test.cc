// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <sstream>

#include "sandbox/cell_fixture.h"
#include "sandbox/launch.h"
#include "sys/file.h"

namespace sandbox {
namespace {

using testing::Outcome;
using testing::PlanFor;
using testing::ProbeFor;
using testing::RunCell;
using testing::RunProbe;
using testing::RunShell;

std::map<std::string, std::string> Pairs(const std::string& text) {
  std::map<std::string, std::string> pairs;
  std::istringstream lines(text);
  for (std::string name, value; lines >> name >> value;) pairs[name] = value;
  return pairs;
}

TEST(Isolation, ForbiddenCallsAreRefusedAndPlainFiltersAllowed) {
  const Outcome outcome = RunProbe({"calls"});
  EXPECT_EQ(outcome.End().exit_code, 0) << outcome.err;
  const auto answers = Pairs(outcome.out);
  EXPECT_GE(answers.size(), 48u);
  const std::map<std::string, std::string> other = {
      {"clone3", "ENOSYS"}, {"openat2", "ENOSYS"}, {"unnamed", "ENOSYS"}, {"plain_filter", "ok"}};
  for (const auto& [call, answer] : answers) {
    const auto expected = other.find(call);
    EXPECT_EQ(answer, expected == other.end() ? "EPERM" : expected->second) << call;
  }
}

TEST(Isolation, OnlyFourSocketFamiliesOpen) {
  EXPECT_EQ(RunProbe({"families"}).out, "1 2 10 16 \n");
}

TEST(Isolation, DescriptorsAreTheThreeStreams) {
  // What the caller left open, without close-on-exec, a handle on the host's root among it.
  std::vector<base::UniqueFd> leaked;
  for (int i = 0; i < 40; ++i) leaked.emplace_back(open("/", O_RDONLY | O_DIRECTORY));
  EXPECT_EQ(RunProbe({"fds"}).out, "0 1 2 \n");
}

// Under some hypervisors the machine itself has no 32-bit entry: whoever tries it gets SIGSEGV, with any filter or none.
bool MachineHas32BitEntry() {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);  // not the sanitizer's, which exits
#if defined(__x86_64__)
    long result;
    asm volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory");
#endif
    _exit(0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status);
}

TEST(Isolation, ForeignArchitectureAndX32AreKilledByTheFilter) {
  std::vector<const char*> commands = {"x32"};
  if (MachineHas32BitEntry()) commands.push_back("int80");
  for (const char* command : commands) {
    const Outcome outcome = RunProbe({command});
    EXPECT_EQ(outcome.End().signal, SIGSYS) << command;
    EXPECT_TRUE(outcome.End().filter_killed) << command;
    EXPECT_EQ(outcome.out, "") << command;
  }
}

TEST(Isolation, SigsysCannotBeSentByHand) {
  const Outcome outcome = RunShell("kill -SYS $$; echo $?");
  EXPECT_EQ(outcome.End().exit_code, 0);
  EXPECT_EQ(outcome.out, "1\n");
}

TEST(Isolation, SignalsChangeNothingForTheReaper) {
  const Outcome outcome = RunProbe({"signal-all"});
  EXPECT_EQ(outcome.End().exit_code, 7);
  EXPECT_NE(outcome.out.find("alive"), std::string::npos) << outcome.out;
}

TEST(Isolation, AnotherChildOfTheReaperDoesNotPassForTheLeader) {
  EXPECT_EQ(RunProbe({"foreign-child"}).End().exit_code, 3);
}

TEST(Isolation, DescendantsDieWithTheLeader) {
  const Outcome outcome = RunProbe({"orphan"});
  EXPECT_EQ(outcome.End().exit_code, 5);
  EXPECT_TRUE(outcome.Has(CellEventKind::kGone));
}

TEST(Isolation, IdentityIsTheCellsAndHoldsNoCapability) {
  const Outcome outcome = RunShell("id -u; id -g; cat /proc/self/uid_map; grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status");
  std::istringstream lines(outcome.out);
  std::string uid, gid, map, line;
  std::getline(lines, uid);
  std::getline(lines, gid);
  std::getline(lines, map);
  EXPECT_EQ(uid, "1000");
  EXPECT_EQ(gid, "1000");
  EXPECT_EQ(map.substr(map.size() - 10), "         1");
  int caps = 0, seen = 0;
  while (std::getline(lines, line)) {
    if (line.starts_with("Cap")) {
      ++caps;
      EXPECT_NE(line.find("0000000000000000"), std::string::npos) << line;
    }
    seen += line == "NoNewPrivs:\t1" || line == "Seccomp:\t2";
  }
  EXPECT_EQ(caps, 5);
  EXPECT_EQ(seen, 2);
}

TEST(Isolation, NothingButScratchSpaceCanBeWritten) {
  const auto answers = Pairs(RunProbe({"read-only"}).out);
  ASSERT_EQ(answers.size(), 8u);
  for (const auto& [path, answer] : answers) EXPECT_TRUE(answer == "EROFS" || answer == "EACCES") << path << " " << answer;
  EXPECT_EQ(RunShell("echo x > /tmp/a && echo y > /workspace/b && echo z > /dev/shm/c && echo ok").out, "ok\n");
}

TEST(Isolation, TheHostsTreeIsNotThere) {
  const Outcome outcome = RunShell("ls -A /; ls -A /etc; ls / /root /home /var /work /sys /boot /mnt 2>&1 >/dev/null | wc -l");
  EXPECT_EQ(outcome.out,
            "bin\ndev\netc\nlib\nlib64\nproc\nrun\nsbin\ntmp\nusr\nworkspace\npasswd\n7\n");
}

TEST(Isolation, TheOldRootIsUnmountedInEveryProcessOfTheCell) {
  const Outcome outcome = RunShell("cat /proc/self/mountinfo", {.at_barrier = [](Cell& cell) {
    struct stat host, outer;
    ASSERT_EQ(stat("/", &host), 0);
    const std::string path = "/proc/" + std::to_string(cell.outer_pid()) + "/";
    for (const char* name : {"root", "cwd"}) {
      ASSERT_EQ(stat((path + name).c_str(), &outer), 0) << name;
      EXPECT_NE(outer.st_dev, host.st_dev) << name;
    }
  }});
  // Every mount lies below the cell's root, whose own line is the only one at "/".
  std::istringstream lines(outcome.out);
  int roots = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, source, target, options;
    fields >> id >> parent >> device >> source >> target >> options;
    roots += target == "/";
    EXPECT_TRUE(options.find("nosuid") != std::string::npos) << line;
    // Device nodes, and the files that the cell's /dev/null hides.
    EXPECT_TRUE(device == "0:6" || source == "/null" || target.starts_with("/dev/") || options.find("nodev") != std::string::npos) << line;
  }
  EXPECT_EQ(roots, 1);
}

TEST(Isolation, ProcShowsTheInnerProcessesOnlyAndIsMasked) {
  const Outcome outcome = RunShell("ls -d /proc/[0-9]* | wc -w; cat /proc/1/comm; cat /proc/1/environ /proc/1/maps 2>&1 "
                                   ">/dev/null | wc -l; readlink /proc/1/exe; wc -c < /proc/kallsyms; "
                                   "cat /proc/sys/user/max_user_namespaces; cat /proc/self/oom_score_adj; "
                                   "cat /proc/sys/user/max_inotify_instances; "
                                   "cat /proc/self/coredump_filter; ulimit -c; ulimit -Hc");
  std::istringstream lines(outcome.out);
  std::string processes, init, refused, masked, namespaces, oom, instances, filter, soft, hard;
  lines >> processes >> init >> refused >> masked >> namespaces >> oom >> instances >> filter >> soft >> hard;
  EXPECT_LE(std::stoi(processes), 5);
  EXPECT_EQ(init, "cellos-reaper");
  EXPECT_EQ(refused, "2");
  EXPECT_EQ(masked, "0");
  EXPECT_EQ(namespaces, "0");
  EXPECT_EQ(oom, "500");
  EXPECT_EQ(instances, "32") << "a workload must not use up what its user has on the host";
  EXPECT_EQ(filter, "00000000");
  EXPECT_EQ(soft, "0");  // in blocks of 512 bytes: 1 byte shows as 0
  EXPECT_EQ(hard, "0");
}

TEST(Isolation, NamespacesAreNotTheSupervisors) {
  RunShell("true", {.at_barrier = [](Cell& cell) {
    for (const char* kind : {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"}) {
      const auto name = [kind](const std::string& pid) {
        return sys::ReadLinkAt(AT_FDCWD, "/proc/" + pid + "/ns/" + kind).value_or("?");
      };
      const std::string own = name("self"), inner = name(std::to_string(cell.workload_pid()));
      EXPECT_NE(own, inner) << kind;
      EXPECT_NE(inner, "?") << kind;
      const std::string outer = name(std::to_string(cell.outer_pid()));
      if (std::string(kind) == "pid") {
        EXPECT_NE(outer, inner) << "the workload's pid namespace is nested";
      } else {
        EXPECT_EQ(outer, inner) << kind;
      }
    }
  }});
}

TEST(Isolation, TheNetworkIsLoopbackAlone) {
  const Outcome outcome = RunShell("cat /proc/net/dev | tail -n +3 | cut -d: -f1; cat /proc/net/route | wc -l");
  EXPECT_EQ(outcome.out, "    lo\n1\n");
}

TEST(Isolation, TmpfsIsBoundedInBytes) {
  const Outcome outcome = RunProbe({"fill", "/workspace/big"});
  std::istringstream text(outcome.out);
  long bytes = 0;
  std::string error;
  text >> bytes >> error;
  EXPECT_EQ(error, "ENOSPC");
  EXPECT_LE(bytes, 16l << 20);
}

TEST(Isolation, ProcessesAreBoundedByRlimit) {
  plan::Plan plan = ProbeFor({"fork-bomb"});
  plan.rlimits.push_back({RLIMIT_NPROC, "nproc", 20, 20});
  const auto outcome = RunCell(plan);
  ASSERT_TRUE(outcome) << outcome.error().message;
  std::istringstream text(outcome->out);
  int made = 0;
  std::string error;
  text >> made >> error;
  EXPECT_EQ(error, "EAGAIN");
  EXPECT_LE(made, 20);
}

TEST(Isolation, SystemVSharedMemoryIsTheCellsOwn) {
  EXPECT_EQ(RunShell("ls /dev/shm /dev/mqueue 2>/dev/null; tail -n +2 /proc/sysvipc/shm | wc -l").out, "/dev/shm:\n0\n");
}

TEST(Isolation, TheLeaderIsASessionOfItsOwnWithoutTerminal) {
  // Fields 5–7 of stat: process group, session, terminal.
  const Outcome outcome = RunShell("cut -d' ' -f1,5,6,7 /proc/$$/stat; umask");
  std::istringstream text(outcome.out);
  int pid = 0, group = 0, session = 0, terminal = -1;
  std::string umask;
  text >> pid >> group >> session >> terminal >> umask;
  EXPECT_EQ(pid, group);
  EXPECT_EQ(pid, session);
  EXPECT_EQ(terminal, 0);
  EXPECT_EQ(umask, "0077");
}

TEST(Isolation, SignalsStartAtTheirDefaults) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  const Outcome outcome = RunShell("grep -E '^Sig(Blk|Ign)' /proc/self/status");
  signal(SIGPIPE, SIG_DFL);
  EXPECT_EQ(outcome.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

}  // namespace
}  // namespace sandbox
