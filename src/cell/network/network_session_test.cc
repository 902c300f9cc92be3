// SPDX-License-Identifier: Apache-2.0
// The session against a gate that says what the test wants: when it is heard, what ends the cell, what is told of that.
#include "cell/network/network_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "backend/fake_backend.h"
#include "cell/network/gate_puppet_fixture.h"
#include "crypto/ed25519.h"
#include "event/types.h"
#include "json/reader.h"
#include "sys/poll.h"

namespace cell {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Denied;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kRecordsSlot = 0, kDialSlot = 2;  // in the order of Watch
constexpr milliseconds kLong{10'000};

class NetworkSessionTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/cellos_session_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    path_ = path;
    directory_ = base::UniqueFd(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto log = event::RunLog::Create(directory_.get(), std::move(*crypto::SigningKey::Generate()),
                                     {.origin = "test.invalid/runs/r", .clock = &clock_});
    ASSERT_TRUE(log) << log.error().message;
    recorder_.emplace(std::move(*log), event::CellRef{.cell_id = "demo", .spec_id = "demo", .run_id = "r1"});
    ASSERT_TRUE(recorder_->Emit({.type = event::kLogOpened, .source = event::kSourceSupervisor, .data = "{}"}));
    for (const event::Observer observer : kGatesOwn) ASSERT_TRUE(recorder_->OpenCoverage(observer, {"all"}));
    plan_.ids_from_range = test::ByRoot();
    plan_.network.emplace().gate = true;
    auto program = test::OpenPuppet();
    ASSERT_TRUE(program) << program.error().message;
    programs_.gate = std::move(*program);
    ASSERT_NO_FATAL_FAILURE(Start());
  }
  void TearDown() override {
    session_.reset();
    for (const char* name : {"events.jsonl", "checkpoints"}) ::unlinkat(directory_.get(), name, 0);
    ::rmdir(path_.c_str());
  }
  void Start() {
    auto session = NetworkSession::Start({.plan = &plan_,
                                          .spec = &spec_,
                                          .settings = &settings_,
                                          .programs = &programs_,
                                          .recorder = &*recorder_,
                                          .clock = &clock_,
                                          .cell_uid = test::HelperUid(),
                                          .cell_gid = test::HelperGid()});
    ASSERT_TRUE(session) << session.error().message;
    session_ = std::move(*session);
    gate_ = test::Reins(base::UniqueFd(::dup(session_->cell_channel())));
  }
  void Attach() {
    gate_.Tell(test::Ready());
    const auto attached = session_->Attach(cell_, 0);
    ASSERT_TRUE(attached) << attached.error().message;
  }

  // The reactor's turn in two halves: time may pass between them.
  void Wait(milliseconds limit = kLong) {
    polls_.clear();
    session_->Watch(polls_);
    ASSERT_TRUE(sys::Poll(polls_, limit));
  }
  void Turn(milliseconds limit = kLong) {
    Wait(limit);
    session_->Act(polls_);
  }
  // Until the gate's records are not listened to for a while.
  void BeginGathering() {
    gate_.Tell(Denied(1, "first.test"));
    Turn();
    Wait(milliseconds(0));
    ASSERT_EQ(polls_[kRecordsSlot].fd, -1);
  }

  std::vector<std::string> Lines(std::string_view type) {
    EXPECT_TRUE(recorder_->log().Flush());
    std::ifstream in(path_ + "/events.jsonl");
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
      if (json::Parse(line)->root().StringOr("type", "").ends_with(type)) lines.push_back(line);
    }
    return lines;
  }
  std::vector<std::string> Asked() {
    std::vector<std::string> names;
    for (const std::string& line : Lines("observability.v1.dns_query")) {
      const auto at = line.find("\"queryName\":\"") + 13;
      names.push_back(line.substr(at, line.find('"', at) - at));
    }
    return names;
  }

