// SPDX-License-Identifier: Apache-2.0
// The session against a gate that the test plays: what comes into the log, what is counted, what is not believed.
#include "cell/telemetry/telemetry_session.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "crypto/ed25519.h"
#include "event/types.h"
#include "json/reader.h"
#include "wire/agent_config.h"

namespace cell {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using wire::ProbeSource;

class TestClock final : public base::Clock {
 public:
  base::BootTime Boot() const override { return boot; }
  base::WallTime Wall() const override { return base::WallTime(milliseconds(1'700'000'000'000)) + std::chrono::duration_cast<milliseconds>(boot); }
  base::BootTime boot = seconds(1000);
};

class TelemetrySessionTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/cellos_telemetry_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    path_ = path;
    directory_ = base::UniqueFd(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto log = event::RunLog::Create(directory_.get(), std::move(*crypto::SigningKey::Generate()),
                                     {.origin = "test.invalid/runs/r", .clock = &clock_});
    ASSERT_TRUE(log) << log.error().message;
    recorder_.emplace(std::move(*log), event::CellRef{.cell_id = "demo", .spec_id = "demo", .run_id = "r1"});
    ASSERT_TRUE(recorder_->Emit({.type = event::kLogOpened, .source = event::kSourceSupervisor, .data = "{}"}));
    ASSERT_TRUE(recorder_->OpenCoverage(event::Observer::kAgent, {"process.spawned"}));
    plan_.sources = wire::SourceBit(ProbeSource::kProcessSpawned) | wire::SourceBit(ProbeSource::kProcessExited);
    plan_.frames_per_second = 1000;
    plan_.bytes_per_second = 1u << 20;
    Begin();
  }
  void TearDown() override {
    session_.reset();
    for (const char* name : {"events.jsonl", "checkpoints", "frames"}) ::unlinkat(directory_.get(), name, 0);
    ::rmdir(path_.c_str());
  }
  void Begin() {
    auto made = TelemetrySession::Create({.plan = &plan_,
                                          .recorder = &*recorder_,
                                          .clock = &clock_,
                                          .run_directory = directory_.get(),
                                          .spec_hash = "sha256:00"});
    ASSERT_TRUE(made) << made.error().message;
    session_ = std::move(*made);
    gate_ = base::UniqueFd(::dup(session_->gate_frames()));
    session_->CloseGateEnds();
    session_->Arm(traces_, 0);
  }

