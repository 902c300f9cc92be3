// SPDX-License-Identifier: Apache-2.0
// The table form of the attack probe: one attempt is a name and a function that tries.
#pragma once

#include <span>

namespace probe {

// Runs in a process of its own under a deadline. At least 0: the kernel allowed it; else errno says what it answered.
struct Attempt {
  const char* name;
  long (*run)();
};

std::span<const Attempt> KernelAttempts();
std::span<const Attempt> FileAttempts();
std::span<const Attempt> ProcessAttempts();

// Commands that end in more than an errno; the exit status is the command's own.
struct Command {
  const char* name;
  int (*run)(int argc, char** argv);
};
std::span<const Command> Commands();
std::span<const Command> GuardCommands();
std::span<const Command> StormCommands();

// open(2) and close; the result of open.
long OpenOnly(const char* path, int flags, int mode = 0600);
// The number of bytes that can be read from `path`, at most 4096; -1 as read(2).
long ReadSome(const char* path);
// Starts a child that waits until it is killed; its pid.
int SleepingChild();

}  // namespace probe