  static constexpr event::Observer kGatesOwn[] = {event::Observer::kGateDns, event::Observer::kGateFlow,
                                                  event::Observer::kGateL7, event::Observer::kGateRecord};
  test::StillClock clock_;
  std::string path_;
  base::UniqueFd directory_;
  std::optional<Recorder> recorder_;
  plan::Plan plan_;
  spec::CellSpec spec_;
  Settings settings_;
  NetworkPrograms programs_;
  std::vector<std::string> calls_;
  backend::FakeCell cell_{{}, &calls_};
  std::unique_ptr<NetworkSession> session_;
  test::Reins gate_;
  std::vector<pollfd> polls_;
};

TEST_F(NetworkSessionTest, AGateThatCouldNotLockItselfStopsTheStart) {
  gate_.Tell(test::Ready(wire::kLockAll & ~wire::kLockFilter));
  const auto attached = session_->Attach(cell_, 0);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().step, "gate");
  EXPECT_THAT(attached.error().message, HasSubstr("could not lock itself"));
}

TEST_F(NetworkSessionTest, WhatABusyGateSaysIsReadOnceItsTimeIsOver) {
  Attach();
  BeginGathering();
  EXPECT_EQ(session_->Deadline(), clock_.boot + milliseconds(2));
  gate_.Tell(Denied(2, "second.test"));
  Turn(milliseconds(0));
  EXPECT_THAT(Asked(), ElementsAre("first.test")) << "not yet";
  clock_.boot += milliseconds(2);
  Wait();
  EXPECT_NE(polls_[kRecordsSlot].fd, -1) << "listened to again";
  session_->Act(polls_);
  EXPECT_THAT(Asked(), ElementsAre("first.test", "second.test"));
}

TEST_F(NetworkSessionTest, TimeThatPassesInTheWaitCountsToo) {
  Attach();
  BeginGathering();
  gate_.Tell(Denied(2, "second.test"));
  Wait(milliseconds(0));
  clock_.boot += milliseconds(2);
  session_->Act(polls_);
  EXPECT_THAT(Asked(), ElementsAre("first.test", "second.test"));
}

TEST_F(NetworkSessionTest, WhatWasLeftBehindIsReadAtOnce) {
  Attach();
  for (std::uint64_t id = 1; id <= 70; ++id) gate_.Tell(Denied(id, "a.test"));
  Turn();
  EXPECT_EQ(session_->Deadline(), base::BootTime{0});
  Wait(milliseconds(0));
  EXPECT_NE(polls_[kRecordsSlot].fd, -1);
  session_->Act(polls_);
  EXPECT_EQ(Asked().size(), 70u);
}

TEST_F(NetworkSessionTest, WhatAGateSaidBeforeItEndedIsKept) {
  Attach();
  BeginGathering();
  gate_.Tell(Denied(2, "second.test"));
  gate_.End();
  Turn();
  EXPECT_THAT(Asked(), ElementsAre("first.test", "second.test"));
  ASSERT_TRUE(session_->failure());
  EXPECT_EQ(session_->failure_reason(), Reason::kGateFailed);
  const auto failed = Lines("gate_failed");
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_THAT(failed[0], HasSubstr(R"("phase":"run")"));
  EXPECT_THAT(failed[0], HasSubstr("cellos-gate"));
}

TEST_F(NetworkSessionTest, WhatABusyGateSaidBeforeAnotherPartFailedIsKept) {
  Attach();
  BeginGathering();
  std::vector<std::string> said = {"first.test"};
  for (std::uint64_t id = 2; id <= 71; ++id) {  // more packets than are read at once
    said.push_back(std::to_string(id) + ".test");
    gate_.Tell(Denied(id, said.back().c_str()));
  }
  gate_.Do("dno request");
  Wait();
  ASSERT_NE(polls_[kDialSlot].revents, 0);
  session_->Act(polls_);
  EXPECT_EQ(session_->failure(), "cellos-gate: a dial request that cannot be one");
  EXPECT_EQ(Asked(), said);
  EXPECT_EQ(gate_.Hear(), "") << "nobody decides any more: it is ended";
  ASSERT_EQ(recorder_->coverage().size(), std::size(kGatesOwn));
  for (const auto& row : recorder_->coverage()) {
    ASSERT_EQ(row.holes.size(), 1u);
    EXPECT_THAT(row.holes[0].why, HasSubstr("a dial request that cannot be one"));
  }
  Turn(milliseconds(0));
  EXPECT_EQ(Lines("gate_failed").size(), 1u) << "told once";
  for (const pollfd& poll : polls_) EXPECT_EQ(poll.fd, -1);
  EXPECT_EQ(session_->Deadline(), base::BootTime::max());
}

