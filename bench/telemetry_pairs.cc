// SPDX-License-Identifier: Apache-2.0
// telemetry_pairs [-n ROUNDS] [-r LINE]… COMMAND [ARG…] ::: COMMAND [ARG…]: two commands that serve rounds (see
// telemetry_load.cc) live side by side; each LINE is asked of both in turn, the order changing from round to round, so
// that a slow moment of the machine hits both. Prints the medians of the first, and the medians over the pairs of what the
// second takes of it, with the quartiles: by the clock, of the processor, and of the processor with what the second's
// witness took in that round.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "stats.h"

namespace {

struct Server {
  FILE* to = nullptr;
  FILE* from = nullptr;
  pid_t pid = -1;
};
struct Round {
  double wall = 0, processor = 0;  // ns
  double witness = 0;              // ns of the processor
};

// The witness below process `pid`; -1: there is none.
pid_t WitnessBelow(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  std::string name;
  std::ifstream(directory + "/comm") >> name;
  if (name == "cellos-telemetr") return pid;  // as much of its name as the kernel keeps
  std::ifstream children(directory + "/task/" + std::to_string(pid) + "/children");
  for (pid_t child = 0; children >> child;) {
    if (const pid_t found = WitnessBelow(child); found > 0) return found;
  }
  return -1;
}

// On-CPU nanoseconds so far, from the kernel's scheduler.
double ProcessorOf(pid_t pid) {
  double nanoseconds = 0;
  if (pid > 0) std::ifstream("/proc/" + std::to_string(pid) + "/schedstat") >> nanoseconds;
  return nanoseconds;
}

Server StartServer(char** argv) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) std::exit(1);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    execvp(argv[0], argv);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  return {fdopen(in[1], "w"), fdopen(out[0], "r"), pid};
}

Round Ask(const Server& server, const std::string& line) {
  Round round;
  const pid_t witness = WitnessBelow(server.pid);
  const double before = ProcessorOf(witness);
  std::fprintf(server.to, "%s\n", line.c_str());
  std::fflush(server.to);
  if (std::fscanf(server.from, "%lf %lf", &round.wall, &round.processor) != 2) {
    std::fprintf(stderr, "telemetry_pairs: no answer to '%s'\n", line.c_str());
    std::exit(1);
  }
  round.witness = ProcessorOf(witness) - before;
  return round;
}

void Print(const std::vector<double>& ratios) {
  std::printf(" %6.3f (%.3f to %.3f)", bench::Percentile(ratios, 0.5), bench::Percentile(ratios, 0.25),
              bench::Percentile(ratios, 0.75));
}

void Measure(const Server& a, const Server& b, const std::string& line, int rounds) {
  std::vector<double> wall, processor, wall_ratio, processor_ratio, whole_ratio;
  for (int round = -2; round < rounds; ++round) {  // the first two warm the caches
    Round first, second;
    if (round % 2 == 0) {
      first = Ask(a, line);
      second = Ask(b, line);
    } else {
      second = Ask(b, line);
      first = Ask(a, line);
    }
    if (round < 0 || first.processor <= 0) continue;
    wall.push_back(first.wall / 1e6);
    processor.push_back(first.processor / 1e6);
    wall_ratio.push_back(second.wall / first.wall);
    processor_ratio.push_back(second.processor / first.processor);
    whole_ratio.push_back((second.processor + second.witness) / first.processor);
  }
  std::printf("%-28s %8.2f", line.c_str(), bench::Percentile(wall, 0.5));
  Print(wall_ratio);
  std::printf(" %8.2f", bench::Percentile(processor, 0.5));
  Print(processor_ratio);
  Print(whole_ratio);
  std::printf("\n");
  std::fflush(stdout);
}

bool End(const Server& server) {
  std::fclose(server.to);
  int status = 0;
  return waitpid(server.pid, &status, 0) == server.pid && status == 0;
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 30;
  std::vector<std::string> lines;
  for (int option; (option = getopt(argc, argv, "+n:r:")) != -1;) {
    if (option == 'n') rounds = std::atoi(optarg);
    if (option == 'r') lines.emplace_back(optarg);
  }
  char** first = argv + optind;
  char** second = first;
  while (*second != nullptr && std::strcmp(*second, ":::") != 0) ++second;
  if (lines.empty() || rounds < 1 || second == first || *second == nullptr || second[1] == nullptr) {
    std::fputs("usage: telemetry_pairs [-n ROUNDS] -r LINE… COMMAND [ARG…] ::: COMMAND [ARG…]\n", stderr);
    return 2;
  }
  *second++ = nullptr;
  signal(SIGPIPE, SIG_IGN);
  const Server a = StartServer(first), b = StartServer(second);
  std::printf("%-28s %8s %-23s %8s %-23s %-23s\n", (std::to_string(rounds) + " pairs of rounds").c_str(), "wall ms",
              "  ratio (quartiles)", "cpu ms", "  ratio", "  ratio with the witness");
  for (const std::string& line : lines) Measure(a, b, line, rounds);
  const bool ended = End(a), also = End(b);
  return ended && also ? 0 : 1;
}
