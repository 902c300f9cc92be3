// SPDX-License-Identifier: Apache-2.0
// For the tests of this folder: a machine of its own as far as that is possible, a run with a fault in it, and what it left.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "evidence/verify/report.h"

namespace faults {

inline constexpr std::chrono::seconds kDeadline{20};  // of one run with a fault in it
inline constexpr int kTimedOut = -1000;

// True with CELLOS_FULL_SWEEP=1: every call is tried. Else every `stride`-th.
std::uint64_t Stride(std::uint64_t stride);

// How one program ended.
struct Ended {
  int status = 0;              // exit status; -n: killed by signal n; kTimedOut: it hung, and was killed
  std::string out, err;
  std::uint64_t calls = 0;     // system calls seen by the injector
  bool fired = false;          // the armed fault happened
  std::string hit;             // the call it happened at
  bool processes_left = false; // a descendant lived more than a second longer
  std::string Told() const;    // for messages of the tests
};

// Whether other programs of the test run beside the awaited one; else every descendant is waited for and taken.
enum class Others : std::uint8_t { kNone, kRun };

// A program in hand: its pid, and how it ended once it was awaited.
class Program {
 public:
  // Runs `arguments` (the first is a path) with `environment` added to a minimal one, stdin from `in` (-1: /dev/null).
  Program(std::vector<std::string> arguments, std::vector<std::string> environment, const std::string& scratch, int in = -1);
  pid_t pid() const { return pid_; }
  Ended Await(std::chrono::milliseconds deadline, Others others = Others::kNone);

 private:
  pid_t pid_ = -1;
  std::string scratch_;
};

// True when every descendant that became ours is gone within `limit`. Takes them all.
bool NoDescendants(std::chrono::milliseconds limit);

class Fault : public testing::Test {
 protected:
  Fault();
  ~Fault() override;

  // An empty state directory; with a deployment key and what else a first run leaves, when `used`.
  enum class State { kNew, kUsed };
  void Renew(State state);
  enum class Sink : std::uint8_t { kNone, kFile };
  // cellos-faulty run of a command that writes an artefact, with a secret, an export and a file of events.
  Ended RunOnce(const std::string& fault, Sink sink = Sink::kFile);
  std::vector<std::string> RunArguments(Sink sink = Sink::kFile) const;
  // Options of every run from now on, before its command.
  void Add(std::vector<std::string> options) { more_ = std::move(options); }
  std::vector<std::string> Environment(const std::string& fault) const;
  Ended Cellos(std::vector<std::string> arguments);
  // What a run must leave as it was: mounts, cgroups, sockets, scratch files, live entries. Empty lines when all is well.
  std::string Inventory() const;
  // Runs in the state directory, judged with its own key.
  std::vector<evidence::Report> Judge() const;
  // Empty when the log of every run holds and nothing about it says more than what is proven.
  std::string WrongEvidence() const;

  std::string top_, state_, id_;

 private:
  std::string ClosingProven(const std::string& run) const;
  std::string template_;
  std::vector<std::string> more_;
};

}  // namespace faults