TEST_F(NetworkSessionTest, ASilentGateEndsTheCell) {
  Attach();
  clock_.boot += kHelperSilence - milliseconds(1);
  Turn(milliseconds(0));
  EXPECT_FALSE(session_->failure());
  EXPECT_EQ(session_->Deadline(), clock_.boot + milliseconds(1));
  clock_.boot += milliseconds(1);
  Turn(milliseconds(0));
  EXPECT_EQ(session_->failure(), "cellos-gate said nothing for 3000 ms");
}

TEST_F(NetworkSessionTest, BytesThatAreNoRecordEndTheCell) {
  Attach();
  gate_.Do("rnot a record");
  Turn();
  ASSERT_TRUE(session_->failure());
  EXPECT_THAT(*session_->failure(), HasSubstr("sent what is no record"));
}

TEST_F(NetworkSessionTest, ARevokedGateIsTold) {
  Attach();
  session_->Revoke();
  EXPECT_EQ(gate_.Hear(), "c" + test::Bytes(wire::GateCommand{.kind = wire::GateCommandKind::kRevoke}));
}

TEST_F(NetworkSessionTest, ARevokedGateIsDialledNothing) {
  plan_.network->rules.push_back({.index = 0, .protocol = wire::FlowProtocol::kTcp, .port = 9, .host = "127.0.0.1"});
  Attach();
  session_->Revoke();
  gate_.Hear();
  gate_.Do("d" + test::Bytes(wire::DialRequest{.id = 1, .port = 9}));
  Turn();
  EXPECT_THAT(Lines("finding"), IsEmpty()) << "it is answered before a table is asked";
  EXPECT_FALSE(session_->failure());
}

TEST_F(NetworkSessionTest, RefusedDialsAreFindingsUpToABoundAndCountedBeyondIt) {
  Attach();
  for (std::uint64_t id = 1; id <= 20; ++id) gate_.Do("d" + test::Bytes(wire::DialRequest{.id = id, .port = 9}));
  Turn();
  EXPECT_EQ(Lines("finding").size(), 16u);
  gate_.Do("a" + test::Bytes(wire::GateRecord{.kind = wire::GateRecordKind::kTotals}));
  session_->Finish(/*killed=*/false);
  const auto findings = Lines("finding");
  ASSERT_EQ(findings.size(), 17u);
  EXPECT_THAT(findings[16], HasSubstr("20 requests for connections that no rule grants were refused in all"));
}

TEST_F(NetworkSessionTest, TheEndIsToldToTheGateAndItsLossesAreCounted) {
  Attach();
  BeginGathering();
  wire::GateRecord totals{.kind = wire::GateRecordKind::kTotals};
  totals.totals.lost = 3;
  gate_.Do("a" + test::Bytes(Denied(2, "second.test")) + test::Bytes(totals));
  session_->Finish(/*killed=*/false);
  EXPECT_EQ(gate_.Hear(), "c" + test::Bytes(wire::GateCommand{.kind = wire::GateCommandKind::kStop}));
  EXPECT_EQ(gate_.Hear(), "") << "it is ended";
  EXPECT_THAT(Asked(), ElementsAre("first.test", "second.test"));
  EXPECT_FALSE(session_->failure());
  EXPECT_EQ(recorder_->log().CountersOf(event::Observer::kGateRecord).dropped, 3u);
}

TEST_F(NetworkSessionTest, AGateThatEndsWithoutItsTotalsHasFailed) {
  Attach();
  gate_.End();
  session_->Finish(/*killed=*/false);
  ASSERT_TRUE(session_->failure());
  EXPECT_THAT(*session_->failure(), HasSubstr("cellos-gate is gone"));
  EXPECT_EQ(Lines("gate_failed").size(), 1u);
}

}  // namespace
}  // namespace cell
