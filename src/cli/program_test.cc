// SPDX-License-Identifier: Apache-2.0
// The program as its users meet it: streams, exit statuses, signals, evidence. Whole cells are run.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "json/reader.h"

namespace cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Finished {
  int status = -1;
  std::string out, err;
};

class Program : public testing::Test {
 protected:
  Program() : top_(::mkdtemp(name_)) {}
  ~Program() override { fs::remove_all(top_); }

  // A started cellos; its streams go to files.
  pid_t Start(std::vector<std::string> words, const std::string& input = "") {
    std::ofstream(top_ + "/in") << input;
    fs::remove(top_ + "/out");  // what an earlier one printed is no sign of this one
    words.insert(words.begin(), CELLOS_BIN_DIR "/cellos");
    for (const char* name : {"/out", "/err"}) fs::remove(top_ + name);  // what an earlier one wrote is not this one's
    const pid_t child = ::fork();
    if (child != 0) return child;
    const int in = ::open((top_ + "/in").c_str(), O_RDONLY);
    const int out = ::open((top_ + "/out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int err = ::open((top_ + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(err, 2);
    ::signal(SIGINT, SIG_DFL);  // a runner in the background hands it down ignored
    ::setenv("CELLOS_STATE_DIR", (top_ + "/state").c_str(), 1);
    ::unsetenv("CELLOS_CONFIG");
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(99);
  }
  Finished Wait(pid_t child, milliseconds deadline = milliseconds(30'000)) {
    const auto end = steady_clock::now() + deadline;
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(child, &status, WNOHANG)) == 0 && steady_clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(2));
    }
    if (ended == 0) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      ADD_FAILURE() << "cellos hung";
    }
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status), Read("out"), Read("err")};
  }
  Finished Cellos(const std::vector<std::string>& words, const std::string& input = "") { return Wait(Start(words, input)); }

  std::string Read(const std::string& name) const {
    std::ifstream file(top_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 5000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(milliseconds(2));
    }
    return false;
  }
  std::string OnlyRun() const {
    std::string id;
    for (const auto& entry : fs::directory_iterator(top_ + "/state/runs")) id = entry.path().filename();
    return id;
  }
  bool NothingLives() const { return fs::is_empty(top_ + "/state/live"); }

  char name_[32] = "/tmp/cellos-program-XXXXXX";
  std::string top_;
};

TEST_F(Program, OutputIsTheWorkloadsByteForByte) {
  const auto run = Cellos({"run", "--", "sh", "-c", "cat; printf 'e\\0r' >&2; exit 7"}, std::string("a\0\n\xff", 4));
  EXPECT_EQ(run.status, 7) << run.err;
  EXPECT_EQ(run.out, std::string("a\0\n\xff", 4));
  EXPECT_EQ(run.err, std::string("e\0r", 3));
}

TEST_F(Program, ATerminalIsTheCellsOwn) {
  const auto run = Cellos({"run", "--terminal", "--", "sh", "-c", "tty; test -t 0 && test -t 2 && echo all; exit 4"});
  EXPECT_EQ(run.status, 4) << run.err;
  EXPECT_THAT(run.out, StartsWith("/dev/pts/0"));
  EXPECT_THAT(run.out, HasSubstr("all"));
}

TEST_F(Program, ARefusedDocumentThatCanBeDecodedLeavesEvidenceThatVerifies) {
  EXPECT_EQ(Cellos({"run", "--id", "../x", "--", "true"}).status, 126);
  const auto verified = Cellos({"verify", OnlyRun()});
  EXPECT_EQ(verified.status, 0) << verified.out;
}

TEST_F(Program, RunsOfARetiredKeyStillVerifyHere) {
  EXPECT_EQ(Cellos({"run", "--", "true"}).status, 0);
  EXPECT_EQ(Cellos({"keygen", "--rotate", "--name", "another.example"}).status, 0);
  const auto verified = Cellos({"verify", OnlyRun()});
  EXPECT_EQ(verified.status, 0) << verified.out;
  EXPECT_THAT(verified.out, HasSubstr("retired"));
}

TEST_F(Program, EventsAreNotWrittenIntoTheStateDirectory) {
  EXPECT_EQ(Cellos({"run", "--", "true"}).status, 0);
  const std::string id = OnlyRun();
  EXPECT_EQ(Cellos({"run", "--events", top_ + "/state/runs/" + id + "/events.jsonl", "--", "true"}).status, 125);
  EXPECT_EQ(Cellos({"verify", id}).status, 0);
}

