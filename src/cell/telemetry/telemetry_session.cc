// SPDX-License-Identifier: Apache-2.0
// Packets of the gate, entry by entry.
#include "cell/telemetry/telemetry_session.h"

#include <errno.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "crypto/sha256_many.h"
#include "event/guest_events.h"
#include "event/json_object.h"
#include "sys/inet.h"
#include "sys/poll.h"
#include "sys/socket.h"
#include "wire/agent_config.h"

namespace cell {
namespace {

using std::chrono::milliseconds;
using wire::ProbeSource;

constexpr int kPacketsAtOnce = 32;
constexpr std::size_t kEntriesAtOnce = 16;
constexpr int kSocketBytes = 1 << 20;
constexpr milliseconds kToldAtMostEvery{1000};
// For the witness to end by itself, what init gives it included.
constexpr milliseconds kEndLimit{wire::kAgentFlushMs + 1000};
constexpr std::uint64_t kSlackSeconds = 3;  // of budget, at once: what an honest gate saves up, and a clock apart
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

base::Error AtTelemetry(base::Error error) {
  if (error.step.empty()) error.step = "telemetry";
  return error;
}

std::uint64_t RefusedOf(const wire::TelemetryCounts& counts) {
  std::uint64_t sum = 0;
  for (const std::uint64_t refused : counts.refused) sum += refused;
  return sum;
}

// Whether nothing in `now` is less than in `before`; every member is a count.
bool NoneFell(const wire::TelemetryCounts& before, const wire::TelemetryCounts& now) {
  constexpr std::size_t kCounts = sizeof now / sizeof(std::uint64_t);
  std::uint64_t a[kCounts], b[kCounts];
  std::memcpy(a, &before, sizeof a);
  std::memcpy(b, &now, sizeof b);
  for (std::size_t i = 0; i < kCounts; ++i) {
    if (b[i] < a[i]) return false;
  }
  return true;
}

base::BootTime At(std::uint64_t ns) { return base::BootTime(static_cast<std::int64_t>(ns)); }

std::string_view CommOf(const wire::TelemetryEntry& entry) { return {entry.head.comm, entry.head.comm_size}; }
std::string_view FrameOf(const wire::TelemetryEntry& entry) {
  return {reinterpret_cast<const char*>(entry.frame), entry.head.frame_bytes};
}

}  // namespace

TelemetrySession::TelemetrySession(const Options& options)
    : o_(options),
      writer_(options.recorder->cell(), options.spec_hash),
      buffer_(wire::kMaxTelemetryBatchBytes + 8),
      created_at_(options.clock->Boot()) {}

base::Result<std::unique_ptr<TelemetrySession>> TelemetrySession::Create(const Options& options) {
  std::unique_ptr<TelemetrySession> session(new TelemetrySession(options));
  const auto make = [&]() -> base::Result<> {
    std::tie(session->agent_end_, session->gate_stream_) = TRY(sys::SocketPair(SOCK_STREAM));
    std::tie(session->frames_, session->gate_frames_) = TRY(sys::SocketPair(SOCK_SEQPACKET));
    // As much as the machine lets us: a packet must fit, and a burst must not wait for the supervisor's next turn (a log
    // that is synced to a slow disk) nor overflow the witness's queue.
    for (const int end : {session->agent_end_.get(), session->frames_.get(), session->gate_frames_.get()}) {
      (void)::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof kSocketBytes);
    }
    session->file_.emplace(TRY(FramesFile::Create(options.run_directory)));
    return {};
  };
  if (auto made = make(); !made) return std::unexpected(AtTelemetry(std::move(made).error()));
  return session;
}

void TelemetrySession::CloseGateEnds() {
  gate_stream_.Reset();
  gate_frames_.Reset();
}

void TelemetrySession::Arm(const SecretTraces& traces, event::LeafIndex controls) {
  traces_ = &traces;
  controls_ = controls;
  silence_.emplace(o_.plan->keepalive_window, o_.clock->Boot());
}

std::optional<std::string> TelemetrySession::Read() {
  more_ = false;
  for (int packets = 0; packets < kPacketsAtOnce && !final_; ++packets) {
    const long got = sys::Receive(frames_.get(), buffer_);
    if (got == -EAGAIN) return std::nullopt;
    if (got <= 0) return "its telemetry ended";
    if (auto why = TakePacket(static_cast<std::size_t>(got))) return why;
  }
  more_ = !final_;
  return std::nullopt;
}

