// SPDX-License-Identifier: Apache-2.0
// Rows PR of the threats: processes, signals, terminals, exit.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

namespace attacks {
namespace {

class Processes : public Attack {
 protected:
  const Answers& Said() {
    static std::map<As, Answers> said;
    Answers& answers = said[GetParam()];
    if (answers.empty()) {
      const Finished run = Probe({"processes"});
      EXPECT_EQ(run.Reason(), "completed") << run.err;
      answers = ParseAnswers(run.out);
    }
    return answers;
  }
};

TEST_P(Processes, PR01_BombsEndAtTheLimitAndWithTheCell) {
  for (const char* bomb : {"fork-bomb", "thread-bomb"}) {
    const Finished run = Probe({bomb}, {.options = {"--pids", "50"}});
    EXPECT_EQ(run.status, 0) << run.err;
    int made = 0;
    char error[32] = {};
    ASSERT_EQ(std::sscanf(run.out.c_str(), "%d %31s", &made, error), 2) << run.out;
    EXPECT_STREQ(error, "EAGAIN") << bomb;
    EXPECT_LE(made, 50) << bomb;
    EXPECT_GT(made, 0) << bomb;
    EXPECT_LT(run.took.count(), 15000) << bomb;
  }
}

TEST_P(Processes, PR02_DescendantsThatIgnoreEverythingDie) {
  const Finished run = Probe({"orphans"});
  EXPECT_EQ(run.status, 5) << run.err;
  EXPECT_EQ(run.Reason(), "completed");
}

TEST_P(Processes, PR03_FourEndsHaveFourReasons) {
  EXPECT_EQ(Shell("sleep 60", {.options = {"--timeout", "200ms"}}).Reason(), "timeout");
  const Finished itself = Shell("kill -KILL $$");
  EXPECT_EQ(itself.Reason(), "signal_killed");
  EXPECT_EQ(itself.status, 137);
  EXPECT_EQ(Probe({"x32"}).Reason(), "filter_killed");
  // SIGSYS by hand does not pass for the filter's.
  EXPECT_EQ(Shell("kill -SYS $$; exit 4").status, 4);
  const Finished oom = Probe({"eat"}, {.options = {"--memory", "32M"}});
  if (oom.status == 125) {
    EXPECT_TRUE(getuid() != 0 || GetParam() == As::kUser) << oom.err;  // nobody delegated a controller to this user
    EXPECT_NE(oom.json.find("memory"), std::string::npos) << "the cause is named";
    return;
  }
  EXPECT_EQ(oom.Reason(), "oom");
  EXPECT_EQ(oom.status, 137);
  EXPECT_TRUE(oom.Logged("lifecycle.v1.destroyed", {"\"reasonCode\":\"oom\""}));
}

TEST_P(Processes, PR04_OutputAfterTheEndAndControlCharacters) {
  const Finished late = Shell("(sleep 20; echo late) & echo early");
  EXPECT_EQ(late.out, "early\n");
  EXPECT_LT(late.took.count(), 15000);
  EXPECT_EQ(Shell("exec >&- 2>&-; exit 6").status, 6);
  const Finished raw = Shell("printf '\\033[31m\\342\\200\\256x'", {.options = {"--summary"}});
  EXPECT_EQ(raw.out, "\033[31m\342\200\256x");
  const Finished argv = Run({"/bin/sh", "-c", "exit 3", "\033[31m\342\200\256\nx"}, {.options = {"--summary"}});
  EXPECT_EQ(argv.status, 3);
  EXPECT_EQ(argv.err.find('\033'), std::string::npos) << argv.err;
  EXPECT_EQ(argv.err.find("\342\200\256"), std::string::npos) << argv.err;
  const Finished shown = Cellos({"show", argv.directory.substr(argv.directory.rfind('/') + 1)});
  EXPECT_EQ(shown.out.find('\033'), std::string::npos);
  EXPECT_EQ(shown.out.find("\342\200\256"), std::string::npos);
}

TEST_P(Processes, PR05_SignalsReachTheCellOnly) {
  EXPECT_TRUE(Refused(Said(), "PR05", {"EPERM", "ESRCH"}));
  const Finished run = Probe({"signals"});
  EXPECT_EQ(run.status, 7) << run.out << run.err;
  EXPECT_EQ(run.out, "alive\n");
}

TEST_P(Processes, PR06_LimitsAndPrioritiesOfOthersStay) {
  EXPECT_TRUE(Refused(
      [&] {
        Answers answers = Said();
        // Down to what its caller had is what any process of that user may do.
        answers.erase("PR06.oom_lower");
        return answers;
      }(),
      "PR06", {"EPERM", "EACCES", "ESRCH"}));
}

TEST_P(Processes, PR07_TheCodeIsTheLeaders) {
  EXPECT_TRUE(Refused(Said(), "PR07", {"EPERM"}));
  EXPECT_EQ(Shell("(true &) ; (exit 0) & sleep 0.1; exit 3").status, 3);
}

TEST_P(Processes, PR08_StreamsAreNotTheCallers) {
  EXPECT_TRUE(Refused(Said(), "PR08", {"EINVAL", "ESPIPE", "EBADF", "ENXIO"}));
  const Finished run = Probe({"stdio"});
  EXPECT_EQ(run.out, "pipes\n");
  const Finished with_terminal =
      Shell("tty; test -t 0 && echo terminal; : > /dev/tty && echo own", {.options = {"--terminal"}});
  EXPECT_NE(with_terminal.out.find("terminal"), std::string::npos) << with_terminal.out;
  EXPECT_NE(with_terminal.out.find("own"), std::string::npos) << with_terminal.out;
}

ATTACK_AS_EVERYBODY(Processes);

}  // namespace
}  // namespace attacks
