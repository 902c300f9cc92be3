// SPDX-License-Identifier: Apache-2.0
// Rows TM-01, TM-02, TM-04 and TM-10 of the threats, in a real cell: the test takes the witness's own end of the
// channel and tells lies, too much, and nonsense.
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "witness_harness.h"

namespace attacks {
namespace {

constexpr int kAgentChannel = 4;  // as cellos-telemetry has it
constexpr int kIncomplete = 3;    // of cellos verify

std::string Text(std::string_view text) {
  const auto size = text.size();
  std::string head = {static_cast<char>(0x79), static_cast<char>(size >> 8), static_cast<char>(size)};
  if (size < 24) head = std::string(1, static_cast<char>(0x60 + size));
  return head.append(text);
}

std::string Unsigned(std::uint64_t value) {
  std::string item(1, '\x1b');
  for (int shift = 56; shift >= 0; shift -= 8) item += static_cast<char>(value >> shift);
  return item;
}

std::string Length(std::uint32_t size) {
  std::string header;
  for (int shift = 0; shift < 32; shift += 8) header += static_cast<char>(size >> shift);
  return header;
}

// A frame with `more` pairs, already coded, behind its five.
std::string Frame(std::string_view source, std::uint32_t pid, const Words& more = {}) {
  std::string body(1, static_cast<char>(0xa0 + 5 + more.size()));
  body += Text("content_version") + Unsigned(1) + Text("probe_source") + Text(source) + Text("guest_pid") +
          Unsigned(pid) + Text("guest_comm") + Text("liar") + Text("guest_monotonic_ns") + Unsigned(7);
  for (const std::string& pair : more) body += pair;
  return Length(static_cast<std::uint32_t>(body.size())) + body;
}

class Channel : public WitnessAttack {
 protected:
  void SetUp() override {
    WitnessAttack::SetUp();
    if (::getuid() != 0) GTEST_SKIP() << "needs root: a descriptor of a process that nobody may look into";
  }
  void TearDown() override { Leave(); }
  // The channel ends with the witness's own end only when ours is gone.
  void Leave() {
    if (end_ >= 0) ::close(end_);
    end_ = -1;
  }
  // An idle cell, and its witness's end of the channel.
  Started Begin(const Watch& watch = {}) {
    const Started started = StartWatched({"wait"}, watch);
    EXPECT_TRUE(WaitForOutput("waiting"));
    const int process = static_cast<int>(::syscall(SYS_pidfd_open, Agent(), 0));
    end_ = static_cast<int>(::syscall(SYS_pidfd_getfd, process, kAgentChannel, 0));
    EXPECT_GE(end_, 0);
    ::close(process);
    return started;
  }
  // All of it; a frame goes whole or not at all, so the witness's own stay between them.
  bool Tell(const std::string& frame) const {
    for (;;) {
      const ssize_t sent = ::send(end_, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent == static_cast<ssize_t>(frame.size())) return true;
      pollfd room = {end_, POLLOUT, 0};
      if (sent >= 0 || errno != EAGAIN || ::poll(&room, 1, 30'000) <= 0) return false;
    }
  }
  Finished End(const Started& started, const How& how = {}) {
    Leave();
    Write(Rw() + "/go", "");
    return Wait(started, how);
  }
  int Verified(const Finished& run) {
    return Cellos({"verify", run.directory.substr(run.directory.rfind('/') + 1)}).status;
  }

  int end_ = -1;
};

TEST_P(Channel, TM01_AMillionFramesAreReadAndEachIsLoggedOrCounted) {
  const Started started = Begin({.more = R"("rateLimits":{"eventsPerSecond":500})"});
  const std::string padding = Text("padding") + Text(std::string(3900, 'x'));
  const std::string frame = Frame("capability.denied", 77, {padding});
  constexpr std::uint64_t kFrames = 1'000'000;
  std::uint64_t sent = 0;
  while (sent < kFrames && Tell(frame)) ++sent;
  ASSERT_EQ(sent, kFrames);
  const Finished run = End(started, {.deadline = std::chrono::seconds(300), .verify = false});
  EXPECT_TRUE(WatchedToTheEnd(run));
  const Told told(run);
  EXPECT_EQ(told.read, told.accepted + told.heartbeats + told.over_rate + told.refused);
  EXPECT_EQ(told.accepted, told.events());
  EXPECT_EQ(told.refused, 0u);
  // The leader's start, its end and the cause are the witness's own.
  EXPECT_EQ(told.accepted + told.over_rate, kFrames + 3);
  EXPECT_GT(told.over_rate, kFrames / 2);
  EXPECT_EQ(Verified(run), kIncomplete) << "what was dropped is missing, and that is said";
}

TEST_P(Channel, TM02_WhatAFrameSaysOfItsCellIsNeverUsed) {
  const Started started = Begin();
  EXPECT_TRUE(
      Tell(Frame("capability.denied", 77,
                 {Text("cell_id") + Text("forged-cell"), Text("run_id") + Text("forged-run"),
                  Text("host_received_at") + Text("forged-time"), Text("spec_signature_hash") + Text("forged-hash")})));
  const Finished run = End(started);
  EXPECT_TRUE(WatchedToTheEnd(run));
  EXPECT_EQ(Count(run, "guest.capability_denied",
                  {"\"guestComm\":\"liar\"", "\"cellId\":\"" + started.id + "\"",
                   "\"runId\":\"" + run.Member("runId") + "\"", "\"frameSha256\":\""}),
            1u);
  EXPECT_EQ(run.log.find("forged"), run.log.npos);
  EXPECT_NE(Read(run.directory + "/frames").find("forged-cell"), std::string::npos) << "kept as it came";
}

// The gate closes it, and a witness that nobody hears is silent: the document says what that means.
TEST_P(Channel, TM04_AStreamThatLostItsAlignmentIsNotBelieved) {
  for (const std::string& length : {std::string(4, '\xff'), Length(4097)}) {
    const Started started = Begin({.more = R"("onAgentFailure":"fail-cell")"});
    EXPECT_TRUE(Tell(length + Frame("capability.denied", 77)));
    Leave();
    const Finished run = Wait(started, {.verify = false});
    EXPECT_EQ(run.Reason(), "agent_silenced") << run.err;
    EXPECT_EQ(run.status, 137);
    EXPECT_EQ(Told(run).denied, 0u);
    EXPECT_EQ(Told(run).silenced, 1u);
    EXPECT_EQ(Verified(run), kIncomplete);
  }
}

TEST_P(Channel, TM10_WhatWasNotDeclaredIsAFindingAndNoEvent) {
  const Started started = Begin({.events = {"process.spawned", "process.exited"}});
  EXPECT_TRUE(Tell(Frame("capability.denied", 77)));
  EXPECT_TRUE(Tell(Frame("net.connect_attempted", 77)));
  EXPECT_TRUE(Tell(Frame("dev.cellos.events.made_up", 77)));
  EXPECT_TRUE(Tell(Frame("", 77)));
  const Finished run = End(started, {.verify = false});
  EXPECT_EQ(run.status, 0) << run.err;
  const Told told(run);
  EXPECT_EQ(told.denied + told.connects, 0u);
  EXPECT_EQ(told.refused, 4u) << "two that nobody declared, two that nobody knows";
  EXPECT_EQ(Count(run, "", {"made_up"}), 0u);
  EXPECT_GE(Count(run, "evidence_log.v1.finding", {"capability.denied"}), 1u) << run.log;
  EXPECT_GE(Count(run, "evidence_log.v1.finding", {"net.connect_attempted"}), 1u);
}

ATTACK_AS_EVERYBODY(Channel);

}  // namespace
}  // namespace attacks
