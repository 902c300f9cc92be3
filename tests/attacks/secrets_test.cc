// SPDX-License-Identifier: Apache-2.0
// Rows SE of the threats: secrets.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "harness.h"

namespace attacks {
namespace {

constexpr std::string_view kCanary = "kanarienvogel-7f3a91c2d8";

class Secrets : public Attack {
 protected:
  How With(const Words& options = {}) const {
    How how = {.options = {"--secret", "TOKEN"}, .environment = {"CELLOS_SECRET_TOKEN=" + std::string(kCanary)}};
    how.options.insert(how.options.end(), options.begin(), options.end());
    return how;
  }
  std::string Found() const {
    std::string found;
    for (const std::string& path : Holding(kCanary)) found += path + " ";
    return found;
  }
};

TEST_P(Secrets, SE01_TheEnvironmentIsWhatWasDeclared) {
  const Finished run =
      Run({"/usr/bin/env", "-0"},
          {.options = {"--env", "DECLARED=1"},
           .environment = {"CANARY=" + std::string(kCanary), "CELLOS_SECRET_TOKEN=" + std::string(kCanary),
                           "CELLOS_HIDDEN=" + std::string(kCanary), "LD_PRELOAD=/nonexistent.so"}});
  std::string names;
  for (std::size_t at = 0; at < run.out.size(); at = run.out.find('\0', at) + 1) {
    names += run.out.substr(at, run.out.find('=', at) - at) + " ";
  }
  EXPECT_EQ(names, "PATH HOME TMPDIR CELLOS_RUN_ID CELLOS_CELL_ID DECLARED ");
  EXPECT_TRUE(run.Logged(
      "effective_controls",
      {"\"environmentNames\":[\"PATH\",\"HOME\",\"TMPDIR\",\"CELLOS_RUN_ID\",\"CELLOS_CELL_ID\",\"DECLARED\"]"}));
  EXPECT_EQ(Found(), "");
}

TEST_P(Secrets, SE02_NoFailureTellsTheValue) {
  struct Case {
    const char* what;
    Words command;
    Words options;
  };
  const Case cases[] = {
      {"success", {"/bin/true"}, {}},
      {"not found", {"/no/such"}, {}},
      {"not executable", {"/etc/passwd"}, {}},
      {"exit", {"/bin/sh", "-c", "exit 9"}, {}},
      {"signal", {"/bin/sh", "-c", "kill -SEGV $$"}, {}},
      {"timeout", {"/bin/sleep", "9"}, {"--timeout", "100ms"}},
      {"export", {"/bin/true"}, {"--export", "x=/workspace/none"}},
      {"workdir", {"/bin/true"}, {"--workdir", "/proc/self/fd/3"}},
      {"grant", {"/bin/true"}, {"--ro", "/no/such/source:/x"}},
      {"other secret", {"/bin/true"}, {"--secret", "MISSING"}},
      {"explain", {"/bin/sh", "-c", "unshare -U"}, {"--explain"}},
  };
  for (const Case& c : cases) {
    How how = With(c.options);
    how.options.push_back("--summary");
    const Finished run = Run(c.command, how);
    EXPECT_EQ(Found(), "") << c.what;
    if (std::string(c.what) == "success") {
      EXPECT_TRUE(run.Logged("secret.v1.delivered", {"\"name\":\"TOKEN\"", "\"delivery\":\"env\""}));
      EXPECT_TRUE(run.Logged("secret.v1.revoked", {"\"name\":\"TOKEN\""}));
    }
    if (std::string(c.what) == "other secret") {
      EXPECT_EQ(run.status, 125);
      EXPECT_TRUE(run.Logged("secret.v1.denied", {"\"name\":\"MISSING\""}));
    }
  }
}

TEST_P(Secrets, SE03_WhatTheWorkloadPrintsIsItsOwn) {
  const Finished run = Run({"/usr/bin/printenv", "TOKEN"}, With({"--summary"}));
  EXPECT_EQ(run.out, std::string(kCanary) + "\n");
  EXPECT_EQ((run.log + run.err + run.json).find(kCanary), std::string::npos);
  // And so the scan of the other tests can fail.
  EXPECT_FALSE(Found().empty());
}

TEST_P(Secrets, SE05_TheValueIsInOneRunOnly) {
  Run({"/bin/true"}, With());
  EXPECT_EQ(
      Run({"/usr/bin/printenv", "TOKEN"}, {.environment = {"CELLOS_SECRET_TOKEN=" + std::string(kCanary)}}).status, 1);
}

TEST_P(Secrets, SE07_NoSocketAnswersInTheCell) {
  const Finished run = Shell(
      "find / -xdev -type s 2>/dev/null; find /run /tmp /workspace -type s; tail -n +2 /proc/net/unix | wc -l", With());
  EXPECT_EQ(run.out, "0\n");
}

TEST_P(Secrets, SE08_ACrashRunsNothingOutside) {
  const Finished run = Probe({"processes"});
  EXPECT_TRUE(Refused(ParseAnswers(run.out), "SE08", {"EPERM"}));
  EXPECT_EQ(Probe({"limits"}).out, "core 1 1\ndumped 0\n");
  EXPECT_EQ(Shell("cat /proc/self/coredump_filter").out, "00000000\n");
}

TEST_P(Secrets, SE09_NamesThatSteerProgramsAreRefused) {
  for (const char* name : {"LD_PRELOAD", "PATH", "BASH_ENV", "A=B", "CELLOS_X", "LD_LIBRARY_PATH", "ENV", "", "A B"}) {
    const Finished run = Run({"/bin/true"}, {.options = {"--secret", std::string(name) + "=env:HOME"}});
    EXPECT_TRUE(run.status == 126 || run.status == 2) << name << " " << run.status;
  }
  for (const char* variable : {"LD_PRELOAD=x", "BASH_ENV=x", "CELLOS_RUN_ID=x", "A-B=x", "=x"}) {
    const Finished run = Run({"/bin/true"}, {.options = {"--env", variable}});
    EXPECT_TRUE(run.status == 126 || run.status == 2) << variable << " " << run.status;
  }
  const Finished both = Run({"/bin/true"}, With({"--env", "TOKEN=1"}));
  EXPECT_EQ(both.status, 126);
  const Finished twice = Run({"/bin/true"}, With({"--secret", "TOKEN"}));
  EXPECT_TRUE(twice.status == 126 || twice.status == 2) << twice.status;
}

TEST_P(Secrets, SE10_TheSameUserReadsNothingFromOurProcesses) {
  How how = With();
  const Started started = Start({"/bin/sh", "-c", "unset TOKEN; echo up; exec sleep 20"}, how);
  ASSERT_TRUE(WaitForOutput("up"));
  int ours = 0;
  for (const pid_t pid : Descendants()) {
    const std::string proc = "/proc/" + std::to_string(pid);
    const std::string name = Read(proc + "/comm");
    EXPECT_EQ(Read(proc + "/cmdline").find(kCanary), std::string::npos) << name;
    if (name != "cellos\n" && name != "cellos-init\n" && name != "cellos-reaper\n") continue;
    ++ours;
    if (getuid() == 0 && GetParam() == As::kSelf) continue;  // root reads everything
    // Another process of that user asks.
    const pid_t reader = fork();
    if (reader == 0) {
      if (getuid() == 0 && (setresgid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0 ||
                            setresuid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0)) {
        _exit(9);
      }
      for (const char* file : {"/environ", "/mem", "/fd", "/auxv"}) {
        if (open((proc + file).c_str(), O_RDONLY) >= 0) _exit(1);
      }
      _exit(0);
    }
    int status = 0;
    waitpid(reader, &status, 0);
    EXPECT_EQ(status, 0) << name << " can be read";
  }
  EXPECT_EQ(ours, 3);
  kill(started.pid, SIGTERM);
  Wait(started, how);
  EXPECT_EQ(Found(), "");
}

ATTACK_AS_EVERYBODY(Secrets);

}  // namespace
}  // namespace attacks