TEST_F(Program, EventsAreNotWrittenWhereTheWorkloadCanWrite) {
  fs::create_directory(top_ + "/job");
  const std::string events = top_ + "/job/events.jsonl";
  const auto refused = Cellos({"run", "--events", events, "--rw", top_ + "/job:/job", "--", "true"});
  EXPECT_EQ(refused.status, 126);
  EXPECT_THAT(refused.err, HasSubstr("/job/events.jsonl, where events go"));
  EXPECT_EQ(Cellos({"run", "--events", events, "--ro", top_ + "/job:/job", "--", "true"}).status, 0);
  EXPECT_EQ(Cellos({"run", "--events", top_ + "/events.jsonl", "--rw", top_ + "/job:/job", "--", "true"}).status, 0);
}

TEST_F(Program, NoGrantShowsTheStateDirectoryOfOtherRuns) {
  fs::create_directories(top_ + "/home/.local/state/cellos/runs/earlier");
  fs::create_directories(top_ + "/home/.local/state/other");
  const std::string home = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "/";
  ::setenv("HOME", (top_ + "/home").c_str(), 1);
  for (const char* option : {"--ro", "--rw"}) {
    const auto above = Cellos({"run", option, top_ + "/home:/h", "--", "find", "/h/.local/state"});
    EXPECT_EQ(above.status, 0) << above.err;
    EXPECT_THAT(above.out, HasSubstr("/h/.local/state/cellos\n"));
    EXPECT_THAT(above.out, HasSubstr("/h/.local/state/other\n"));
    EXPECT_THAT(above.out, testing::Not(HasSubstr("runs"))) << option;
  }
  EXPECT_EQ(Cellos({"run", "--ro", top_ + "/home/.local/state/cellos/runs:/h", "--", "true"}).status, 126);
  ::setenv("HOME", home.c_str(), 1);
}

TEST_F(Program, OutputThatCouldNotBeWrittenIsToldAndNeverASuccess) {
  const std::string program = "CELLOS_STATE_DIR=" + top_ + "/state " CELLOS_BIN_DIR "/cellos run ";
  const auto status = [&](const std::string& words) {
    return WEXITSTATUS(std::system((program + words + " >/dev/full 2>" + top_ + "/err").c_str()));
  };
  for (const char* words : {"-- echo lost", "-- sh -c 'head -c 300000 /dev/zero; exit 0'", "--json -- true"}) {
    EXPECT_EQ(status(words), 125) << words;
    EXPECT_THAT(Read("err"), HasSubstr("could not be written")) << words;
  }
}

TEST_F(Program, AFailedExportIsToldWithoutASummary) {
  const auto run = Cellos({"run", "--export", "a=/workspace/none", "--", "true"});
  EXPECT_EQ(run.status, 125);
  EXPECT_THAT(run.err, HasSubstr("/workspace/none"));
}

TEST_F(Program, ExitStatusesFollowTheTable) {
  EXPECT_EQ(Cellos({"run", "--", "sh", "-c", "kill -TERM $$"}).status, 128 + SIGTERM);
  EXPECT_EQ(Cellos({"run", "--", "/no/such/program"}).status, 127);
  EXPECT_EQ(Cellos({"run", "--", "/etc/passwd"}).status, 126);
  EXPECT_EQ(Cellos({"run", "--timeout", "100ms", "--", "sleep", "10"}).status, 124);
  EXPECT_EQ(Cellos({"run", "--id", "../x", "--", "true"}).status, 126);
  EXPECT_EQ(Cellos({"run", "--bogus"}).status, 2);
  EXPECT_EQ(Cellos({"run"}).status, 2);
  EXPECT_EQ(Cellos({"run", "--ttl", "never", "--", "true"}).status, 2);
  EXPECT_EQ(Cellos({"run", "--spec", "/no/such/file"}).status, 2);
  EXPECT_EQ(Cellos({"run", "--spec", "/dev/zero"}).status, 126);
  EXPECT_TRUE(NothingLives());
}

TEST_F(Program, TheDocumentThatIsShownIsTheOneThatRuns) {
  const auto shown = Cellos({"run", "--print-spec", "--id", "twin", "--env", "A=1", "--", "printenv", "A"});
  ASSERT_EQ(shown.status, 0) << shown.err;
  EXPECT_FALSE(fs::exists(top_ + "/state")) << "printing made something";
  const auto run = Cellos({"run", "--spec", "-"}, shown.out);
  EXPECT_EQ(run.out, "1\n") << run.err;
  const auto id = OnlyRun();
  EXPECT_THAT(id, StartsWith("twin-"));
  std::ifstream document(top_ + "/state/runs/" + id + "/document.json");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(document), {}), shown.out);
}

