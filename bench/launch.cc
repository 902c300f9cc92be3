// SPDX-License-Identifier: Apache-2.0
// Launches from a process that is up: latency against bubblewrap, rate from 1 to 8 at a time, growth over a thousand cells.
//
//   launch STATE-DIRECTORY [--rounds N] [--seconds S] [--cells N]
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cell/run.h"
#include "cell/state/state_dir.h"
#include "stats.h"

namespace {

using Clock = std::chrono::steady_clock;
using Millis = std::chrono::duration<double, std::milli>;

constexpr const char* kDocument =
    R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"launch","run":{"argv":["/bin/true"],)"
    R"("secretDelivery":"env"},"authority":{},"lifetime":{"ttlSeconds":60}}})";

struct Options {
  std::string state;
  int rounds = 60, cells = 1000;
  double seconds = 3;
};

// What each phase of the launches so far cost, in milliseconds, in the order of a run.
using Phases = std::vector<std::pair<std::string, std::vector<double>>>;

void NotePhases(const cell::RunOutcome& outcome, base::BootTime began, Phases& phases) {
  phases.resize(outcome.phases.size());
  for (std::size_t i = 0; i < outcome.phases.size(); ++i) {
    phases[i].first = outcome.phases[i].phase;
    phases[i].second.push_back(Millis(outcome.phases[i].at - (i == 0 ? began : outcome.phases[i - 1].at)).count());
  }
}

// One cell from request to sealed evidence; false when it did not complete.
bool LaunchOne(cell::StateDir& state, int null, Phases* phases = nullptr) {
  cell::RunRequest request;
  request.document = kDocument;
  request.state = &state;
  request.caller_directory = "/";
  request.streams = {.in = -1, .out = null, .err = null};
  request.stdin_open = false;
  const base::BootTime began = base::SystemClock().Boot();
  const cell::RunOutcome outcome = cell::Run(request);
  if (phases != nullptr) NotePhases(outcome, began, *phases);
  if (outcome.reason == cell::Reason::kCompleted && outcome.exit_code == 0) return true;
  std::fprintf(stderr, "launch: %s: %s\n", std::string(cell::ToString(outcome.reason)).c_str(), outcome.message.c_str());
  return false;
}

bool BubblewrapOnce() {
  const pid_t child = vfork();
  if (child == 0) {
    execlp("bwrap", "bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "/bin/true", nullptr);
    _exit(127);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

template <class Work>
std::optional<double> Time(Work work) {
  const auto start = Clock::now();
  if (!work()) return std::nullopt;
  return Millis(Clock::now() - start).count();
}

bool Latency(cell::StateDir& state, const Options& options, int null) {
  std::vector<double> ours, theirs;
  Phases phases;
  for (int round = -3; round < options.rounds; ++round) {
    const auto cell = Time([&] { return LaunchOne(state, null, round < 0 ? nullptr : &phases); });
    const auto wrap = Time(BubblewrapOnce);
    if (!cell || !wrap) return false;
    if (round < 0) continue;
    ours.push_back(*cell);
    theirs.push_back(*wrap);
  }
  fmt::print("{:<34} {:>10} {:>10} {:>10}\n", fmt::format("from a process that is up, {} rounds", options.rounds), "p50 ms",
             "p95 ms", "/ bwrap");
  const double base = bench::Percentile(theirs, 0.5);
  for (const auto& [name, samples] : {std::pair{"bwrap", &theirs}, std::pair{"cell::Run", &ours}}) {
    const double median = bench::Percentile(*samples, 0.5);
    fmt::print("{:<34} {:>10.2f} {:>10.2f} {:>10.2f}\n", name, median, bench::Percentile(*samples, 0.95), median / base);
  }
  for (const auto& [name, samples] : phases) {
    fmt::print("  {:<32} {:>10.2f} {:>10.2f}\n", name, bench::Percentile(samples, 0.5), bench::Percentile(samples, 0.95));
  }
  return true;
}

bool Rate(cell::StateDir& state, const Options& options, int null) {
  fmt::print("{:<34} {:>10}\n", "launches a second", "cells/s");
  for (const int at_a_time : {1, 2, 4, 8}) {
    std::atomic<int> launched = 0;
    std::atomic<bool> failed = false;
    const auto start = Clock::now();
    const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
    std::vector<std::jthread> threads;
    for (int i = 0; i < at_a_time; ++i) {
      threads.emplace_back([&] {
        while (Clock::now() < end && !failed) {
          if (LaunchOne(state, null)) {
            ++launched;
          } else {
            failed = true;
          }
        }
      });
    }
    threads.clear();
    if (failed) return false;
    fmt::print("{:<34} {:>10.0f}\n", fmt::format("{} at a time", at_a_time), launched / (Millis(Clock::now() - start).count() / 1000));
  }
  return true;
}

struct Footprint {
  std::size_t descriptors = 0, threads = 0;
  long resident_kib = 0;
};

std::size_t CountEntries(const char* path) {
  std::size_t count = 0;
  if (DIR* directory = opendir(path)) {
    while (const dirent* entry = readdir(directory)) count += entry->d_name[0] != '.';
    closedir(directory);
  }
  return count;
}

Footprint Measure() {
  Footprint footprint{CountEntries("/proc/self/fd"), CountEntries("/proc/self/task"), 0};
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) footprint.resident_kib = std::strtol(line.c_str() + 6, nullptr, 10);
  }
  return footprint;
}

bool Growth(cell::StateDir& state, const Options& options, int null) {
  for (int i = 0; i < 20; ++i) {
    if (!LaunchOne(state, null)) return false;
  }
  const Footprint before = Measure();
  for (int i = 0; i < options.cells; ++i) {
    if (!LaunchOne(state, null)) return false;
  }
  const Footprint after = Measure();
  fmt::print("{:<34} {:>10} {:>10} {:>10}\n", fmt::format("growth over {} cells", options.cells), "before", "after", "");
  fmt::print("{:<34} {:>10} {:>10}\n", "descriptors", before.descriptors, after.descriptors);
  fmt::print("{:<34} {:>10} {:>10}\n", "threads", before.threads, after.threads);
  fmt::print("{:<34} {:>10} {:>10}\n", "resident KiB", before.resident_kib, after.resident_kib);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--rounds" && i + 1 < argc) options.rounds = std::atoi(argv[++i]);
    else if (word == "--cells" && i + 1 < argc) options.cells = std::atoi(argv[++i]);
    else if (word == "--seconds" && i + 1 < argc) options.seconds = std::atof(argv[++i]);
    else options.state = word;
  }
  auto state = cell::StateDir::Open(options.state, cell::OpenMode::kCreate);
  if (!state) {
    std::fprintf(stderr, "launch: %s\n", state.error().message.c_str());
    return 1;
  }
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  const bool good = Latency(*state, options, null) && Rate(*state, options, null) && Growth(*state, options, null);
  return good ? 0 : 1;
}
