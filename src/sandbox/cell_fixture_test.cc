// SPDX-License-Identifier: Apache-2.0
// For tests: a plan made by hand, and a cell run to its end.
#include "sandbox/cell_fixture.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "base/clock.h"
#include "plan/seccomp_table.h"
#include "sys/file.h"
#include "sys/poll.h"
#include "sys/socket.h"

namespace sandbox::testing {
namespace {

using Kind = plan::Mount::Kind;

void AddSystem(std::vector<plan::Mount>& mounts) {
  mounts.push_back({.kind = Kind::kTmpfs, .target = "/", .mode = 0755, .size_bytes = 1 << 20, .inodes = 512});
  for (const char* name : {"/usr", "/etc", "/dev", "/proc", "/tmp", "/workspace", "/run"}) {
    mounts.push_back({.kind = Kind::kDirectory, .target = name, .mode = 0755});
  }
  mounts.push_back({.kind = Kind::kBind, .target = "/usr", .source = "/usr", .read_only = true});
  for (const char* name : {"bin", "sbin", "lib", "lib64"}) {
    mounts.push_back({.kind = Kind::kLink, .target = std::string("/") + name, .source = std::string("usr/") + name});
  }
  mounts.push_back({.kind = Kind::kFile, .target = "/etc/passwd", .content = "cell:x:1000:1000::/workspace:/bin/sh\n",
                    .mode = 0444});
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
    const std::string path = std::string("/dev/") + name;
    mounts.push_back({.kind = Kind::kFile, .target = path, .mode = 0444});
    mounts.push_back({.kind = Kind::kDevice, .target = path, .source = path});
  }
  mounts.push_back({.kind = Kind::kDirectory, .target = "/dev/shm", .mode = 0755});
  for (const char* name : {"/tmp", "/workspace", "/dev/shm"}) {
    mounts.push_back({.kind = Kind::kTmpfs, .target = name, .mode = 01777, .size_bytes = 16 << 20, .inodes = 4096});
  }
}

void AddProc(std::vector<plan::Mount>& mounts) {
  mounts.push_back({.kind = Kind::kReadOnly, .target = "/", .read_only = true});
  mounts.push_back({.kind = Kind::kProc, .target = "/proc"});
  mounts.push_back({.kind = Kind::kReadOnly, .target = "/proc/sys", .read_only = true, .optional = true});
  mounts.push_back({.kind = Kind::kMask, .target = "/proc/kallsyms", .optional = true});
  mounts.push_back({.kind = Kind::kMask, .target = "/proc/scsi", .optional = true});
}

// Reads what is there; false at the end of the stream.
bool Drain(base::UniqueFd& fd, std::string& text) {
  char buffer[16384];
  const auto count = sys::Read(fd.get(), buffer);
  if (count && *count > 0) {
    text.append(buffer, *count);
    return true;
  }
  fd.Reset();
  return false;
}

}  // namespace

plan::Plan PlanFor(std::vector<std::string> argv) {
  plan::Plan plan;
  plan.run_id = "test-run";
  plan.cell_id = "test-cell";
  plan.backend = "native";
  plan.hostname = "cell";
  plan.argv = std::move(argv);
  plan.working_directory = "/workspace";
  plan.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", "/workspace"}};
  AddSystem(plan.mounts);
  AddProc(plan.mounts);
  plan.rlimits = {{RLIMIT_CORE, "core", 1, 1}, {RLIMIT_NOFILE, "nofile", 1024, 1024}};
  plan.seccomp = plan::WorkloadFilter();
  plan.guard_seccomp = plan::GuardFilter();
  return plan;
}

plan::Plan Watched(plan::Plan plan, std::uint32_t sources, bool full) {
  plan.telemetry = plan::TelemetryPlan{.declared = {"declared"}, .sources = sources, .full = full};
  plan.seccomp = plan::WorkloadFilter(plan::Notified(plan));
  return plan;
}

bool Outcome::Has(CellEventKind kind) const {
  for (const CellEvent& event : events) {
    if (event.kind == kind) return true;
  }
  return false;
}

WorkloadEnd Outcome::End() const {
  for (const CellEvent& event : events) {
    if (event.kind == CellEventKind::kWorkloadEnded) return event.end;
  }
  return {.exit_code = -2};
}

int Outcome::ExecError() const {
  for (const CellEvent& event : events) {
    if (event.kind == CellEventKind::kExecFailed) return event.error_number;
  }
  return 0;
}

LaunchOptions OptionsFor(const plan::Plan& plan, Streams streams) {
  static std::atomic<std::uint32_t> slot{0};
  const bool root = geteuid() == 0;
  const std::uint32_t id = 0x6f000000 + 4 * slot++;
  LaunchOptions options;
  options.plan = &plan;
  options.streams = std::move(streams);
  options.host_uid = root ? id : geteuid();
  options.host_gid = root ? id : getegid();
  return options;
}

