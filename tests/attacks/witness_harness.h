// SPDX-License-Identifier: Apache-2.0
// Cells with a witness, for the tests that attack it: a document with a telemetry block, the witness found among the
// host's processes, and what it told counted in the log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "harness.h"

namespace attacks {

// A document's telemetry block.
struct Watch {
  Words events = {"process.spawned", "process.exited", "capability.denied"};
  std::string more = {};       // further members: "\"processDetail\":\"full\""
  std::string authority = {};  // further members of authority: "\"egressRules\":[…]"
  int ttl = 300;
};

// What a run's log says of the witness; numbers that only the counts of losses have are 0 without such an event.
struct Told {
  explicit Told(const Finished& run);
  std::uint64_t spawned = 0, exited = 0, denied = 0, connects = 0, causes = 0, silenced = 0;
  std::uint64_t dropped = 0, over_rate = 0, read = 0, accepted = 0, heartbeats = 0, refused = 0;
  std::uint64_t events() const { return spawned + exited + denied + connects + causes; }
  // Never told, by the host's own counts.
  std::uint64_t lost() const { return dropped + over_rate; }
};

// Events whose type ends with `type` and that hold each of `parts`.
std::uint64_t Count(const Finished& run, std::string_view type, const Words& parts = {});

class WitnessTest : public CellTest {
 protected:
  using CellTest::CellTest;

  std::string Document(const std::string& id, const Words& argv, const Watch& watch) const;
  // The probe with `what`, in a cell with a witness.
  Started StartWatched(const Words& what, const Watch& watch = {}, How how = {});
  Finished Watched(const Words& what, const Watch& watch = {}, const How& how = {});

  // The process of that name below this one once it is there, or -1.
  pid_t Find(const std::string& name) const;
  // The two that nobody in the cell can name: outer init and the witness.
  pid_t Agent() const { return Find("cellos-telemetry"); }
  pid_t Init() const;

 private:
  int cells_ = 0;
};

// Ended as its workload did, with its witness alive to the last, and nobody contradicts anybody.
testing::AssertionResult WatchedToTheEnd(const Finished& run, int status = 0);

class WitnessAttack : public WitnessTest, public testing::WithParamInterface<As> {
 protected:
  WitnessAttack() : WitnessTest(GetParam()) {}
  void SetUp() override;
};

}  // namespace attacks
