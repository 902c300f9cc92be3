// SPDX-License-Identifier: Apache-2.0
// Fault injection for tests; an empty object in the library that ships.
#include "sys/fault.h"

#ifdef CELLOS_FAULT_INJECTION

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <new>

namespace sys::fault {
namespace {

struct Page {
  std::atomic<std::uint64_t> seen{0}, at{0};
  std::atomic<int> error{0};
  std::atomic<bool> fired{false};
  char call[32] = {};  // written only while nothing is armed
};

int ErrorOf(const char* text) {
  if (strcmp(text, "KILL") == 0) return kKill;
  constexpr struct { const char* name; int value; } kNames[] = {
      {"ENOSPC", ENOSPC}, {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM}, {"EINTR", EINTR}, {"EPERM", EPERM},
      {"EIO", EIO}, {"EAGAIN", EAGAIN}, {"ENOSYS", ENOSYS}, {"EACCES", EACCES}, {"EBUSY", EBUSY}};
  for (const auto& [name, value] : kNames) {
    if (strcmp(text, name) == 0) return value;
  }
  return atoi(text);
}

// Shared by fork, so that one number addresses a call of the parent or of the child.
Page& State() {
  static Page* const page = [] {
    void* memory = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto* made = new (memory) Page;
    if (const char* wish = getenv("CELLOS_FAULT")) {
      if (const char* colon = strchr(wish, ':')) {
        made->at = strtoull(wish, nullptr, 10);
        made->error = ErrorOf(colon + 1);
      }
    }
    return made;
  }();
  return *page;
}

}  // namespace

void Arm(std::uint64_t at, int error) {
  Page& state = State();
  state.call[0] = 0;
  state.seen = 0;
  state.fired = false;
  state.error = error;
  state.at = at;
}

void ArmCall(const char* call, int error) {
  Arm(0, error);
  strncpy(State().call, call, sizeof(Page::call) - 1);
}

void Disarm() { Arm(0, 0); }
std::uint64_t Count() { return State().seen; }
bool Fired() { return State().fired; }

}  // namespace sys::fault

namespace sys::internal {

long Fault(const char* call) {
  auto& state = fault::State();
  const std::uint64_t number = ++state.seen;
  const bool hit = state.call[0] != 0 ? strcmp(state.call, call) == 0 : number == state.at;
  if (!hit) return 0;
  state.fired = true;
  if (state.error == fault::kKill) kill(getpid(), SIGKILL);
  while (state.error == fault::kHang) pause();
  return -static_cast<long>(state.error);
}

}  // namespace sys::internal

#endif  // CELLOS_FAULT_INJECTION
