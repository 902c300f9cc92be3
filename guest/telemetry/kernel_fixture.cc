// SPDX-License-Identifier: Apache-2.0
#include "kernel_fixture.h"

#include <algorithm>

#include "wire/telemetry_frame.h"

namespace guest {
namespace {

FakeKernel* kernel;
std::map<std::uint32_t, FakeTask>::const_iterator walk;
int next_pidfd = 10;

void SetComm(const std::string& text, Comm* comm) {
  comm->size = static_cast<std::uint8_t>(std::min<std::size_t>(text.size(), sizeof comm->bytes));
  std::copy_n(text.data(), comm->size, comm->bytes);
}

}  // namespace

FakeKernel::FakeKernel() {
  kernel = this;
  tasks[1] = {.group = 1, .parent = 0, .comm = "cellos-init"};
  tasks[2] = {.group = 2, .parent = 1, .comm = "cellos-telemetr"};
  tasks[3] = {.group = 3, .parent = 1, .comm = "cellos-reaper"};
  tasks[4] = {.group = 4, .parent = 3, .comm = "cellos-reaper"};
}

std::uint32_t FakeKernel::Number() {
  std::uint32_t number = cursor + 1;
  for (;; ++number) {
    if (number >= pid_max) number = 300;
    if (!tasks.contains(number) && !groups.contains(number)) break;
  }
  return cursor = number;
}

std::uint32_t FakeKernel::Fork(const std::string& comm) {
  const std::uint32_t pid = Number();
  tasks[pid] = {.group = pid, .start = ticks, .comm = comm};
  ++forks;
  return pid;
}

std::uint32_t FakeKernel::Thread(std::uint32_t group) {
  const std::uint32_t number = Number();
  tasks[number] = {.group = group, .start = ticks};
  ++forks;
  return number;
}

std::uint32_t FakeKernel::RefusedFork() { return Number(); }

void FakeKernel::Exec(std::uint32_t pid, const std::string& comm) {
  tasks[pid].comm = comm;
  tasks[pid].flags = 0;
  tasks[pid].image += 0x1000;
}

void FakeKernel::Die(std::uint32_t pid, std::uint32_t wait_status) {
  tasks[pid].state = 'Z';
  tasks[pid].exit_code = wait_status;
  tasks[pid].image = 0;
}

void FakeKernel::Reap(std::uint32_t pid) {
  ended[pid] = tasks[pid].exit_code;
  tasks.erase(pid);
}

namespace proc {

Sight Look(std::uint32_t number, int* pidfd) {
  if (pidfd != nullptr) *pidfd = 0;
  const auto task = kernel->tasks.find(number);
  if (task == kernel->tasks.end()) return Sight::kGone;
  if (task->second.group != number) return Sight::kThread;
  if (pidfd != nullptr) kernel->pidfds[*pidfd = next_pidfd++] = number;
  return Sight::kProcess;
}

bool ReadStat(std::uint32_t number, ProcessStat* stat) {
  const auto at = kernel->tasks.find(number);
  if (at == kernel->tasks.end()) return false;
  const FakeTask& task = at->second;
  *stat = ProcessStat{};
  SetComm(task.comm, &stat->comm);
  stat->state = task.state;
  stat->parent = task.parent;
  stat->threads = task.threads;
  stat->flags = task.flags;
  stat->start = task.start;
  stat->image = task.image;
  stat->exit_code = task.exit_code;
  return true;
}

void ReadComm(std::uint32_t number, Comm* comm) {
  const auto task = kernel->tasks.find(number);
  if (task != kernel->tasks.end()) SetComm(task->second.comm, comm);
}

std::uint32_t ThreadGroup(std::uint32_t number) {
  const auto task = kernel->tasks.find(number);
  return task == kernel->tasks.end() ? 0 : task->second.group;
}

std::uint32_t Cursor() { return kernel->cursor; }
std::uint32_t PidMax() { return kernel->pid_max; }
std::uint64_t Forks() { return kernel->forks; }
std::uint64_t BootTicks() { return kernel->ticks; }

void StartWalk() { walk = kernel->tasks.begin(); }

std::uint32_t NextInWalk() {
  while (walk != kernel->tasks.end() && walk->second.group != walk->first) ++walk;
  return walk == kernel->tasks.end() ? 0 : (walk++)->first;
}

bool Watch(int, std::uint32_t, std::uint32_t) { return kernel->watches; }

bool ExitInfo(int pidfd, std::uint64_t* status) {
  const std::uint32_t pid = kernel->pidfds.at(pidfd);
  const auto end = kernel->ended.find(pid);
  if (!kernel->tells_exit_info || end == kernel->ended.end()) return false;
  const std::uint32_t signal = end->second & 0x7f;
  *status = signal != 0 ? wire::kExitBySignal | signal : end->second >> 8;
  return true;
}

void Close(int pidfd) {
  if (pidfd > 0) kernel->pidfds.erase(pidfd);
}

bool IsGroup(std::uint32_t number) { return kernel->groups.contains(number); }

}  // namespace proc
}  // namespace guest
