// SPDX-License-Identifier: Apache-2.0
// Real cells with the real witness: what it tells, what its end does to the cell, what the workload can reach of it.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/reboot.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "json/canonical.h"
#include "plan/seccomp_table.h"
#include "sandbox/cell_fixture.h"
#include "sandbox/effective_controls.h"
#include "sys/socket.h"
#include "wire/agent_config.h"
#include "wire/telemetry_frame.h"

namespace sandbox {
namespace {

using ::testing::HasSubstr;
using testing::Outcome;
using wire::ProbeSource;
using wire::SourceBit;

constexpr std::uint32_t kProcesses = SourceBit(ProbeSource::kProcessSpawned) | SourceBit(ProbeSource::kProcessExited);
constexpr std::uint32_t kDenied = SourceBit(ProbeSource::kCapabilityDenied);
constexpr std::uint32_t kConnects = SourceBit(ProbeSource::kNetConnectAttempted);
constexpr std::uint32_t kInotify = SourceBit(ProbeSource::kFsInotifyFired);

std::vector<wire::TelemetryFrame> Decode(const std::string& bytes) {
  std::vector<wire::TelemetryFrame> frames;
  for (std::size_t at = 0; at < bytes.size();) {
    std::uint32_t size = 0;
    if (bytes.size() - at < sizeof size) break;
    memcpy(&size, bytes.data() + at, sizeof size);
    at += sizeof size;
    wire::TelemetryFrame frame;
    const auto* body = reinterpret_cast<const std::uint8_t*>(bytes.data()) + at;
    if (size > bytes.size() - at || wire::DecodeHostFrame(body, size, true, &frame) != wire::HostFrameFault::kNone) {
      ADD_FAILURE() << "frame " << frames.size() << " is none";
      break;
    }
    frames.push_back(frame);
    at += size;
  }
  return frames;
}

std::string Comm(const wire::TelemetryFrame& frame) { return {frame.comm, frame.comm_size}; }

// Frames of `source`, by command name.
std::map<std::string, int> Count(const Outcome& outcome, ProbeSource source) {
  std::map<std::string, int> names;
  for (const wire::TelemetryFrame& frame : Decode(outcome.frames)) {
    if (frame.source == source) ++names[Comm(frame)];
  }
  return names;
}
int Sum(const std::map<std::string, int>& names) {
  int sum = 0;
  for (const auto& [name, count] : names) sum += count;
  return sum;
}

plan::Plan WatchedShell(const std::string& script, std::uint32_t sources, bool full = false) {
  return testing::Watched(testing::PlanFor({"sh", "-c", script}), sources, full);
}

Outcome RunWatched(const plan::Plan& plan, testing::RunOptions options = {}) {
  auto outcome = testing::RunCell(plan, std::move(options));
  EXPECT_TRUE(outcome) << outcome.error().step << ": " << outcome.error().message;
  return outcome ? std::move(*outcome) : Outcome{};
}

const CellEvent* Failure(const Outcome& outcome) {
  for (const CellEvent& event : outcome.events) {
    if (event.kind == CellEventKind::kAgentFailed) return &event;
  }
  return nullptr;
}

// Runs `body` as the user of the test and, when that is root, as an ordinary one too.
void AsEveryUser(const std::function<std::string()>& body) {
  EXPECT_EQ(testing::InChild(0, body), "");
  if (geteuid() == 0) {
    EXPECT_EQ(testing::InChild(testing::kOrdinaryUser, body), "") << "as an ordinary user";
  }
}

TEST(Witness, TellsEveryProcessOfTheWorkloadToTheLast) {
  AsEveryUser([]() -> std::string {
    const auto outcome = testing::RunCell(
        WatchedShell("/usr/bin/true; /usr/bin/true; /usr/bin/false; (exit 3); exit 7", kProcesses));
    if (!outcome) return outcome.error().message;
    const auto spawned = Count(*outcome, ProbeSource::kProcessSpawned), exited = Count(*outcome, ProbeSource::kProcessExited);
    const auto of = [](const std::map<std::string, int>& names, const char* name) {
      return names.contains(name) ? names.at(name) : 0;
    };
    if (outcome->End().exit_code != 7 || outcome->Has(CellEventKind::kAgentFailed)) return "it did not end as it should";
    // On a slow machine a start may still be told with the name before its exec; the end has the last one.
    if (Sum(spawned) != 5) return fmt::format("{} spawned", Sum(spawned));
    if (of(exited, "true") != 2 || of(exited, "false") != 1 || of(exited, "sh") != 2 || Sum(exited) != 5) {
      return fmt::format("{} exited, {} true, {} false, {} sh", Sum(exited), of(exited, "true"), of(exited, "false"),
                         of(exited, "sh"));
    }
    return "";
  });
}

TEST(Witness, TellsInFullModeToo) {
  const Outcome outcome = RunWatched(WatchedShell("/usr/bin/true; sh -c 'kill -9 $$'; exit 0", kProcesses, true));
  EXPECT_EQ(outcome.End().exit_code, 0);
  EXPECT_EQ(Sum(Count(outcome, ProbeSource::kProcessSpawned)), 3);
  EXPECT_EQ(Sum(Count(outcome, ProbeSource::kProcessExited)), 3);
}

// One attempt each at setns, mount, umount2, fsopen, move_mount, mount_setattr, pivot_root, chroot, init_module,
// kexec_load, clock_settime and, where there is one, iopl; and many at what only the filter refuses.
#if defined(__x86_64__)
constexpr int kDenialsOfProbe = 12;
#else
constexpr int kDenialsOfProbe = 11;
#endif

TEST(Witness, TellsOfCallsThatWantACapabilityAndOfNoOther) {
  AsEveryUser([]() -> std::string {
    const auto outcome = testing::RunCell(testing::Watched(testing::ProbeFor({"calls"}), kDenied));
    if (!outcome) return outcome.error().message;
    const auto denied = Count(*outcome, ProbeSource::kCapabilityDenied);
    if (outcome->End().exit_code != 0) return "it did not end as it should: " + outcome->err;
    if (denied == std::map<std::string, int>{{"probe", kDenialsOfProbe}}) return "";
    return fmt::format("{} denials", Sum(denied));
  });
}

TEST(Witness, ChangesNoVerdict) {
  const Outcome alone = testing::RunProbe({"calls"});
  const Outcome watched =
      RunWatched(testing::Watched(testing::ProbeFor({"calls"}), kProcesses | kDenied | kConnects, true));
  EXPECT_NE(alone.out, "");
  EXPECT_EQ(watched.out, alone.out);
}

TEST(Witness, TellsOfEachConnectAttempt) {
  const std::string loop = "for i in 1 2 3; do (echo >/dev/tcp/127.0.0.1/9) 2>/dev/null; done; exit 5";
  const Outcome outcome = RunWatched(testing::Watched(testing::PlanFor({"bash", "-c", loop}), kConnects));
  EXPECT_EQ(outcome.End().exit_code, 5);
  // Beside the three there may be sockets of name services.
  EXPECT_GE(Count(outcome, ProbeSource::kNetConnectAttempted)["bash"], 3);
}

TEST(Witness, SeesChangesBelowTheDeclaredPath) {
  plan::Plan plan = WatchedShell("echo x > /workspace/file; exit 6", kInotify);
  plan.telemetry->watch_path = "/workspace";
  const Outcome outcome = RunWatched(plan);
  EXPECT_EQ(outcome.End().exit_code, 6);
  EXPECT_GE(Count(outcome, ProbeSource::kFsInotifyFired)["cellos-telemetry"], 1);
}

TEST(Witness, ThatCannotStartFailsTheStartAndLeavesNothing) {
  plan::Plan plan = WatchedShell("exit 0", kInotify);
  plan.telemetry->watch_path = "/not/there";
  AsEveryUser([&plan]() -> std::string {
    (void)testing::RunCell(testing::PlanFor({"true"}));  // the programs' images stay open
    (void)testing::RunCell(WatchedShell("exit 0", kProcesses));
    const std::string before = testing::Inventory();
    const auto outcome = testing::RunCell(plan);
    if (outcome) return "it started";
    const std::string& message = outcome.error().message;
    if (outcome.error().step != "agent" || outcome.error().os_errno != ENOENT) return message;
    if (!message.contains("\"/not/there\"")) return message;
    return before == testing::Inventory() ? "" : before + " became " + testing::Inventory();
  });
}

TEST(Witness, NeedsAChannel) {
  const plan::Plan plan = WatchedShell("exit 0", kProcesses);
  const auto cell = Cell::Launch(testing::OptionsFor(plan, {}));
  ASSERT_FALSE(cell);
  EXPECT_EQ(cell.error().kind, base::ErrorKind::kInternal);
}

TEST(Witness, ItsDeathEndsTheCell) {
  AsEveryUser([]() -> std::string {
    pid_t agent = 0;
    const auto outcome = testing::RunCell(WatchedShell("while :; do /usr/bin/true; done", kProcesses),
                                          {.after_barrier = [&agent](Cell& cell) {
                                            agent = cell.agent_pid();
                                            (void)kill(agent, SIGKILL);
                                          }});
    if (!outcome) return outcome.error().message;
    const CellEvent* failure = Failure(*outcome);
    if (agent <= 0 || failure == nullptr) return "nobody was told";
    if (failure->hung || failure->end.signal != SIGKILL) return "told as something else";
    return outcome->Has(CellEventKind::kGone) ? "" : "the cell went on";
  });
}

TEST(Witness, ThatHangsEndsTheCell) {
  AsEveryUser([]() -> std::string {
    for (const char* script : {"while :; do /usr/bin/true; done", "sleep 600"}) {
      const auto outcome = testing::RunCell(WatchedShell(script, kProcesses), {.after_barrier = [](Cell& cell) {
        (void)kill(cell.agent_pid(), SIGSTOP);
      }});
      if (!outcome) return outcome.error().message;
      const CellEvent* failure = Failure(*outcome);
      if (failure == nullptr || !failure->hung) return "nobody was told";
    }
    return "";
  });
}

TEST(Witness, OfAWorkloadThatEndsIsNoFailure) {
  for (int i = 0; i < 20; ++i) {
    const Outcome outcome = RunWatched(WatchedShell("exit 0", kProcesses));
    EXPECT_EQ(outcome.End().exit_code, 0);
    EXPECT_EQ(Failure(outcome), nullptr);
    EXPECT_EQ(Sum(Count(outcome, ProbeSource::kProcessExited)), 1);
  }
}

pid_t ParentOf(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string stat;
  std::getline(file, stat);
  char state = 0;
  int parent = 0;
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos || sscanf(stat.c_str() + name_end + 1, " %c %d", &state, &parent) != 2) return -1;
  return parent;
}

// A workload may lower the reaper's priority; then the witness has ended long before.
TEST(Witness, AReaperThatIsLongInEndingIsNoHangOfTheWitness) {
  const Outcome outcome = RunWatched(WatchedShell("sleep 0.3; exit 6", kProcesses), {.after_barrier = [](Cell& cell) {
    const pid_t reaper = ParentOf(cell.workload_pid());
    if (reaper <= 0 || kill(reaper, SIGSTOP) != 0) return;  // it has ended already: nothing to see in this round
    pollfd agent = {cell.agent_pidfd(), POLLIN, 0};
    (void)poll(&agent, 1, 3000);  // older kernels keep the filter until the leader is reaped
    pollfd gone = {cell.event_fd(), 0, 0};
    (void)poll(&gone, 1, 1500);   // longer than outer init waits for a witness that tells the rest
    EXPECT_EQ(kill(reaper, SIGCONT), 0);
  }});
  EXPECT_EQ(outcome.End().exit_code, 6);
  EXPECT_EQ(Failure(outcome), nullptr);
}

TEST(Witness, IsTheSecondProcessAndLockedAsAnyoneCanRead) {
  plan::Plan plan = WatchedShell("exit 0", kProcesses | kDenied);
  plan.ids_from_range = geteuid() == 0;
  plan.uid_base = 0x6f000000;
  plan.facts.uid = geteuid();
  plan.facts.gid = getegid();
  RunWatched(plan, {.at_barrier = [&plan](Cell& cell) {
    const auto agent = ReadAgentControls(cell.agent_pid(), cell.agent_pidfd());
    ASSERT_TRUE(agent) << agent.error().message;
    EXPECT_EQ(agent->outer_pid, 2);
    EXPECT_EQ(agent->cap_inh | agent->cap_prm | agent->cap_eff | agent->cap_bnd | agent->cap_amb, 0u);
    EXPECT_TRUE(agent->no_new_privs);
    EXPECT_EQ(agent->seccomp_mode, 2);
    EXPECT_EQ(agent->seccomp_filters, 1);
    EXPECT_FALSE(agent->dumpable);
    auto controls = ReadEffectiveControls(cell.workload_pid(), cell.workload_pidfd(), plan, {});
    ASSERT_TRUE(controls);
    EXPECT_EQ(controls->notified, plan::NotifiedNames(plan::Notified(plan)));
    const auto refusal = [&] {
      const auto checked = CheckAgainstPlan(*controls, plan);
      return checked ? std::string() : checked.error().message;
    };
    EXPECT_THAT(refusal(), HasSubstr("the witness was not read"));
    controls->agent = *agent;
    EXPECT_EQ(refusal(), "");
    const std::string text = controls->ToJson("c", "r");
    EXPECT_TRUE(json::IsCanonicalJcs(text)) << text;
    EXPECT_THAT(text, HasSubstr(R"("agent":{"capabilities":{"ambient":[])"));
    EXPECT_THAT(text, HasSubstr(R"("notified":[)"));
    const auto lie = [&](auto change, const char* word) {
      controls->agent = *agent;
      change(*controls->agent);
      EXPECT_THAT(refusal(), HasSubstr(word));
    };
    lie([](AgentControls& a) { a.cap_bnd = 1; }, "capabilities");
    lie([](AgentControls& a) { a.no_new_privs = false; }, "no_new_privs");
    lie([](AgentControls& a) { a.seccomp_mode = 0; }, "filter");
    lie([](AgentControls& a) { a.dumpable = true; }, "dumpable");
    lie([](AgentControls& a) { a.outer_pid = 3; }, "process 3");
    plan::Plan other = plan;
    other.telemetry.reset();
    controls->agent = *agent;
    const auto checked = CheckAgainstPlan(*controls, other);
    EXPECT_THAT(checked ? "" : checked.error().message, HasSubstr("nobody planned"));
  }});
}

TEST(Witness, LeavesTheWorkloadNoDescriptorAndNoName) {
  const Outcome outcome = RunWatched(WatchedShell(
      "ls /proc/self/fd; grep -l cellos-tele /proc/[0-9]*/comm; cat /proc/1/comm; "
      "for p in /proc/[0-9]*; do echo pid ${p#/proc/}; done",
      kProcesses | kDenied | kConnects));
  // 3 is the directory that ls itself has open.
  EXPECT_TRUE(outcome.out.starts_with("0\n1\n2\n3\ncellos-reaper\npid 1\npid 2\n")) << outcome.out;
}

TEST(Witness, DoesNotDelayTheEndOfACellsLife) {
  const auto deadline = std::chrono::nanoseconds(1);
  const auto outcome = testing::RunCell(WatchedShell("sleep 600", kProcesses), {.ttl_deadline = deadline});
  // Whatever the start had reached, the timer ended it.
  if (outcome) {
    EXPECT_TRUE(outcome->Has(CellEventKind::kTtlExpired) || outcome->Has(CellEventKind::kGone));
    EXPECT_EQ(Failure(*outcome), nullptr);
  }
}

// --- what is notified and refused needs a capability, says this kernel ------------------------------------------------

struct KernelCall {
  long number;
  std::array<long, 6> arguments = {};
};

long At(const void* pointer) { return reinterpret_cast<long>(pointer); }

std::vector<KernelCall> Plausible() {
  static timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  static const std::uint64_t attributes[4] = {};
  static const int uts = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
  return {{SYS_mount, {At("none"), At("/tmp"), At("tmpfs")}},
          {SYS_umount2, {At("/")}},
          {SYS_pivot_root, {At("/"), At("/")}},
          {SYS_chroot, {At("/")}},
          {SYS_fsopen, {At("tmpfs")}},
          {SYS_fsmount, {-1}},
          {SYS_fspick, {AT_FDCWD, At("/")}},
          {SYS_move_mount, {-1, At(""), -1, At("")}},
          {SYS_mount_setattr, {AT_FDCWD, At("/"), 0, At(attributes), sizeof attributes}},
          {SYS_setns, {uts, 0}},
          {SYS_init_module, {0, 0, At("")}},
          {SYS_finit_module, {-1, At(""), 0}},
          {SYS_delete_module, {At("none"), 0}},
          {SYS_kexec_load, {}},
          {SYS_kexec_file_load, {-1, -1, 0, At(""), 0}},
          {SYS_settimeofday, {}},
          {SYS_clock_settime, {CLOCK_REALTIME, At(&now)}},
          {SYS_reboot, {static_cast<long>(LINUX_REBOOT_MAGIC1), LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_OFF}},
          {SYS_swapon, {At("/not/there")}},
          {SYS_swapoff, {At("/not/there")}},
          {SYS_acct, {}},
          {SYS_sethostname, {At("x"), 1}},
          {SYS_setdomainname, {At("x"), 1}},
          {SYS_vhangup, {}},
          {SYS_socket, {AF_INET, SOCK_RAW, 1}},
#if defined(__x86_64__)
          {SYS_iopl, {3}},
          {SYS_ioperm, {0x60, 1, 1}},
#endif
  };
}

TEST(Notified, RefusalsAreTheKernelsOwnWithoutAnyFilter) {
  const std::string text = testing::InChild(0, []() -> std::string {
    const __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct none[2] = {};
    if (syscall(SYS_capset, &header, none) != 0) return "capset";
    std::string wrong;
    std::map<int, std::string> asked;
    for (const plan::NotifiedCall& call : plan::NotifiedCalls({.sources = kDenied})) {
      asked.emplace(call.call.number, call.call.name);
    }
    for (const KernelCall& call : Plausible()) {
      const auto& a = call.arguments;
      errno = 0;
      const long result = syscall(call.number, a[0], a[1], a[2], a[3], a[4], a[5]);
      const auto name = asked.find(static_cast<int>(call.number));
      if (name == asked.end()) {
        wrong += fmt::format("{} is not in the table; ", call.number);
        continue;
      }
      if (result != -1 || (errno != EPERM && errno != ENOSYS)) wrong += fmt::format("{}: {}; ", name->second, errno);
      asked.erase(name);
    }
    for (const auto& [number, name] : asked) wrong += name + " was not tried; ";
    return wrong;
  });
  EXPECT_EQ(text, "");
}

}  // namespace
}  // namespace sandbox