TEST_F(Program, EvidenceVerifiesHereAndUnderAKeyElsewhere) {
  ASSERT_EQ(Cellos({"run", "--", "true"}).status, 0);
  const auto id = OnlyRun();
  const auto own = Cellos({"verify", id});
  EXPECT_EQ(own.status, 0) << own.out;
  EXPECT_THAT(own.out, HasSubstr("this machine's own key"));
  EXPECT_EQ(Cellos({"verify", top_ + "/state/runs/" + id}).status, 5);
  EXPECT_EQ(Cellos({"verify", "--key", top_ + "/state/keys/deployment.vkey", top_ + "/state/runs/" + id}).status, 0);
  EXPECT_EQ(Cellos({"verify", "no-such-run"}).status, 2);
  EXPECT_EQ(Cellos({"verify", "--key", "nonsense", id}).status, 2);
  const auto shown = Cellos({"show", id});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr(id));
  std::ofstream(top_ + "/state/runs/" + id + "/events.jsonl", std::ios::in | std::ios::out) << "X";
  EXPECT_EQ(Cellos({"verify", id}).status, 1);
  EXPECT_EQ(Cellos({"show", id}).status, 1);
}

TEST_F(Program, WatchTellsAFinishedRunAndEnds) {
  ASSERT_EQ(Cellos({"run", "--", "sh", "-c", "exit 3"}).status, 3);
  const auto watched = Cellos({"watch", OnlyRun()});
  EXPECT_EQ(watched.status, 0) << watched.err;
  EXPECT_THAT(watched.out, HasSubstr("witnessed  lifecycle.v1.started"));
  EXPECT_THAT(watched.out, HasSubstr("exitCode=3"));
  EXPECT_EQ(Cellos({"watch", "no-such-run"}).status, 2);
}

TEST_F(Program, JsonIsOneObjectWithTheReason) {
  const auto run = Cellos({"run", "--json", "--", "sh", "-c", "exit 124"});
  EXPECT_EQ(run.status, 124);
  const auto tree = json::Parse(run.out);
  ASSERT_TRUE(tree) << run.out;
  EXPECT_EQ(tree->root().StringOr("reasonCode", ""), "completed");
  EXPECT_EQ(tree->root().Find("exitCode")->unsigned_integer(), 124u);
  EXPECT_TRUE(fs::exists(std::string(tree->root().Find("evidence")->StringOr("dir", "")) + "/seal.json"));
}

TEST_F(Program, RefusalsAreToldWithTheirPlaceAndLeaveEvidence) {
  const auto run = Cellos({"run", "--spec", "-"}, R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"x",
      "authority":{},"lifetime":{"ttlSeconds":60},"run":{"argv":["true"],"secretDelivery":"env","bogus":1}}})");
  EXPECT_EQ(run.status, 126);
  EXPECT_THAT(run.err, HasSubstr("/spec/run/bogus"));
  const auto verified = Cellos({"verify", OnlyRun()});
  EXPECT_TRUE(verified.status == 0 || verified.status == 3) << verified.out;
  EXPECT_TRUE(NothingLives());
}

TEST_F(Program, SummaryComesOnlyWhenAskedOrToATerminal) {
  EXPECT_EQ(Cellos({"run", "--", "true"}).err, "");
  const auto run = Cellos({"run", "--summary", "--", "true"});
  EXPECT_THAT(run.err, HasSubstr("exit 0"));
  EXPECT_EQ(run.out, "");
}

TEST_F(Program, SignalsAreForwardedAndASecondInterruptKills) {
  const pid_t polite = Start({"run", "--", "sh", "-c", "trap 'echo got; exit 5' TERM; echo up; while :; do sleep 0.05; done"});
  ASSERT_TRUE(Eventually([&] { return Read("out").find("up") != std::string::npos; }));
  ::kill(polite, SIGTERM);
  const auto ended = Wait(polite);
  EXPECT_THAT(ended.out, HasSubstr("got"));
  const pid_t stubborn = Start({"run", "--", "sh", "-c", "trap '' INT; echo up; while :; do sleep 0.05; done"});
  ASSERT_TRUE(Eventually([&] { return Read("out").find("up") != std::string::npos; }));
  ::kill(stubborn, SIGINT);
  std::this_thread::sleep_for(milliseconds(100));
  ::kill(stubborn, SIGINT);
  EXPECT_EQ(Wait(stubborn).status, 128 + SIGINT);
  EXPECT_TRUE(NothingLives());
}

TEST_F(Program, StopEndsARunningCell) {
  const pid_t run = Start({"run", "--", "sh", "-c", "echo up; sleep 60"});
  ASSERT_TRUE(Eventually([&] { return Read("out").find("up") != std::string::npos; }));
  const auto id = OnlyRun();
  std::string stop_status;
  std::thread stopper([&] {
    const std::string command = "CELLOS_STATE_DIR=" + top_ + "/state " CELLOS_BIN_DIR "/cellos stop " + id;
    stop_status = std::to_string(std::system(command.c_str()));
  });
  EXPECT_EQ(Wait(run).status, 137);
  stopper.join();
  EXPECT_EQ(stop_status, "0");
  EXPECT_EQ(Cellos({"verify", id}).status, 0);
  EXPECT_EQ(Cellos({"stop", id}).status, 1);
}

