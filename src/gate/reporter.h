// SPDX-License-Identifier: Apache-2.0
// The gate's records on their way to the supervisor: packets of several, denials beyond a rate summed up, bounded.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "gate/loop.h"
#include "gate/ports.h"
#include "wire/gate_record.h"

namespace gate {

// Sends on a seqpacket socket at the end of each round of the loop. A full socket fills a queue; what finds the queue
// full is lost and counted. Counts of what was summed up or lost are exact: nothing is lost uncounted.
class RecordReporter final : public Reporter, private Loop::Watcher {
 public:
  struct Bounds {
    std::size_t queue = 2048;                // records
    std::uint32_t denials_per_second = 100;  // told one by one
  };
  // `socket` is not owned, but watched here alone. Everything outlives it.
  RecordReporter(Loop& loop, const base::Clock& clock, int socket, Bounds bounds);
  ~RecordReporter();

  // `on_input` is called when something is to be read from the socket, or its other end is closed.
  base::Result<> WatchInput(std::function<void()> on_input);

  std::uint64_t Report(wire::GateRecord record) override;
  std::uint64_t NewId() override { return next_id_++; }

  // The queue is more than half full: whoever can wait should not begin anything new.
  bool Congested() const { return queued() > bounds_.queue / 2; }
  // Tells what was summed up so far, as far as the queue has room; the rest stays summed up.
  void TellSuppressed();
  // Sends what is queued, as far as the socket takes it.
  void Flush();
  bool Empty() const { return queued() == 0; }
  // `suppressed` and `lost`.
  void AddTo(wire::GateTotals* totals) const;
  // True once the socket is closed at its other end, or broken: the supervisor is gone.
  bool Broken() const { return broken_; }

 private:
  struct Sum {
    wire::GateRecordKind kind;
    wire::GateReason reason;
    wire::RuleRef rule;
    std::uint32_t count;
  };
  std::size_t queued() const { return queue_.size() - sent_; }
  void OnReady(int fd, std::uint32_t events) override;
  bool Suppress(const wire::GateRecord& record);
  void Push(const wire::GateRecord& record);
  void DropSent();
  void WatchOutput(bool on);
  void TellLater();

  Loop& loop_;
  const base::Clock& clock_;
  const int socket_;
  const Bounds bounds_;
  std::vector<wire::GateRecord> queue_;  // packets leave from it as they lie there; the first `sent_` have left
  std::size_t sent_ = 0;
  std::vector<Sum> sums_;
  std::uint64_t next_id_ = 1;
  std::uint64_t suppressed_ = 0, lost_ = 0;
  base::BootTime second_{0};  // begin of the current one
  std::uint32_t told_ = 0;    // denials of this second
  Loop::TimerId timer_ = 0;   // tells the sums
  std::function<void()> on_input_;
  bool output_watched_ = false, broken_ = false;
};

}  // namespace gate
