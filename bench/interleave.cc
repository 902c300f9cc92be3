// SPDX-License-Identifier: Apache-2.0
// interleave [-n ROUNDS] NAME COMMAND [ARG…] [::: NAME COMMAND [ARG…]]…: wall time of each command from fork to wait, one
// after the other in every round, so that a slow moment of the machine hits all alike. Ratios are to the first command.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "stats.h"

namespace {

struct Command {
  std::string name;
  std::vector<char*> argv;  // ends with nullptr
  std::vector<double> milliseconds;
};

std::vector<Command> Parse(char** argv) {
  std::vector<Command> commands;
  while (*argv != nullptr) {
    Command command{*argv++, {}, {}};
    while (*argv != nullptr && std::strcmp(*argv, ":::") != 0) command.argv.push_back(*argv++);
    if (*argv != nullptr) ++argv;
    command.argv.push_back(nullptr);
    commands.push_back(std::move(command));
  }
  return commands;
}

// Milliseconds; negative when the command did not succeed.
double Once(const Command& command) {
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = vfork();
  if (child == 0) {
    execvp(command.argv[0], command.argv.data());
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? took.count() : -1;
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 40;
  ++argv;
  if (argc > 2 && std::strcmp(*argv, "-n") == 0) {
    rounds = std::atoi(argv[1]);
    argv += 2;
  }
  std::vector<Command> commands = Parse(argv);
  if (commands.empty() || rounds < 1) {
    std::fprintf(stderr, "usage: interleave [-n ROUNDS] NAME COMMAND [ARG…] [::: NAME COMMAND [ARG…]]…\n");
    return 2;
  }
  for (int round = -3; round < rounds; ++round) {  // the first three warm the caches
    for (Command& command : commands) {
      const double took = Once(command);
      if (took < 0) {
        std::fprintf(stderr, "interleave: %s failed\n", command.name.c_str());
        return 1;
      }
      if (round >= 0) command.milliseconds.push_back(took);
    }
  }
  std::printf("%-34s %10s %10s %10s\n", ("start to end, " + std::to_string(rounds) + " rounds").c_str(), "p50 ms", "p95 ms",
              ("/ " + commands[0].name).c_str());
  const double base = bench::Percentile(commands[0].milliseconds, 0.5);
  for (const Command& command : commands) {
    const double median = bench::Percentile(command.milliseconds, 0.5);
    std::printf("%-34s %10.2f %10.2f %10.2f\n", command.name.c_str(), median,
                bench::Percentile(command.milliseconds, 0.95), median / base);
  }
  return 0;
}