std::optional<std::string> TelemetrySession::TakePacket(std::size_t size) {
  wire::TelemetryBatchHeader header;
  const auto fault = wire::DecodeTelemetryBatch(buffer_.data(), size, &header);
  if (fault != wire::TelemetryBatchFault::kNone) {
    return fmt::format("it sent telemetry that no honest one sends (fault {})", static_cast<int>(fault));
  }
  at_ns_ = static_cast<std::uint64_t>(o_.clock->Boot().count());
  wall_ = o_.clock->Wall();
  if (const char* why = WhyDishonest(header)) return fmt::format("it sent telemetry that no honest one sends: {}", why);
  TakeEntries(header.entries);
  (void)file_->Flush();
  TakeHeader(header);
  return std::nullopt;
}

// Some at a time: their frames are hashed together.
void TelemetrySession::TakeEntries(std::uint32_t count) {
  std::array<wire::TelemetryEntry, kEntriesAtOnce> entries;
  std::array<base::ByteSpan, kEntriesAtOnce> frames;
  std::array<crypto::Digest, kEntriesAtOnce> digests;
  std::size_t offset = sizeof(wire::TelemetryBatchHeader);
  while (count > 0) {
    const std::size_t some = std::min<std::size_t>(count, kEntriesAtOnce);
    for (std::size_t i = 0; i < some; ++i) {
      entries[i] = wire::NextTelemetryEntry(buffer_.data(), &offset);
      frames[i] = {entries[i].frame, entries[i].head.frame_bytes};
    }
    crypto::Sha256Many({}, {frames.data(), some}, digests.data());
    // What the evidence can't take is counted and is the recorder's failure, which ends the run by itself.
    for (std::size_t i = 0; i < some; ++i) (void)TakeEntry(entries[i], digests[i]);
    count -= static_cast<std::uint32_t>(some);
  }
}

const char* TelemetrySession::WhyDishonest(const wire::TelemetryBatchHeader& header) const {
  const auto created = static_cast<std::uint64_t>(created_at_.count());
  if (header.at_ns > at_ns_ || header.at_ns < std::max(last_.at_ns, created)) return "its time";
  if (header.alive_at_ns != 0 && header.alive_at_ns < std::max(last_.alive_at_ns, created)) return "the time of a frame";
  if (!NoneFell(last_.counts, header.counts)) return "a count fell";
  if (header.counts.accepted - last_.counts.accepted != header.entries) return "entries that it did not count";
  const std::uint64_t ran = (at_ns_ - created) / kNsPerSecond + kSlackSeconds;
  if (header.counts.accepted > ran * o_.plan->frames_per_second) return "more frames than it may let through";
  if ((header.flags & wire::kTelemetryFinal) != 0 && !awaited_) return "that nothing follows, before it was told to stop";
  return nullptr;
}

void TelemetrySession::TakeHeader(const wire::TelemetryBatchHeader& header) {
  const base::BootTime at = At(header.at_ns);
  if (header.counts.torn > last_.counts.torn || (header.flags & wire::kTelemetryBroken) != 0) {
    o_.recorder->NoteHole(event::Observer::kAgent, at, at, "the stream ended inside a frame or lost its alignment");
  }
  last_ = header;
  ended_ = ended_ || (header.flags & wire::kTelemetryEnded) != 0;
  final_ = (header.flags & wire::kTelemetryFinal) != 0;
  if (!silence_ || header.alive_at_ns == 0) return;
  const base::BootTime quiet_since = silence_->alive_at();
  const base::BootTime alive = At(header.alive_at_ns);
  const auto was_silent = silence_->Heard(alive);
  if (!was_silent) return;
  o_.recorder->NoteHole(event::Observer::kAgent, quiet_since, alive, "the witness in the cell was silent");
  o_.recorder->TryEmit(event::AgentReturnedEvent(
      o_.recorder->cell(), {.window_ms = static_cast<std::uint64_t>(o_.plan->keepalive_window.count()),
                            .elapsed_ms = static_cast<std::uint64_t>(was_silent->count()),
                            .received_at = o_.clock->Wall(),
                            .spec_signature_hash = o_.spec_hash}));
}

base::Result<> TelemetrySession::TakeEntry(const wire::TelemetryEntry& entry, const crypto::Digest& digest) {
  const ProbeSource source = entry.head.source;
  // The cause of a process's end belongs to its end.
  const ProbeSource declared = source == ProbeSource::kAgentExitStatus ? ProbeSource::kProcessExited : source;
  if ((o_.plan->sources & wire::SourceBit(declared)) == 0) {
    TellUndeclared(source);
    return {};
  }
  const milliseconds ago(static_cast<std::int64_t>((at_ns_ - entry.head.at_ns) / 1'000'000));
  event::GuestClaimWriter::Frame frame{.pid = entry.head.guest_pid,
                                       .comm = CommOf(entry),
                                       .monotonic_ns = entry.head.guest_monotonic_ns,
                                       .received_at = wall_ - ago,
                                       .seen_at = std::max(At(entry.head.at_ns), created_at_),
                                       .sha256 = digest};
  if (traces_ != nullptr && !traces_->empty()) {
    const std::string masked = traces_->Mask(frame.comm);
    if (masked != frame.comm) return RecordMasked(entry, frame, masked);
  }
  return Record(entry, frame, FrameOf(entry));
}