  std::string Frame(ProbeSource source, std::uint32_t pid, std::string_view comm = "sh", std::uint64_t value = 7) {
    std::uint8_t bytes[wire::kMaxEmittedFrame];
    const std::size_t size = wire::EncodeTelemetryFrame(
        source, pid, {reinterpret_cast<const std::uint8_t*>(comm.data()), comm.size()}, value, bytes, sizeof bytes);
    return {reinterpret_cast<const char*>(bytes), size};
  }
  void Add(ProbeSource source, std::uint32_t pid, std::string_view comm = "sh", std::uint64_t value = 7) {
    const std::string frame = Frame(source, pid, comm, value);
    wire::TelemetryEntryHead head;
    head.at_ns = Now();
    head.guest_monotonic_ns = value;
    head.guest_pid = pid;
    head.frame_bytes = static_cast<std::uint32_t>(frame.size());
    head.source = source;
    head.comm_size = static_cast<std::uint8_t>(comm.size());
    memcpy(head.comm, comm.data(), comm.size());
    ASSERT_TRUE(wire::AppendTelemetryEntry(head, reinterpret_cast<const std::uint8_t*>(frame.data()), packet_.data(),
                                           packet_.size(), &size_));
    ++header_.entries;
    ++header_.counts.accepted;
    ++header_.counts.read;
  }
  std::uint64_t Now() const { return static_cast<std::uint64_t>(clock_.boot.count()); }
  // What the session says to the packet that was put together; a good frame came with it.
  std::optional<std::string> Send(std::uint32_t flags = 0, bool alive = true) {
    header_.size = static_cast<std::uint32_t>(size_);
    header_.flags = flags;
    header_.at_ns = Now();
    if (alive) header_.alive_at_ns = Now();
    memcpy(packet_.data(), &header_, sizeof header_);
    EXPECT_EQ(::send(gate_.get(), packet_.data(), size_, 0), static_cast<ssize_t>(size_));
    header_.entries = 0;
    size_ = sizeof header_;
    return session_->Read();
  }
  std::vector<std::string> Lines() {
    EXPECT_TRUE(recorder_->log().Flush());
    std::ifstream in(path_ + "/events.jsonl");
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    lines.erase(lines.begin(), lines.begin() + 2);  // opened, coverage_opened
    return lines;
  }
  std::vector<std::string> Types() {
    std::vector<std::string> types;
    for (const std::string& line : Lines()) {
      const auto tree = json::Parse(line);
      const std::string_view type = tree->root().StringOr("type", "");
      types.emplace_back(type.substr(type.rfind('.') + 1));
    }
    return types;
  }
  std::string FramesFileBytes() {
    std::ifstream in(path_ + "/frames", std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    return bytes.str();
  }
  std::string Entry(std::uint64_t leaf, std::string_view frame) {
    std::string entry;
    for (int i = 0; i < 8; ++i) entry.push_back(static_cast<char>(leaf >> (8 * i)));
    for (int i = 0; i < 4; ++i) entry.push_back(static_cast<char>(frame.size() >> (8 * i)));
    return entry.append(frame);
  }
  event::Counters AgentCounters() { return recorder_->log().CountersOf(event::Observer::kAgent); }
  std::vector<event::Hole> Holes() { return recorder_->coverage().empty() ? std::vector<event::Hole>{} : recorder_->coverage()[0].holes; }

  TestClock clock_;
  std::string path_;
  base::UniqueFd directory_, gate_;
  std::optional<Recorder> recorder_;
  plan::TelemetryPlan plan_;
  SecretTraces traces_;
  std::unique_ptr<TelemetrySession> session_;
  std::vector<std::uint8_t> packet_ = std::vector<std::uint8_t>(wire::kMaxTelemetryBatchBytes);
  std::size_t size_ = sizeof(wire::TelemetryBatchHeader);
  wire::TelemetryBatchHeader header_;
};

TEST_F(TelemetrySessionTest, AClaimIsStampedByTheRunAndItsFrameKept) {  // TM-02
  Add(ProbeSource::kProcessSpawned, 42, "sh", 5);
  Add(ProbeSource::kProcessExited, 42, "sh", 6);
  EXPECT_EQ(Send(), std::nullopt);
  const auto lines = Lines();
  ASSERT_EQ(Types(), (std::vector<std::string>{"process_spawned", "process_exited"}));
  EXPECT_THAT(lines[0], HasSubstr(R"("lane":"claimed","observer":"agent")"));
  EXPECT_THAT(lines[0], HasSubstr(R"("host":{"cellId":"demo","hostReceivedAt":)"));
  EXPECT_THAT(lines[0], HasSubstr(R"("runId":"r1","specSignatureHash":"sha256:00")"));
  const std::string first = Frame(ProbeSource::kProcessSpawned, 42, "sh", 5), second = Frame(ProbeSource::kProcessExited, 42, "sh", 6);
  EXPECT_THAT(lines[0], HasSubstr(crypto::Hex(crypto::Sha256Of(first))));
  session_->Close();
  EXPECT_EQ(FramesFileBytes(), Entry(2, first) + Entry(3, second));
}

TEST_F(TelemetrySessionTest, EachOfManyClaimsInOnePacketHasItsOwnFrame) {
  constexpr std::uint32_t kClaims = 37;
  std::string kept;
  for (std::uint32_t i = 0; i < kClaims; ++i) {
    Add(ProbeSource::kProcessSpawned, 100 + i, "sh", i);
    kept += Entry(2 + i, Frame(ProbeSource::kProcessSpawned, 100 + i, "sh", i));
  }
  EXPECT_EQ(Send(), std::nullopt);
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), kClaims);
  for (std::uint32_t i = 0; i < kClaims; ++i) {
    EXPECT_THAT(lines[i], HasSubstr(crypto::Hex(crypto::Sha256Of(Frame(ProbeSource::kProcessSpawned, 100 + i, "sh", i)))));
    EXPECT_THAT(lines[i], HasSubstr("\"guestPid\":" + std::to_string(100 + i) + ","));
  }
  session_->Close();
  EXPECT_EQ(FramesFileBytes(), kept);
}

