// SPDX-License-Identifier: Apache-2.0
// Attacks a cell from inside: `attack_probe MNT PID NET WHAT…` with the inode numbers of the harness's namespaces, all
// of which must differ from its own. WHAT is a group of attempts (a line each: name, and what the kernel answered) or a
// command.
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace probe {

long OpenOnly(const char* path, int flags, int mode) {
  const int fd = open(path, flags | O_NONBLOCK | O_NOCTTY, mode);
  if (fd >= 0) close(fd);
  return fd;
}

long ReadSome(const char* path) {
  const int fd = open(path, O_RDONLY | O_NONBLOCK);
  if (fd < 0) return -1;
  char buffer[4096];
  const long count = read(fd, buffer, sizeof buffer);
  close(fd);
  return count;
}

int SleepingChild() {
  const int child = fork();
  while (child == 0) pause();
  return child;
}

namespace {

constexpr unsigned kDeadlineSeconds = 10;

bool InOtherNamespaces(char** inodes) {
  const char* const paths[] = {"/proc/self/ns/mnt", "/proc/self/ns/pid", "/proc/self/ns/net"};
  for (int i = 0; i < 3; ++i) {
    struct stat own;
    if (stat(paths[i], &own) != 0 || own.st_ino == strtoul(inodes[i], nullptr, 10)) return false;
  }
  return true;
}

void Try(const Attempt& attempt) {
  const int child = fork();
  if (child == 0) {
    setpgid(0, 0);
    alarm(kDeadlineSeconds);
    errno = 0;
    const long result = attempt.run();
    _exit(result >= 0 ? 0 : errno != 0 ? errno : 255);
  }
  int status = 0;
  waitpid(child, &status, 0);
  kill(-child, SIGKILL);  // what the attempt left behind
  const char* answer = "allowed";
  if (WIFSIGNALED(status)) {
    answer = WTERMSIG(status) == SIGALRM ? "hang" : WTERMSIG(status) == SIGSYS ? "SIGSYS" : "killed";
  } else if (WEXITSTATUS(status) != 0) {
    answer = strerrorname_np(WEXITSTATUS(status));
  }
  printf("%s %s\n", attempt.name, answer != nullptr ? answer : "?");
  fflush(stdout);
}

int TryAll(std::span<const Attempt> attempts) {
  for (const Attempt& attempt : attempts) Try(attempt);
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  return 0;
}

int Run(int argc, char** argv) {
  if (strcmp(argv[0], "kernel") == 0) return TryAll(KernelAttempts());
  if (strcmp(argv[0], "files") == 0) return TryAll(FileAttempts());
  if (strcmp(argv[0], "processes") == 0) return TryAll(ProcessAttempts());
  for (const std::span<const Command> commands : {Commands(), GuardCommands(), StormCommands()}) {
    for (const Command& command : commands) {
      if (strcmp(argv[0], command.name) == 0) return command.run(argc, argv);
    }
  }
  return 98;
}

}  // namespace
}  // namespace probe

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--exit-0") == 0) return 0;  // what an attempt to execute executes
  if (argc < 5 || !probe::InOtherNamespaces(argv + 1)) {
    fputs("attack_probe runs inside a cell only\n", stderr);
    return 99;
  }
  return probe::Run(argc - 4, argv + 4);
}
