// SPDX-License-Identifier: Apache-2.0
// Reading as long as the supervisor takes what was read.
#include "gate/telemetry/channel.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "sys/inet.h"

namespace gate {
namespace {

constexpr std::size_t kReadAtOnce = 64u << 10;
constexpr std::size_t kBytesARound = 256u << 10;  // then others have their turn
constexpr std::size_t kLastBytes = 8u << 20;      // of a witness that does not end when it should

}  // namespace

TelemetryChannel::TelemetryChannel(Loop& loop, const base::Clock& clock, const Options& options)
    : loop_(loop),
      clock_(clock),
      frames_(options.frames),
      receiver_(options.budget, options.ours),
      buffer_(kReadAtOnce) {}

base::Result<std::unique_ptr<TelemetryChannel>> TelemetryChannel::Create(Loop& loop, const base::Clock& clock,
                                                                         Options options) {
  std::unique_ptr<TelemetryChannel> made(new TelemetryChannel(loop, clock, options));
  TRY(loop.Watch(made->frames_, EPOLLIN, made.get()));
  if (options.stream) TRY(made->Begin(std::move(options.stream)));
  return made;
}

TelemetryChannel::~TelemetryChannel() {
  if (stream_watched_) loop_.Unwatch(stream_.get());
  if (!broken_) loop_.Unwatch(frames_);
}

base::Result<> TelemetryChannel::Begin(base::UniqueFd stream) {
  TRY(loop_.Watch(stream.get(), EPOLLIN, this));
  stream_watched_ = true;
  stream_ = std::move(stream);
  receiver_.Begin();
  return {};
}

// Closed, so that whoever writes on learns that nobody reads.
void TelemetryChannel::End(std::uint32_t flags) {
  if (std::exchange(stream_watched_, false)) loop_.Unwatch(stream_.get());
  stream_.Reset();
  rest_ = {};
  flags_ |= flags;
  unsent_ = true;
}

void TelemetryChannel::OnReady(int fd, std::uint32_t events) {
  if (fd == frames_) {
    if ((events & EPOLLOUT) != 0) full_ = false;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) TakePassed();
  }
  if (!stopping_) may_read_ = kBytesARound;
  Pump();
}

void TelemetryChannel::TakePassed() {
  while (!broken_) {
    std::uint8_t message[8];
    base::UniqueFd stream;
    const long got = sys::ReceiveWithDescriptors(frames_, message, {&stream, 1});
    if (got == -EAGAIN) return;
    if (got <= 0) {  // the supervisor is gone, or something that it is not
      broken_ = true;
      loop_.Unwatch(frames_);
      return End(0);
    }
    if (!stream || stopping_) continue;
    unsent_ = true;
    if (stream_) {
      receiver_.CountImpostor();
    } else if (sys::SetNonBlocking(stream.get())) {
      (void)Begin(std::move(stream));  // one that can't be watched is closed, and counts as never taken
    }
  }
}

void TelemetryChannel::Pump() {
  while (!broken_ && Digest() && Read()) {
  }
  if (!broken_ && !full_ && unsent_) Send();
  if (stopping_ && !unsent_) TellFinal();
  Rewatch();
}

// Takes what was read; false while the supervisor's socket is full.
bool TelemetryChannel::Digest() {
  while (!full_ && !rest_.empty()) {
    switch (receiver_.Take(rest_, read_at_, batch_)) {
      case TelemetryReceiver::Outcome::kTaken:
        break;
      case TelemetryReceiver::Outcome::kFull:
        if (!Send()) return false;
        break;
      case TelemetryReceiver::Outcome::kLost:
        End(wire::kTelemetryEnded | wire::kTelemetryBroken);
        break;
    }
  }
  return !full_;
}

// Reads once; false when there is nothing, or nothing more in this round.
bool TelemetryChannel::Read() {
  if (!stream_ || may_read_ == 0 || told_final_ || (flags_ & wire::kTelemetryFinal) != 0) return false;
  const long got = sys::Receive(stream_.get(), buffer_);
  if (got == -EAGAIN || got == -EINTR) return false;
  if (got <= 0) {
    receiver_.End();
    End(wire::kTelemetryEnded);
    return false;
  }
  read_at_ = clock_.Boot();
  rest_ = {buffer_.data(), static_cast<std::size_t>(got)};
  may_read_ -= std::min(may_read_, rest_.size());
  unsent_ = true;
  return true;
}

bool TelemetryChannel::Send() {
  wire::TelemetryBatchHeader header;
  header.flags = flags_;
  header.at_ns = static_cast<std::uint64_t>(clock_.Boot().count());
  header.alive_at_ns = static_cast<std::uint64_t>(receiver_.alive_at().count());
  header.counts = receiver_.counts();
  const long sent = sys::Send(frames_, batch_.Seal(header));
  if (sent == -EAGAIN || sent == -ENOBUFS) {
    full_ = true;
    return false;
  }
  if (sent < 0) {
    broken_ = true;
    loop_.Unwatch(frames_);
    return false;
  }
  batch_.Clear();
  told_final_ = (std::exchange(flags_, 0) & wire::kTelemetryFinal) != 0;
  unsent_ = false;
  return true;
}

void TelemetryChannel::Stop() {
  if (std::exchange(stopping_, true)) return;
  may_read_ = kLastBytes;
  Pump();
}

void TelemetryChannel::TellFinal() {
  if (told_final_ || full_ || broken_) return;
  flags_ |= wire::kTelemetryFinal;
  unsent_ = !Send();
}

void TelemetryChannel::Rewatch() {
  if (broken_) return;
  const bool reads = stream_ && !full_ && !told_final_;
  if (stream_ && reads != stream_watched_) {
    if (reads) {
      stream_watched_ = loop_.Watch(stream_.get(), EPOLLIN, this).has_value();
    } else {
      loop_.Unwatch(stream_.get());
      stream_watched_ = false;
    }
  }
  if (full_ == output_watched_) return;
  output_watched_ = full_;
  const std::uint32_t events = full_ ? std::uint32_t{EPOLLIN} | EPOLLOUT : std::uint32_t{EPOLLIN};
  if (!loop_.Watch(frames_, events, this)) broken_ = true;
}

}  // namespace gate