TEST_F(TelemetrySessionTest, TheCauseOfADeathIsToldWithIt) {
  Add(ProbeSource::kAgentExitStatus, 42, "sh", wire::kExitBySignal | 9);
  Add(ProbeSource::kAgentExitStatus, 43, "sh", 3);
  EXPECT_EQ(Send(), std::nullopt);
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr(R"("cause":{"kind":"signal","status":9})"),
                                   HasSubstr(R"("cause":{"kind":"exited","status":3})")));
}

TEST_F(TelemetrySessionTest, WhatTheDocumentDoesNotDeclareIsAFindingAndNoEvent) {  // TM-10
  Add(ProbeSource::kNetConnectAttempted, 42);
  Add(ProbeSource::kNetConnectAttempted, 42);
  EXPECT_EQ(Send(), std::nullopt);
  EXPECT_EQ(Types(), std::vector<std::string>{"finding"});
  EXPECT_EQ(recorder_->findings().contradictions.size(), 1u);
  session_->Close();
  EXPECT_EQ(Types(), (std::vector<std::string>{"finding", "telemetry_dropped"}));
  EXPECT_THAT(Lines()[1], HasSubstr(R"("refused":{"undeclared":2})"));
  EXPECT_EQ(AgentCounters().dropped, 2u);
  EXPECT_EQ(AgentCounters().issued, 2u);
}

TEST_F(TelemetrySessionTest, ASecretInANameStandsInNoFile) {  // SE-04
  traces_.Add("hunter2secret");
  Add(ProbeSource::kProcessSpawned, 42, "xhunter2secret", 5);
  EXPECT_EQ(Send(), std::nullopt);
  session_->Close();
  const std::string line = Lines()[0], frames = FramesFileBytes();
  EXPECT_THAT(line, Not(HasSubstr("hunter2")));
  EXPECT_THAT(line, HasSubstr(R"("nameMasked":true)"));
  EXPECT_THAT(frames, Not(HasSubstr("hunter2")));
  EXPECT_THAT(line, HasSubstr(crypto::Hex(crypto::Sha256Of(std::string_view(frames).substr(12)))));
}

