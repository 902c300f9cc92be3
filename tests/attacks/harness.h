// SPDX-License-Identifier: Apache-2.0
// Runs attacks in real cells through the program that users run, as whoever runs the tests and as an ordinary user.
// Every run has a deadline and is followed by an inventory: processes, mounts, control groups, ids and live entries
// that the cell held must be gone, and its evidence must verify.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace attacks {

using Words = std::vector<std::string>;

// Who starts the cell. kUser needs root to become that user, and is left out otherwise.
enum class As { kSelf, kUser };
std::string ToString(As who);
std::vector<As> Everybody();
inline constexpr uid_t kOrdinaryUser = 12345;

// What a sanitizer adds to the resident memory of cellos, at most.
#ifdef CELLOS_SANITIZED
inline constexpr long kMemoryOverhead = 1l << 30;
#else
inline constexpr long kMemoryOverhead = 0;
#endif

struct Finished {
  int status = -1;  // exit status; 1000 + n when cellos itself was killed by signal n
  std::string out;  // of the workload
  std::string err;
  std::string json;       // the object of --json
  std::string directory;  // of the run
  std::string log;        // events.jsonl
  std::chrono::milliseconds took{0};

  // A member of `json` as text, without quotes; empty when absent.
  std::string Member(std::string_view name) const;
  std::string Reason() const { return Member("reasonCode"); }
  // Whether one event of `type` (the end of its name) holds all of `parts`.
  bool Logged(std::string_view type, const Words& parts = {}) const;
};

struct How {
  Words options = {};
  std::string input = {};
  Words environment = {};  // NAME=VALUE added to that of cellos
  std::chrono::seconds deadline{60};
  bool verify = true;  // the evidence must verify
  int err = -1;        // standard error of cellos; -1: a file
};

// A cellos that was started and not yet waited for. Its streams go to files.
struct Started {
  pid_t pid = -1;
  std::string id;
  std::chrono::steady_clock::time_point began;
};

// Cells that are started by `who`.
class CellTest : public testing::Test {
 protected:
  explicit CellTest(As who);
  ~CellTest() override;

  // `cellos run --json … -- command`, whole.
  Finished Run(const Words& command, const How& how = {});
  Finished Shell(const std::string& script, const How& how = {}) { return Run({"/bin/sh", "-c", script}, how); }
  // The probe with `what`; Rw() is granted as /attack-rw.
  Finished Probe(const Words& what, How how = {});
  Words ProbeCommand(const Words& what) const;
  Words ProbeGrants() const;
  // Any other command.
  Finished Cellos(const Words& words, const How& how = {});

  Started Start(const Words& command, const How& how = {});
  Finished Wait(const Started& started, const How& how = {});
  // The output so far; true as soon as it holds `text`.
  bool WaitForOutput(std::string_view text) const;

  // What a cell leaves behind, in words; empty when nothing.
  std::string LeftOvers(std::string_view id, std::string_view log,
                        std::chrono::milliseconds patience = std::chrono::milliseconds(3000)) const;
  std::vector<pid_t> Descendants() const;  // of cellos, the cell's processes among them

  As who() const { return who_; }
  // The program that is started as cellos from now on.
  void UseProgram(const std::string& path) { program_ = path; }
  const std::string& top() const { return top_; }
  std::string State() const { return top_ + "/state"; }
  // A directory that belongs to whoever starts the cell.
  std::string Rw() const { return top_ + "/rw"; }
  void Own(const std::string& path) const;  // gives it to whoever starts the cell
  std::string OwnDirectory(const std::string& name) const;
  std::string Write(const std::string& name, std::string_view text) const;  // the path, owned like Rw()
  std::string Read(const std::string& path) const;
  Words Runs() const;  // run directories
  // Paths below the state directory, and the streams, that hold `canary` plain, in base64, hex or URL coding.
  Words Holding(std::string_view canary) const;

 private:
  pid_t Spawn(const Words& words, const How& how);
  Finished Collect(pid_t child, const How& how, std::chrono::steady_clock::time_point began);

  const As who_;
  std::string top_;
  std::string program_ = CELLOS_BIN_DIR "/cellos";
  int next_ = 0;
};

class Attack : public CellTest, public testing::WithParamInterface<As> {
 protected:
  Attack() : CellTest(GetParam()) {}
};

// What the probe said, by name of the attempt.
using Answers = std::map<std::string, std::string>;
Answers ParseAnswers(std::string_view output);

// Every attempt of a row was refused with one of `errors`, and each of its twins allowed.
testing::AssertionResult Refused(const Answers& answers, std::string_view row, const Words& errors);

// The same probe as root of namespaces of its own, with nothing else between it and the kernel. Empty when the machine
// has no such namespaces.
Answers Unconfined(std::string_view group);

std::string Sha256Of(const std::string& path);

#define ATTACK_AS_EVERYBODY(suite)                                    \
  INSTANTIATE_TEST_SUITE_P(As, suite, testing::ValuesIn(Everybody()), \
                           [](const testing::TestParamInfo<As>& who) { return ToString(who.param); })

}  // namespace attacks
