// SPDX-License-Identifier: Apache-2.0
// Fault injection for tests; an empty object in the library that ships.
#include "sys/fault.h"

#ifdef CELLOS_FAULT_INJECTION

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <new>

namespace sys::fault {
namespace {

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

// "12:ENOSPC", "fdatasync:EIO", "fdatasync@2:EIO", "write@2+:ENOSPC".
void ArmFrom(const char* wish, Page& page) {
  const char* colon = strchr(wish, ':');
  if (colon == nullptr) return;
  page.error = ErrorOf(colon + 1);
  if (wish[0] >= '0' && wish[0] <= '9') {
    page.at = strtoull(wish, nullptr, 10);
    return;
  }
  const auto* at = static_cast<const char*>(memchr(wish, '@', static_cast<std::size_t>(colon - wish)));
  const auto length = static_cast<std::size_t>((at != nullptr ? at : colon) - wish);
  if (length >= sizeof page.call) return;
  memcpy(page.call, wish, length);
  page.from = at != nullptr ? strtoull(at + 1, nullptr, 10) : 1;
  page.once = at != nullptr && colon[-1] != '+';
}

// Shared by fork, so that one number addresses a call of the parent or of the child; and by file with whoever watches.
Page& State() {
  static Page* const page = [] {
    int fd = -1;
    if (const char* path = getenv("CELLOS_FAULT_PAGE")) fd = open(path, O_RDWR | O_CLOEXEC);
    void* memory = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (fd >= 0) close(fd);
    if (memory == MAP_FAILED) abort();
    auto* made = new (memory) Page;
    if (const char* wish = getenv("CELLOS_FAULT")) ArmFrom(wish, *made);
    return made;
  }();
  return *page;
}

bool Hit(Page& page, const char* call, std::uint64_t number) {
  if (page.call[0] == 0) return number == page.at;
  if (strcmp(page.call, call) != 0) return false;
  const std::uint64_t nth = ++page.seen_named;
  return page.once ? nth == page.from : nth >= page.from;
}

// The first process of a pid namespace can't signal itself to death.
[[noreturn]] void Die() {
  kill(getpid(), SIGKILL);
  for (;;) syscall(SYS_exit_group, 137);
}

}  // namespace

void Arm(std::uint64_t at, int error) {
  Page& state = State();
  state.call[0] = 0;
  state.from = 1;
  state.once = false;
  state.seen = 0;
  state.seen_named = 0;
  state.fired = false;
  state.error = error;
  state.act = nullptr;
  state.at = at;
}

void ArmCall(const char* call, int error) {
  Arm(0, error);
  strncpy(State().call, call, sizeof(Page::call) - 1);
}

void ArmAction(const char* call, void (*act)()) {
  ArmCall(call, 0);
  State().act = act;
}

void Disarm() { Arm(0, 0); }
std::uint64_t Count() { return State().seen; }
bool Fired() { return State().fired; }

}  // namespace sys::fault

namespace sys::internal {

long Fault(const char* call) {
  auto& state = fault::State();
  if (!fault::Hit(state, call, ++state.seen)) return 0;
  strncpy(state.hit, call, sizeof state.hit - 1);
  state.fired = true;
  if (state.act != nullptr) state.act();
  if (state.error == fault::kKill) fault::Die();
  while (state.error == fault::kHang) pause();
  return -static_cast<long>(state.error);
}

}  // namespace sys::internal

#endif  // CELLOS_FAULT_INJECTION