base::Result<Outcome> RunCell(const plan::Plan& plan, RunOptions options) {
  Streams streams;
  base::UniqueFd in, out, err;
  if (!plan.terminal) {
    sys::PipeEnds pipes[3] = {TRY(sys::Pipe()), TRY(sys::Pipe()), TRY(sys::Pipe())};
    streams = {std::move(pipes[0].read), std::move(pipes[1].write), std::move(pipes[2].write)};
    in = std::move(pipes[0].write);
    out = std::move(pipes[1].read);
    err = std::move(pipes[2].read);
    TRY(sys::WriteAll(in.get(), options.in));
    in.Reset();
  }
  LaunchOptions launch = OptionsFor(plan, std::move(streams));
  launch.ttl_deadline = options.ttl_deadline;
  base::UniqueFd frames, channel;
  if (plan.telemetry) std::tie(frames, channel) = TRY(sys::SocketPair(SOCK_STREAM));
  launch.agent_channel = channel.get();
  Cell cell = TRY(Cell::Launch(std::move(launch)));
  channel.Reset();
  if (plan.terminal) out = cell.TakeTerminal();
  if (options.at_barrier) options.at_barrier(cell);
  const std::vector<std::string_view> secrets(options.secrets.begin(), options.secrets.end());
  TRY(cell.OpenBarrier(secrets));
  if (options.after_barrier) options.after_barrier(cell);

  Outcome outcome;
  const auto end = base::SystemClock().Boot() + options.limit;
  for (bool gone = false; !gone || out || err || frames;) {
    if (base::SystemClock().Boot() > end) return base::Fail(base::ErrorKind::kDeadline, "the cell did not end in time");
    pollfd fds[] = {{cell.event_fd(), POLLIN, 0}, {out.get(), POLLIN, 0}, {err.get(), POLLIN, 0},
                    {frames.get(), POLLIN, 0}};
    TRY(sys::Poll(fds, std::chrono::milliseconds(200)));
    if (fds[1].revents != 0) Drain(out, outcome.out);
    if (fds[2].revents != 0) Drain(err, outcome.err);
    if (fds[3].revents != 0) Drain(frames, outcome.frames);
    while (const auto event = TRY(cell.ReadEvent())) {
      outcome.events.push_back(*event);
      gone = gone || event->kind == CellEventKind::kGone;
    }
  }
  return outcome;
}

Outcome RunShell(const std::string& script, RunOptions options) {
  auto outcome = RunCell(PlanFor({"sh", "-c", script}), std::move(options));
  EXPECT_TRUE(outcome) << outcome.error().message;
  return outcome ? std::move(*outcome) : Outcome{};
}

plan::Plan ProbeFor(std::vector<std::string> arguments) {
  std::string worlds;
  for (const char* kind : {"mnt", "pid", "net"}) {
    worlds += sys::ReadLinkAt(AT_FDCWD, std::string("/proc/self/ns/") + kind).value_or("") + " ";
  }
  std::vector<std::string> argv = {"/probe", worlds};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  plan::Plan plan = PlanFor(std::move(argv));
  const std::vector<plan::Mount> probe = {
      {.kind = Kind::kFile, .target = "/probe", .mode = 0444},
      {.kind = Kind::kBind, .target = "/probe", .source = CELLOS_BIN_DIR "/cell_probe", .read_only = true}};
  plan.mounts.insert(plan.mounts.begin() + 1, probe.begin(), probe.end());
  return plan;
}

Outcome RunProbe(std::vector<std::string> arguments) {
  auto outcome = RunCell(ProbeFor(std::move(arguments)));
  EXPECT_TRUE(outcome) << outcome.error().message;
  if (!outcome) return {};
  EXPECT_NE(outcome->End().exit_code, 99) << "the probe found itself in the harness's namespaces";
  return std::move(*outcome);
}

std::string InChild(std::uint32_t uid, const std::function<std::string()>& body) {
  auto pipe = sys::Pipe();
  if (!pipe) return pipe.error().message;
  const pid_t child = fork();
  if (child == 0) {
    pipe->read.Reset();
    std::string text;
    if (uid != 0 && (setgroups(0, nullptr) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)) {
      text = "could not become another user";
    }
    if (text.empty()) text = body();
    (void)sys::WriteAll(pipe->write.get(), text);
    _exit(0);
  }
  pipe->write.Reset();
  auto text = sys::ReadAll(pipe->read.get(), 1 << 20);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status)) return "the child died";
  return text ? *text : text.error().message;
}

std::string Inventory() {
  std::string text = "fds";
  const base::UniqueFd directory(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto entries = sys::ListDirectory(directory.get(), 4096);
  for (const auto& entry : entries ? *entries : std::vector<sys::DirectoryEntry>()) {
    if (entry.name != std::to_string(directory.get())) text += " " + entry.name;
  }
  const std::string path = fmt::format("/proc/self/task/{}/children", getpid());
  return text + " children " + sys::ReadFile(AT_FDCWD, path, 65536).value_or("?");
}

bool WaitGone(pid_t pid, std::chrono::milliseconds limit) {
  const auto end = base::SystemClock().Boot() + limit;
  do {
    const auto status = sys::ReadFile(AT_FDCWD, fmt::format("/proc/{}/stat", pid), 4096);
    if (!status) return true;
    const std::size_t state = status->rfind(") ");
    if (state != std::string::npos && ((*status)[state + 2] == 'Z' || (*status)[state + 2] == 'X')) return true;
    usleep(5000);
  } while (base::SystemClock().Boot() < end);
  return false;
}

}  // namespace sandbox::testing