// A secret in a name stands in no file of the run: the frame is kept with the name as it is told.
base::Result<> TelemetrySession::RecordMasked(const wire::TelemetryEntry& entry, event::GuestClaimWriter::Frame frame,
                                              std::string_view name) {
  frame.comm = event::CutUtf8(name, wire::kMaxGuestComm);
  frame.name_masked = true;
  std::uint8_t bytes[wire::kMaxEmittedFrame];
  const std::size_t size = wire::EncodeTelemetryFrame(
      entry.head.source, frame.pid, {reinterpret_cast<const std::uint8_t*>(frame.comm.data()), frame.comm.size()},
      frame.monotonic_ns, bytes, sizeof bytes);
  const std::string_view kept(reinterpret_cast<const char*>(bytes), size);
  frame.sha256 = crypto::Sha256Of(kept);
  return Record(entry, frame, kept);
}

base::Result<> TelemetrySession::Record(const wire::TelemetryEntry& entry,
                                        const event::GuestClaimWriter::Frame& frame, std::string_view kept) {
  const char* source = wire::ProbeSourceText(entry.head.source);
  base::Result<const event::GuestClaim*> made = nullptr;
  if (entry.head.source == ProbeSource::kAgentExitStatus) {
    const bool killed = (frame.monotonic_ns & wire::kExitBySignal) != 0;
    made = writer_.ExitStatus(source, frame, killed ? event::ExitKind::kSignal : event::ExitKind::kExited,
                              static_cast<std::uint32_t>(frame.monotonic_ns));
  } else {
    made = writer_.Declaration(source, frame);
  }
  if (!made) return o_.recorder->Fail(event::Observer::kAgent, std::move(made).error());
  if (auto added = file_->Add(o_.recorder->log().size(), kept); !added) {
    return o_.recorder->Fail(event::Observer::kAgent, std::move(added).error());
  }
  auto told = o_.recorder->Emit(**made);
  if (told) return {};
  (void)file_->TakeBackLast();
  return std::unexpected(std::move(told).error());
}

void TelemetrySession::TellUndeclared(ProbeSource source) {
  if (undeclared_[static_cast<std::size_t>(source)]++ > 0 || !controls_) return;
  o_.recorder->Find(event::Verdict::kContradiction, "telemetry.undeclared", {*controls_},
                    fmt::format("the witness in the cell told of {}, which the document does not declare",
                                wire::ProbeSourceText(source)));
}

void TelemetrySession::Tick() {
  if (closed_) return;
  const base::BootTime now = o_.clock->Boot();
  if (Lost() != told_lost_ && now - lost_told_at_ >= kToldAtMostEvery) TellDropped();
  if (!silence_ || more_ || dead_) return;
  const auto elapsed = silence_->Judge(now);
  if (!elapsed) return;
  if (!std::exchange(told_silence_, true)) {
    o_.recorder->TryEmit(event::AgentSilencedEvent(
        o_.recorder->cell(), {.window_ms = static_cast<std::uint64_t>(o_.plan->keepalive_window.count()),
                              .elapsed_ms = static_cast<std::uint64_t>(elapsed->count()),
                              .received_at = o_.clock->Wall(),
                              .spec_signature_hash = o_.spec_hash}));
  }
  if (o_.plan->fail_cell && !failure_) {
    failure_ = fmt::format("the witness in the cell said nothing for {} ms", elapsed->count());
  }
}

base::BootTime TelemetrySession::Deadline() const {
  if (closed_) return base::BootTime::max();
  if (more_) return base::BootTime{0};
  base::BootTime until = silence_ && !dead_ ? silence_->due() : base::BootTime::max();
  if (Lost() != told_lost_) until = std::min(until, lost_told_at_ + kToldAtMostEvery);
  return until;
}