TEST_F(Program, AKilledSupervisorTakesItsCellAlongAndIsCleanedUp) {
  const pid_t run = Start({"run", "--", "sh", "-c", "echo up; sleep 60"});
  ASSERT_TRUE(Eventually([&] { return Read("out").find("up") != std::string::npos; }));
  const auto id = OnlyRun();
  EXPECT_EQ(Cellos({"gc"}).out, "nothing to clean up\n");
  EXPECT_EQ(Cellos({"prune", "--older-than", "1s"}).status, 0);
  ::kill(run, SIGKILL);
  ::waitpid(run, nullptr, 0);
  EXPECT_EQ(Cellos({"verify", id}).status, 3) << "not sealed";
  const auto gc = Cellos({"gc"});
  EXPECT_EQ(gc.status, 0) << gc.out;
  EXPECT_THAT(gc.out, HasSubstr(id + ": "));
  EXPECT_THAT(gc.out, HasSubstr("sealed as cut"));
  EXPECT_TRUE(NothingLives());
  const auto verified = Cellos({"verify", id});
  EXPECT_EQ(verified.status, 3) << verified.out;
  EXPECT_THAT(Cellos({"ls"}).out, HasSubstr("cut"));
}

TEST_F(Program, PlanIsTheSameEachTimeAndTouchesNothing) {
  const auto first = Cellos({"plan", "--memory", "64M", "--", "true"});
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(Cellos({"plan", "--memory", "64M", "--", "true"}).out, first.out);
  EXPECT_FALSE(fs::exists(top_ + "/state"));
  EXPECT_TRUE(json::Parse(Cellos({"plan", "--json", "--", "true"}).out));
}

TEST_F(Program, SecretsComeFromWhereTheOptionSays) {
  std::ofstream(top_ + "/token") << "hunter2\n";
  const auto run = Cellos({"run", "--secret", "TOKEN=file:" + top_ + "/token", "--", "printenv", "TOKEN"});
  EXPECT_EQ(run.out, "hunter2\n") << run.err;
  const auto missing = Cellos({"run", "--secret", "NOT_THERE", "--", "true"});
  EXPECT_EQ(missing.status, 125);
  EXPECT_THAT(missing.err, HasSubstr("CELLOS_SECRET_NOT_THERE"));
}

TEST_F(Program, ExportsAreKeptBesideTheEvidence) {
  const auto run = Cellos({"run", "--json", "--export", "r.txt=/workspace/r", "--", "sh", "-c", "echo result > r"});
  ASSERT_EQ(run.status, 0) << run.err;
  const auto tree = json::Parse(run.out);
  ASSERT_TRUE(tree);
  const auto exports = tree->root().Find("exports")->array();
  ASSERT_EQ(exports.size(), 1u);
  std::ifstream file{std::string(exports[0].StringOr("path", ""))};
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "result\n");
}

TEST_F(Program, KeysAreMadeOnce) {
  EXPECT_EQ(Cellos({"keygen", "--name", "ci.example"}).status, 0);
  EXPECT_EQ(Cellos({"keygen"}).status, 1);
  struct stat status = {};
  ASSERT_EQ(::stat((top_ + "/state/keys/deployment.ed25519.pem").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(Program, SchemasAndHelpArePrinted) {
  EXPECT_TRUE(json::Parse(Cellos({"schema", "cell-document"}).out));
  EXPECT_EQ(Cellos({"schema", "nonsense"}).status, 2);
  EXPECT_THAT(Cellos({"--help"}).out, HasSubstr("usage: cellos COMMAND"));
  EXPECT_THAT(Cellos({"--version"}).out, StartsWith("cellos "));
  EXPECT_EQ(Cellos({"ls"}).status, 1) << "there is no state directory yet";
}

TEST_F(Program, FullOutputIsAnError) {
  const std::string command = CELLOS_BIN_DIR "/cellos --help > /dev/full";
  EXPECT_NE(std::system(command.c_str()), 0);
}

TEST_F(Program, DoctorTriesAWholeCell) {
  const auto doctor = Cellos({"doctor"});
  EXPECT_THAT(doctor.out, HasSubstr("trial cell"));
  EXPECT_EQ(doctor.status == 0, doctor.out.find("native cells can run here") != std::string::npos);
}

}  // namespace
}  // namespace cli
