// SPDX-License-Identifier: Apache-2.0
// Rows EV of the threats: log, keys, verifier.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "harness.h"

namespace attacks {
namespace {

namespace fs = std::filesystem;

class Evidence : public Attack {
 protected:
  static constexpr How kUnverified() { return {.verify = false}; }
  std::string NameOf(const Finished& run) const { return fs::path(run.directory).filename(); }
  int Verify(const std::string& run) { return Cellos({"verify", run}).status; }
};

TEST_P(Evidence, EV01_NoneOfItIsReachableFromTheCell) {
  const std::string script = "ls " + State() +
                             " 2>&1; find / -xdev \\( -name '*.ed25519.pem' -o -name events.jsonl -o -name checkpoints "
                             "\\) 2>/dev/null; echo end";
  const Finished run = Shell(script);
  EXPECT_NE(run.out.find("No such file"), std::string::npos) << run.out;
  EXPECT_TRUE(run.out.ends_with("end\n") && run.out.find("pem") == std::string::npos) << run.out;
  // A grant of what holds the state directory does not show it; one of the state directory itself is refused.
  const Finished around =
      Shell("ls -A /g/state | wc -l; cat /g/state/keys/*; echo x > /g/state/x", {.options = {"--ro", top() + ":/g"}});
  EXPECT_EQ(around.out, "0\n") << around.out;
  for (const std::string& source : {State(), State() + "/keys"}) {
    EXPECT_EQ(Run({"/bin/true"}, {.options = {"--ro", source + ":/g"}}).status, 126) << source;
  }
}

TEST_P(Evidence, EV05_NamesAreOneEventEachAndEscaped) {
  const std::string name = "\n\033]0;x\007\342\200\256<script>{\"type\":\"forged\"}";
  const Finished run = Run({"/bin/true", name, std::string(2000, 'n')});
  EXPECT_EQ(run.status, 0);
  EXPECT_EQ(run.log.find('\033'), std::string::npos);
  EXPECT_EQ(run.log.find("\n\n"), std::string::npos);
  for (const Words& words : {Words{"show", NameOf(run)}, Words{"verify", NameOf(run)}, Words{"ls"}}) {
    const Finished told = Cellos(words);
    EXPECT_EQ((told.out + told.err).find_first_of("\033\007"), std::string::npos) << words[0];
  }
  EXPECT_EQ(Run({"/bin/true", "\xff\xc0\xaf"}).status, 2);
  EXPECT_EQ(Run({"/bin/true", std::string(64 << 10, 'n')}).status, 126);
}

TEST_P(Evidence, EV07_KeysAndLogAreTheOwnersAlone) {
  const Finished run = Run({"/bin/true"});
  struct stat status = {};
  for (const std::string& path : {State() + "/keys", State() + "/runs", run.directory}) {
    ASSERT_EQ(stat(path.c_str(), &status), 0) << path;
    EXPECT_EQ(status.st_mode & 0077, 0u) << path;
  }
  ASSERT_EQ(stat((State() + "/keys/deployment.ed25519.pem").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  // Nothing that runs in a cell can sign.
  const std::string guest = Read(CELLOS_BIN_DIR "/cellos-init");
  EXPECT_FALSE(guest.empty());
  for (const char* word : {"ed25519", "sodium", "PRIVATE KEY"}) EXPECT_EQ(guest.find(word), std::string::npos) << word;
}

TEST_P(Evidence, EV09_WhatWasSwappedLaterIsNamed) {
  const Finished run = Shell("echo kept > x", {.options = {"--export", "a=/workspace/x"}});
  ASSERT_EQ(run.status, 0) << run.err;
  chmod((run.directory + "/exports/a").c_str(), 0600);
  Write(run.directory + "/exports/a", "swap\n");
  const Finished verified = Cellos({"verify", NameOf(run)});
  EXPECT_EQ(verified.status, 1) << verified.out;
  EXPECT_NE(verified.out.find("exports/a"), std::string::npos) << verified.out;
  const Finished other = Run({"/bin/true"});
  chmod((other.directory + "/plan.json").c_str(), 0600);
  Write(other.directory + "/plan.json", "{}");
  EXPECT_EQ(Verify(NameOf(other)), 1);
}

TEST_P(Evidence, EV11_ATornTailIsRecognised) {
  const Finished run = Run({"/bin/true"});
  const std::string path = run.directory + "/events.jsonl";
  for (const std::size_t cut :
       {std::size_t{1}, std::size_t{2}, std::size_t{300}, run.log.size() / 2, run.log.size() - 10}) {
    Write(path, run.log.substr(0, run.log.size() - cut));
    EXPECT_NE(Verify(NameOf(run)), 0) << cut;
  }
  for (const char* tail : {"x", "\n", "\r\n", "{}\n", "\0"}) {
    Write(path, run.log + (*tail == 0 ? std::string(1, 0) : std::string(tail)));
    EXPECT_NE(Verify(NameOf(run)), 0);
  }
  std::string crlf = run.log;
  crlf.insert(crlf.find('\n'), "\r");
  Write(path, crlf);
  EXPECT_NE(Verify(NameOf(run)), 0);
  Write(path, run.log);
  EXPECT_EQ(Verify(NameOf(run)), 0) << "the twin";
}

TEST_P(Evidence, EV12_RunsAreNotRenamedOrMixed) {
  const Finished one = Run({"/bin/true"}), two = Run({"/bin/false"});
  fs::copy(one.directory, State() + "/runs/renamed-20200101T000000-00000000", fs::copy_options::recursive);
  for (const auto& entry : fs::recursive_directory_iterator(State() + "/runs/renamed-20200101T000000-00000000")) {
    Own(entry.path());
  }
  Own(State() + "/runs/renamed-20200101T000000-00000000");
  EXPECT_NE(Verify("renamed-20200101T000000-00000000"), 0);
  const std::string seal = Read(one.directory + "/seal.json");
  chmod((two.directory + "/seal.json").c_str(), 0600);
  Write(two.directory + "/seal.json", seal);
  EXPECT_EQ(Verify(NameOf(two)), 1);
  EXPECT_EQ(Verify(NameOf(one)), 0) << "the twin";
}

TEST_P(Evidence, EV15_AnEventFileThatCannotTakeThemStopsTheStart) {
  ASSERT_EQ(mkfifo((top() + "/fifo").c_str(), 0666), 0);
  chmod((top() + "/fifo").c_str(), 0666);
  fs::create_symlink("/dev/null", top() + "/link");
  Write("victim", "kept");
  chmod((top() + "/victim").c_str(), 0666);
  fs::create_symlink(top() + "/victim", top() + "/link2");
  for (const std::string& file :
       {top() + "/fifo", std::string("/dev/full"), top() + "/link2", top() + "/no/such", top() + "/rw"}) {
    const Finished run = Run({"/bin/true"}, {.options = {"--events", file}, .deadline = std::chrono::seconds(30)});
    if (file == "/dev/full") {
      EXPECT_NE(run.json.find("sink full"), std::string::npos) << "never silent: " << run.json;
    }
    EXPECT_TRUE(run.status == 125 || run.status == 126) << file << " " << run.status << run.json;
    EXPECT_FALSE(run.Logged("lifecycle.v1.started")) << file;
  }
  EXPECT_EQ(Read(top() + "/victim"), "kept");
  const Finished twin = Run({"/bin/true"}, {.options = {"--events", Rw() + "/events"}});
  EXPECT_EQ(twin.status, 0) << twin.err;
  EXPECT_NE(Read(Rw() + "/events").find("lifecycle.v1.destroyed"), std::string::npos);
}

TEST_P(Evidence, EV16_NonCanonicalLinesAreNamed) {
  const Finished run = Run({"/bin/true"});
  for (const char* extra : {"\"a\":1,\"a\":2,", "\"a\":-0,", "\"a\":1.0,", "\"a\":1e400,", "\"a\":\"\\ud800\",",
                            "\"a\":9007199254740993,"}) {
    std::string changed = run.log;
    changed.insert(changed.find('{') + 1, extra);
    Write(run.directory + "/events.jsonl", changed);
    EXPECT_EQ(Verify(NameOf(run)), 1) << extra;
  }
}

TEST_P(Evidence, EV17_VerifyIsBounded) {
  const Finished run = Run({"/bin/true"});
  ASSERT_EQ(truncate((run.directory + "/events.jsonl").c_str(), 1l << 30), 0);
  rusage before = {}, after = {};
  getrusage(RUSAGE_CHILDREN, &before);
  const Finished verified = Cellos({"verify", NameOf(run)}, {.deadline = std::chrono::seconds(30)});
  getrusage(RUSAGE_CHILDREN, &after);
  EXPECT_NE(verified.status, 0);
  EXPECT_LT(verified.status, 128) << "it ended by itself";
  EXPECT_LT(after.ru_maxrss, std::max(before.ru_maxrss + 1, (kMemoryOverhead + (128l << 20)) / 1024)) << "kilobytes";
}

TEST_P(Evidence, EV18_NeverUnsignedInSilence) {
  Run({"/bin/true"});  // makes the deployment key
  const std::string key = State() + "/keys/deployment.ed25519.pem", kept = Read(key);
  const auto signing = [&] {
    return Run({"/bin/true"}, {.options = {"--events", Rw() + "/signed", "--sign-events"}, .verify = false});
  };
  const Finished twin = signing();
  EXPECT_EQ(twin.status, 0) << twin.err;
  for (const char* bad :
       {"", "no key",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEARCu+wpd5VTUE46zHZji7VT+jR7RD5EJyokXWDQccYNE=\n-----END PUBLIC "
        "KEY-----\n"}) {
    Write(key, bad);
    chmod(key.c_str(), 0600);
    const auto size = fs::file_size(Rw() + "/signed");
    const Finished run = signing();
    EXPECT_EQ(run.status, 125) << bad << run.json;
    EXPECT_EQ(fs::file_size(Rw() + "/signed"), size) << "nothing was told";
  }
  Write(key, kept);
}

ATTACK_AS_EVERYBODY(Evidence);

}  // namespace
}  // namespace attacks