void TelemetrySession::OnAgentFailed(const sandbox::CellEvent& event) {
  if (std::exchange(dead_, true) || closed_) return;
  const base::BootTime now = o_.clock->Boot();
  const base::BootTime since = silence_ ? std::min(silence_->alive_at(), now) : now;
  const std::string why = event.hung               ? "the witness in the cell hangs"
                          : event.end.signal != 0 ? fmt::format("the witness in the cell was killed by signal {}", event.end.signal)
                                                  : fmt::format("the witness in the cell ended with status {}", event.end.exit_code);
  o_.recorder->NoteHole(event::Observer::kAgent, since, now, why);
  failure_ = why;
  if (std::exchange(told_silence_, true)) return;
  // Init needs no window to know of a death, and a shorter one for a witness that hangs.
  const std::uint64_t window = event.hung ? wire::kAgentHangMs : 0;
  const auto elapsed = static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(now - since).count());
  o_.recorder->TryEmit(event::AgentSilencedEvent(o_.recorder->cell(), {.window_ms = window,
                                                                       .elapsed_ms = std::max(elapsed, window),
                                                                       .received_at = o_.clock->Wall(),
                                                                       .spec_signature_hash = o_.spec_hash}));
}

void TelemetrySession::OnGateFailed(const std::string& why) {
  if (std::exchange(broken_, true)) return;
  o_.recorder->NoteHole(event::Observer::kAgent, std::max(At(last_.at_ns), created_at_), o_.clock->Boot(), why);
}

void TelemetrySession::AwaitEnd(bool killed) {
  if (silence_) AwaitWitness(killed);  // else nothing ran
  awaited_ = true;
}

void TelemetrySession::AwaitWitness(bool killed) {
  const base::BootTime until = o_.clock->Boot() + kEndLimit;
  pollfd wait = {frames_.get(), POLLIN, 0};
  while (!ended_ && !broken_) {
    const auto left = std::chrono::ceil<milliseconds>(until - o_.clock->Boot());
    if (left <= milliseconds(0)) break;
    (void)o_.recorder->log().Flush();  // a failure is told by whoever writes next
    if (!more_) (void)sys::Poll({&wait, 1}, left);
    if (auto why = Read()) OnGateFailed("cellos-gate: " + *why);
  }
  if ((!ended_ || killed) && !broken_ && !dead_ && !silence_->silent()) {
    const base::BootTime now = o_.clock->Boot();
    o_.recorder->NoteHole(event::Observer::kAgent, std::min(silence_->alive_at(), now), now,
                          killed ? "the witness was killed with the cell: what it had yet to tell is missing"
                                 : "the witness in the cell did not end with the workload");
  }
}

std::uint64_t TelemetrySession::Lost() const {
  std::uint64_t lost = last_.counts.agent_dropped + last_.counts.over_rate + RefusedOf(last_.counts);
  for (const std::uint64_t undeclared : undeclared_) lost += undeclared;
  return lost;
}

void TelemetrySession::TellDropped() {
  told_lost_ = Lost();
  lost_told_at_ = o_.clock->Boot();
  const wire::TelemetryCounts& counts = last_.counts;
  event::TelemetryDropped dropped{.dropped_by_agent = counts.agent_dropped,
                                  .read = counts.read,
                                  .accepted = counts.accepted,
                                  .heartbeats = counts.heartbeats,
                                  .over_rate = counts.over_rate,
                                  .refused = {},
                                  .received_at = o_.clock->Wall(),
                                  .spec_signature_hash = o_.spec_hash};
  for (std::size_t i = 0; i < wire::kHostFrameFaults; ++i) {
    if (counts.refused[i] == 0) continue;
    dropped.refused[wire::HostFrameFaultText(static_cast<wire::HostFrameFault>(i))] = counts.refused[i];
  }
  std::uint64_t undeclared = 0;
  for (const std::uint64_t each : undeclared_) undeclared += each;
  if (undeclared != 0) dropped.refused["undeclared"] = undeclared;
  dropped.accepted -= undeclared;
  o_.recorder->TryEmit(event::TelemetryDroppedEvent(o_.recorder->cell(), dropped));
}

void TelemetrySession::Close() {
  if (std::exchange(closed_, true)) return;
  frames_.Reset();
  if (Lost() != told_lost_) TellDropped();
  if (Lost() != 0) o_.recorder->log().CountDropped(event::Observer::kAgent, Lost());
  // Of a stream that broke off nobody knows what else it would have said.
  if (last_.counts.torn != 0) o_.recorder->log().CountUnknown(event::Observer::kAgent, last_.counts.torn);
  if (silence_ && silence_->silent()) {
    o_.recorder->NoteHole(event::Observer::kAgent, silence_->alive_at(), o_.clock->Boot(),
                          "the witness in the cell was silent");
  }
  if (auto closed = file_->Close(); !closed) (void)o_.recorder->Fail(event::Observer::kAgent, std::move(closed).error());
}

}  // namespace cell
