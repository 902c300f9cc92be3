// SPDX-License-Identifier: Apache-2.0
// For tests: a plan made by hand, and a cell run to its end.
#include "sandbox/cell_fixture.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>

#include "base/clock.h"
#include "plan/seccomp_table.h"
#include "sys/file.h"
#include "sys/poll.h"

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
  mounts.push_back({.kind = Kind::kMask, .target = "/proc/kcore", .optional = true});
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
  Cell cell = TRY(Cell::Launch(std::move(launch)));
  if (plan.terminal) out = cell.TakeTerminal();
  if (options.at_barrier) options.at_barrier(cell);
  TRY(cell.OpenBarrier(options.secrets));
  if (options.after_barrier) options.after_barrier(cell);

  Outcome outcome;
  const auto end = base::SystemClock().Boot() + options.limit;
  for (bool gone = false; !gone || out || err;) {
    if (base::SystemClock().Boot() > end) return base::Fail(base::ErrorKind::kDeadline, "the cell did not end in time");
    pollfd fds[] = {{cell.event_fd(), POLLIN, 0}, {out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
    TRY(sys::Poll(fds, std::chrono::milliseconds(200)));
    if (fds[1].revents != 0) Drain(out, outcome.out);
    if (fds[2].revents != 0) Drain(err, outcome.err);
    while (const auto event = TRY(cell.ReadEvent())) {
      outcome.events.push_back(*event);
      gone = gone || event->kind == CellEventKind::kGone;
    }
  }
  return outcome;
}

}  // namespace sandbox::testing