TEST_F(TelemetrySessionTest, SilenceIsToldOnceAndItsEndToo) {  // TM-06
  clock_.boot += milliseconds(9'999);
  session_->Tick();
  EXPECT_TRUE(Types().empty());
  EXPECT_EQ(session_->Deadline(), seconds(1010));
  clock_.boot += milliseconds(1);
  session_->Tick();
  session_->Tick();
  EXPECT_EQ(Types(), std::vector<std::string>{"agent_silenced"});
  EXPECT_THAT(Lines()[0], HasSubstr(R"("elapsedMs":10000)"));
  EXPECT_FALSE(session_->failure()) << "the document says degrade";
  clock_.boot += seconds(5);
  EXPECT_EQ(Send(), std::nullopt);
  EXPECT_EQ(Types(), (std::vector<std::string>{"agent_silenced", "agent_returned"}));
  ASSERT_EQ(Holes().size(), 1u);
  EXPECT_EQ(Holes()[0].from, seconds(1000));
  EXPECT_EQ(Holes()[0].to, seconds(1015));
  clock_.boot += seconds(10);
  session_->Tick();
  EXPECT_EQ(Types().size(), 2u) << "once a run";
  session_->Close();
  EXPECT_EQ(Holes().size(), 2u) << "but no hole is left out";
}

TEST_F(TelemetrySessionTest, HeartbeatsAloneAreNoSilence) {
  for (int i = 0; i < 10; ++i) {
    clock_.boot += seconds(2);
    ++header_.counts.heartbeats;
    ++header_.counts.read;
    EXPECT_EQ(Send(), std::nullopt);
    session_->Tick();
  }
  EXPECT_TRUE(Types().empty());
}

TEST_F(TelemetrySessionTest, RefusedFramesAreSilence) {
  clock_.boot += seconds(10);
  ++header_.counts.refused[static_cast<std::size_t>(wire::HostFrameFault::kTagged)];
  ++header_.counts.read;
  EXPECT_EQ(Send(0, false), std::nullopt);
  session_->Tick();
  EXPECT_EQ(Types(), (std::vector<std::string>{"telemetry_dropped", "agent_silenced"}));
}

TEST_F(TelemetrySessionTest, FailCellEndsTheRunWithTheSilence) {
  plan_.fail_cell = true;
  clock_.boot += seconds(10);
  session_->Tick();
  ASSERT_TRUE(session_->failure());
  EXPECT_THAT(*session_->failure(), HasSubstr("10000 ms"));
}

TEST_F(TelemetrySessionTest, ADeadWitnessIsSilenceAtOnce) {
  clock_.boot += seconds(1);
  session_->OnAgentFailed({.kind = sandbox::CellEventKind::kAgentFailed, .end = {.signal = 9}});
  EXPECT_EQ(Types(), std::vector<std::string>{"agent_silenced"});
  EXPECT_THAT(*session_->failure(), HasSubstr("signal 9"));
  ASSERT_EQ(Holes().size(), 1u);
  session_->Tick();
  session_->Close();
  EXPECT_EQ(Types().size(), 1u);
}

TEST_F(TelemetrySessionTest, LossesAreToldAtMostOnceASecondAndAddUpAtTheEnd) {
  header_.counts.agent_dropped = 5;
  EXPECT_EQ(Send(), std::nullopt);
  session_->Tick();
  EXPECT_EQ(Types().size(), 1u);
  header_.counts.agent_dropped = 7;
  header_.counts.over_rate = 3;
  header_.counts.read += 3;
  EXPECT_EQ(Send(), std::nullopt);
  session_->Tick();
  EXPECT_EQ(Types().size(), 1u);
  EXPECT_EQ(session_->Deadline(), seconds(1001));
  clock_.boot += seconds(1);
  session_->Tick();
  EXPECT_EQ(Types().size(), 2u);
  EXPECT_THAT(Lines()[1], HasSubstr(R"("droppedByAgent":7)"));
  EXPECT_THAT(Lines()[1], HasSubstr(R"("overRate":3)"));
  Add(ProbeSource::kProcessSpawned, 1);
  EXPECT_EQ(Send(wire::kTelemetryEnded), std::nullopt);
  session_->AwaitEnd(/*killed=*/false);
  EXPECT_EQ(Send(wire::kTelemetryFinal), std::nullopt);
  EXPECT_TRUE(session_->final_seen());
  session_->Close();
  EXPECT_EQ(AgentCounters().issued, 11u);
  EXPECT_EQ(AgentCounters().delivered, 1u);
  EXPECT_EQ(AgentCounters().dropped, 10u);
  EXPECT_EQ(AgentCounters().unknown, 0u);
}

TEST_F(TelemetrySessionTest, AWitnessThatWasKilledWithItsCellLeavesAHole) {
  EXPECT_EQ(Send(wire::kTelemetryEnded), std::nullopt);
  session_->AwaitEnd(/*killed=*/true);
  ASSERT_EQ(Holes().size(), 1u);
  EXPECT_THAT(Holes()[0].why, HasSubstr("killed with the cell"));
}

TEST_F(TelemetrySessionTest, AWitnessThatEndedWithItsWorkloadLeavesNone) {
  EXPECT_EQ(Send(wire::kTelemetryEnded), std::nullopt);
  session_->AwaitEnd(/*killed=*/false);
  EXPECT_THAT(Holes(), testing::IsEmpty());
}

// The leaf that tells of them must hold them all, whoever makes them.
TEST_F(TelemetrySessionTest, HolesWithoutNumberBecomeOne) {
  for (int i = 0; i < 2000; ++i) {
    clock_.boot += milliseconds(1);
    ASSERT_EQ(Send(wire::kTelemetryBroken), std::nullopt);
  }
  ASSERT_LE(Holes().size(), Recorder::kMaxHoles);
  EXPECT_EQ(Holes().front().from, seconds(1000) + milliseconds(1));
  EXPECT_EQ(Holes().back().to, clock_.boot);
  EXPECT_THAT(Holes().back().why, HasSubstr("several: "));
  recorder_->CloseCoverage();
  EXPECT_FALSE(recorder_->failed()) << "coverage_closed fits into a leaf";
}

TEST_F(TelemetrySessionTest, AGateThatSaysTooEarlyThatNothingFollowsIsNotBelieved) {
  EXPECT_THAT(Send(wire::kTelemetryFinal).value_or(""), HasSubstr("nothing follows"));
  EXPECT_FALSE(session_->final_seen());
}

TEST_F(TelemetrySessionTest, ATornStreamLeavesSomethingUnknownAndAHole) {
  header_.counts.torn = 1;
  header_.counts.refused[static_cast<std::size_t>(wire::HostFrameFault::kOversized)] = 1;
  header_.counts.read = 1;
  EXPECT_EQ(Send(wire::kTelemetryEnded | wire::kTelemetryBroken), std::nullopt);
  session_->Close();
  EXPECT_EQ(AgentCounters().unknown, 1u);
  EXPECT_EQ(Holes().size(), 1u);
}

TEST_F(TelemetrySessionTest, AGateThatLiesIsNotBelieved) {
  const auto says = [&](auto change, bool alive = true) {
    session_.reset();
    ::unlinkat(directory_.get(), "frames", 0);
    header_ = {};
    size_ = sizeof header_;
    Begin();
    header_.counts.agent_dropped = 5;
    EXPECT_EQ(Send(), std::nullopt);
    change();
    return Send(0, alive).value_or("");
  };
  EXPECT_EQ(says([] {}), "");
  EXPECT_THAT(says([&] { header_.counts.agent_dropped = 4; }), HasSubstr("a count fell"));
  EXPECT_THAT(says([&] { header_.counts.accepted = header_.counts.read = 1; }), HasSubstr("did not count"));
  EXPECT_THAT(says([&] { header_.counts.read = 1; }), HasSubstr("no honest one sends"));
  EXPECT_THAT(says([&] { header_.alive_at_ns = Now() - 1; }, false), HasSubstr("the time of a frame"));
  EXPECT_THAT(says([&] { clock_.boot -= seconds(1); }), HasSubstr("its time"));
}

TEST_F(TelemetrySessionTest, AGateThatLetsMoreThroughThanItMayIsNotBelieved) {  // TM-01
  std::optional<std::string> why;
  int packets = 0;
  for (; packets < 100 && !why; ++packets) {
    for (std::uint32_t i = 0; i < 500; ++i) Add(ProbeSource::kProcessSpawned, i);
    why = Send();
  }
  ASSERT_TRUE(why);
  EXPECT_THAT(*why, HasSubstr("more frames than it may"));
  EXPECT_EQ(packets, 7) << "three seconds' worth at once are believed";
}

TEST_F(TelemetrySessionTest, AGateThatClosesItsSocketIsGone) {
  gate_.Reset();
  EXPECT_THAT(session_->Read().value_or(""), HasSubstr("ended"));
}

}  // namespace
}  // namespace cell
