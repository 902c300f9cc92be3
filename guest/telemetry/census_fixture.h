// SPDX-License-Identifier: Apache-2.0
// A census on a made-up kernel, and what it tells as lines of text.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "census.h"
#include "kernel_fixture.h"
#include "wire/agent_config.h"

namespace guest {

using wire::ProbeSource;

inline constexpr std::uint64_t kMs = 1'000'000;
inline constexpr std::uint32_t kLives =
    wire::SourceBit(ProbeSource::kProcessSpawned) | wire::SourceBit(ProbeSource::kProcessExited);
inline constexpr std::uint64_t kThreadFlags = 0x3d0f00;  // as pthread_create has them

class CensusTest : public testing::Test {
 protected:
  enum class Detail { kDefault, kFull };

  void Start(Detail detail = Detail::kDefault, std::uint32_t sources = kLives) {
    outbox_->Start(true, 2);
    census_->Start(sources, detail == Detail::kFull, true, 2, outbox_.get(), now_);
  }

  void Pass(std::uint64_t milliseconds) {
    now_ += milliseconds * kMs;
    kernel_.ticks = now_ / (10 * kMs);
  }
  void Tick() {
    Pass(60);  // longer than anything waits to be settled
    census_->Tick(now_);
  }
  void Walk() {
    Pass(20);
    census_->Walk(now_);
  }
  void ExitGroup(std::uint32_t number, std::uint64_t argument, bool delivered = true) {
    census_->OnExit(number, argument, now_);
    census_->AfterExit(delivered, now_);
  }
  // A life from fork to wait, as the default filter notifies it.
  std::uint32_t Life(const std::string& comm, std::uint64_t code) {
    const std::uint32_t pid = kernel_.Fork();
    census_->OnExec(pid, now_);
    kernel_.Exec(pid, comm);
    ExitGroup(pid, code);
    kernel_.Die(pid, static_cast<std::uint32_t>(code) << 8);
    kernel_.Reap(pid);
    return pid;
  }

  // Everything told since the last call: "+ 5 sh", "- 5 sh", "= 5 sh 256".
  std::vector<std::string> Told() {
    std::vector<std::string> told;
    wire::FrameReader reader;
    for (wire::Bytes bytes = outbox_->Pending(); bytes.size != 0; bytes = outbox_->Pending()) {
      outbox_->Taken(bytes.size);
      for (;;) {
        const auto step = reader.Next(&bytes.data, &bytes.size);
        if (step.kind != wire::FrameReader::Kind::kFrame) break;
        wire::TelemetryFrame frame;
        EXPECT_EQ(wire::DecodeHostFrame(step.body, step.length, true, &frame), wire::HostFrameFault::kNone);
        told.push_back(Text(frame));
      }
    }
    return told;
  }

  static std::string Text(const wire::TelemetryFrame& frame) {
    const std::string who = std::to_string(frame.guest_pid) + " " + std::string(frame.comm, frame.comm_size);
    const std::uint64_t value = frame.guest_monotonic_ns;
    switch (frame.source) {
      case ProbeSource::kProcessSpawned: return "+ " + who;
      case ProbeSource::kProcessExited: return "- " + who;
      case ProbeSource::kAgentExitStatus:
        return "= " + who + ((value & wire::kExitBySignal) != 0 ? " signal " : " ") +
               std::to_string(value & 0xffffffff);
      case ProbeSource::kAgentDropped: return "dropped " + std::to_string(value);
      default: return "? " + who;
    }
  }

  using Lines = std::vector<std::string>;
  FakeKernel kernel_;
  std::unique_ptr<Census> census_ = std::make_unique<Census>();
  std::unique_ptr<Outbox> outbox_ = std::make_unique<Outbox>();
  std::uint64_t now_ = 1'000'000 * kMs;
};

}  // namespace guest
