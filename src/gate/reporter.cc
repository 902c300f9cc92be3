// SPDX-License-Identifier: Apache-2.0
// Records in packets, denials by rate.
#include "gate/reporter.h"

#include <errno.h>

#include <algorithm>

#include "sys/inet.h"

namespace gate {
namespace {

constexpr std::size_t kKept = 8 * wire::kMaxRecordsPerPacket;  // records' memory that an empty queue keeps
constexpr std::size_t kMaxSums = 256;  // kinds of denial told apart; the reasons and rules of one document seldom reach it

// Decisions that a workload can cause without end. Everything else is told always.
bool IsDenial(const wire::GateRecord& record) {
  switch (record.kind) {
    case wire::GateRecordKind::kDnsQuery:
    case wire::GateRecordKind::kFlow:
    case wire::GateRecordKind::kL7:
      return !wire::IsAllow(record.reason);
    default:
      return false;
  }
}

}  // namespace

RecordReporter::RecordReporter(Loop& loop, const base::Clock& clock, int socket, Bounds bounds)
    : loop_(loop), clock_(clock), socket_(socket), bounds_(bounds) {
  queue_.reserve(wire::kMaxRecordsPerPacket);
  loop_.OnRoundEnd([this] { Flush(); });
}

RecordReporter::~RecordReporter() {
  loop_.Cancel(timer_);
  loop_.Unwatch(socket_);
}

base::Result<> RecordReporter::WatchInput(std::function<void()> on_input) {
  on_input_ = std::move(on_input);
  return loop_.Watch(socket_, EPOLLIN, this);
}

void RecordReporter::OnReady(int, std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && on_input_) on_input_();
  // Output leaves at the end of this round anyhow.
}

void RecordReporter::WatchOutput(bool on) {
  if (output_watched_ == on) return;
  const std::uint32_t events = (on_input_ ? std::uint32_t{EPOLLIN} : 0u) | (on ? std::uint32_t{EPOLLOUT} : 0u);
  if (events == 0) {
    loop_.Unwatch(socket_);
  } else if (!loop_.Watch(socket_, events, this)) {
    broken_ = true;
    return;
  }
  output_watched_ = on;
}

std::uint64_t RecordReporter::Report(wire::GateRecord record) {
  if (record.id == 0) record.id = NewId();
  record.at_ns = static_cast<std::uint64_t>(clock_.Boot().count());
  if (!IsDenial(record) || !Suppress(record)) Push(record);
  return record.id;
}

bool RecordReporter::Suppress(const wire::GateRecord& record) {
  const base::BootTime now = loop_.Now();
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    told_ = 0;
  }
  if (told_ < bounds_.denials_per_second) {
    ++told_;
    return false;
  }
  const auto same = std::find_if(sums_.begin(), sums_.end(), [&](const Sum& sum) {
    return sum.kind == record.kind && sum.reason == record.reason && sum.rule.kind == record.rule.kind &&
           sum.rule.index == record.rule.index;
  });
  if (same != sums_.end() && same->count != UINT32_MAX) {
    ++same->count;
  } else {
    if (sums_.size() >= kMaxSums) TellSuppressed();
    if (sums_.size() >= kMaxSums) return false;  // then the queue is full, and it counts as lost
    sums_.push_back({record.kind, record.reason, record.rule, 1});
  }
  ++suppressed_;
  TellLater();
  return true;
}

void RecordReporter::TellLater() {
  if (timer_ != 0) return;
  timer_ = loop_.At(loop_.Now() + std::chrono::seconds(1), [this] {
    timer_ = 0;
    TellSuppressed();
    if (!sums_.empty()) TellLater();
  });
}

void RecordReporter::TellSuppressed() {
  while (!sums_.empty() && queued() < bounds_.queue) {
    const Sum& sum = sums_.back();
    wire::GateRecord record;
    record.kind = wire::GateRecordKind::kSuppressed;
    record.kind2 = sum.kind;
    record.reason = sum.reason;
    record.rule = sum.rule;
    record.count = sum.count;
    record.id = NewId();
    record.at_ns = static_cast<std::uint64_t>(clock_.Boot().count());
    Push(record);
    sums_.pop_back();
  }
}

// A beat is worth nothing later; what ends the run's account always finds room.
void RecordReporter::Push(const wire::GateRecord& record) {
  const bool last = record.kind == wire::GateRecordKind::kTotals || record.kind == wire::GateRecordKind::kFailing;
  if (queued() >= bounds_.queue && !last) {
    if (record.kind != wire::GateRecordKind::kBeat) ++lost_;
    return;
  }
  queue_.push_back(record);
}

void RecordReporter::Flush() {
  while (queued() != 0 && !broken_) {
    const std::size_t count = std::min(queued(), wire::kMaxRecordsPerPacket);
    const long sent = sys::Send(socket_, {reinterpret_cast<const std::uint8_t*>(queue_.data() + sent_),
                                          count * sizeof(wire::GateRecord)});
    if (sent == -EAGAIN || sent == -ENOBUFS) {
      DropSent();
      return WatchOutput(true);
    }
    if (sent < 0) {
      broken_ = true;
      return;
    }
    sent_ += count;
  }
  DropSent();
  WatchOutput(false);
}

// Costs nothing where all have left; else what waits moves to the front, and a burst's memory is given back.
void RecordReporter::DropSent() {
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(sent_));
  sent_ = 0;
  if (queue_.empty() && queue_.capacity() > kKept) {
    queue_.shrink_to_fit();
    queue_.reserve(wire::kMaxRecordsPerPacket);
  }
}

void RecordReporter::AddTo(wire::GateTotals* totals) const {
  totals->suppressed += suppressed_;
  totals->lost += lost_;
}

}  // namespace gate
