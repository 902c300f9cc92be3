// SPDX-License-Identifier: Apache-2.0
// SIGKILL at any step of a whole run: the cell dies, the collector leaves nothing, the log says what is proven.
#include <signal.h>
#include <unistd.h>

#include <random>

#include "harness.h"

namespace faults {
namespace {

class Kill : public Fault {
 protected:
  void Sweep(State state, std::uint64_t stride) {
    Renew(state);
    const std::string before = Inventory();
    const std::uint64_t calls = RunOnce("").calls;
    ASSERT_GT(calls, 300u);
    std::uint64_t killed = 0;
    for (std::uint64_t at = 1; at <= calls; at += stride) {
      Renew(state);
      const Ended ended = RunOnce(std::to_string(at) + ":KILL");
      const std::string told = "killed at call " + std::to_string(at) + ": " + ended.Told();
      EXPECT_FALSE(ended.processes_left) << told;
      // The child of a start is killed as well as its supervisor, who then says that the start failed.
      EXPECT_TRUE(ended.status == -9 || ended.status == 125 || !ended.fired) << told;
      killed += ended.status == -9 ? 1 : 0;
      const Ended collected = Cellos({"gc"});
      // Before there was a state directory there is nothing to collect, and that is what it says.
      if (state == State::kUsed) {
        EXPECT_EQ(collected.status, 0) << told << collected.Told();
      }
      EXPECT_EQ(Inventory(), before) << told << collected.Told();
      EXPECT_EQ(WrongEvidence(), "") << told << collected.Told();
    }
    EXPECT_GT(killed, calls / stride / 3);
  }
};

TEST_F(Kill, AtAnyCallLeavesNothingAndALogThatHolds) { Sweep(State::kUsed, Stride(5)); }

TEST_F(Kill, AtRandomMomentsLeavesNothingAndALogThatHolds) {
  Renew(State::kUsed);
  const std::string before = Inventory();
  std::mt19937 random(20261128);
  const std::uint64_t kills = Stride(20) == 1 ? 1000 : 50;
  std::uint64_t killed = 0;
  for (std::uint64_t i = 0; i < kills; ++i) {
    Renew(State::kUsed);
    Program program(RunArguments(), Environment(""), top_ + "/scratch");
    usleep(std::uniform_int_distribution<unsigned>(0, 40000)(random));
    kill(program.pid(), SIGKILL);
    const Ended ended = program.Await(kDeadline);
    killed += ended.status == -SIGKILL ? 1 : 0;
    EXPECT_FALSE(ended.processes_left) << ended.Told();
    const Ended collected = Cellos({"gc"});
    EXPECT_EQ(collected.status, 0) << collected.Told();
    EXPECT_EQ(Inventory(), before) << collected.Told();
    EXPECT_EQ(WrongEvidence(), "") << collected.Told();
  }
  EXPECT_GT(killed, kills / 4);
}

// The gate is one process more, and its cell has a network namespace.
TEST_F(Kill, AtAnyCallOfARunWithANetworkLeavesNothingAndALogThatHolds) {
  Add({"--allow", "203.0.113.9:443", "--dns-resolver", "203.0.113.53:53"});
  Sweep(State::kUsed, Stride(31));
}

TEST_F(Kill, InAFirstRunLeavesNothingAndALogThatHolds) { Sweep(State::kNew, Stride(61)); }

}  // namespace
}  // namespace faults
