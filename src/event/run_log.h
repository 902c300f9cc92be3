// SPDX-License-Identifier: Apache-2.0
// The append-only log of one run: canonical lines, Merkle tree, signed checkpoints, counters per observer, sinks.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "crypto/ed25519.h"
#include "crypto/sha256.h"
#include "event/draft.h"
#include "event/guest_claims.h"
#include "event/sink.h"

namespace event {

using LeafIndex = std::uint64_t;
inline constexpr std::size_t kMaxLeafBytes = 65536;

struct Counters {
  std::uint64_t issued = 0, delivered = 0, dropped = 0, unknown = 0;
};

enum class Durability : std::uint8_t {
  kGrouped,    // what is told is synced with the next checkpoint
  kEachEvent,  // --durable: an event is told to sinks only once it is under a synced checkpoint
};

// Files events.jsonl and checkpoints of a run directory, made with O_EXCL, 0600. Used by one thread.
class RunLog {
 public:
  struct Options {
    std::string origin;                    // "<deployment>/runs/<run id>"
    const base::Clock* clock = nullptr;    // not owned
    Durability durability = Durability::kGrouped;
    std::size_t reserve_bytes = 1u << 20;  // set aside on disk so that closing and the seal always fit; see Reserve
  };

  // `directory` is the open run directory. Takes the run key; it is wiped by Close or the destructor.
  static base::Result<RunLog> Create(int directory, crypto::SigningKey run_key, Options options);
  RunLog(RunLog&&) noexcept;
  RunLog& operator=(RunLog&&) noexcept;
  ~RunLog();

  // Sinks are fed after the log, in the order added; their failures are counted and never fail the log.
  void AddSink(std::unique_ptr<Sink> sink);

  // Accepts one event. Counts it as issued and delivered for its observer, or issued and dropped when the disk refuses
  // it (the error is returned, ENOSPC in os_errno; the caller decides, normally evidence_failed). A draft over
  // kMaxLeafBytes is kLimit, one whose observer may not say that is kInvalid (evidence.md §2: lanes).
  // The line is in the kernel on return unless another was written within the last millisecond; then it follows with
  // the next Append, Flush or Checkpoint. Every 256th event since the last checkpoint makes one.
  base::Result<LeafIndex> Append(const Draft& draft);

  // The same for a claim that was made right. Claims come by the packet: the line follows when 64 KiB wait, or with the
  // next Append of a draft that writes, Flush or Checkpoint.
  base::Result<LeafIndex> Append(const GuestClaim& claim);

  // Hands every accepted line to the kernel, then feeds the sinks. Call it before waiting for the next event.
  base::Result<> Flush();

  // Signs and writes a checkpoint over everything appended, after fdatasync of the lines. No-op when nothing is new.
  base::Result<> Checkpoint();
  // When the next checkpoint is due by the 256-event, 250 ms and 10-ms-after-a-denial rules; nullopt when nothing is new.
  std::optional<base::BootTime> CheckpointDue() const;
  // Asks for a checkpoint within 10 ms. Append does it after an event that tells of a denial.
  void HurryCheckpoint();

  LeafIndex size() const;
  crypto::Digest Root() const;
  const std::string& origin() const;
  const std::string& run_vkey() const;
  // The newest checkpoint note, whole; empty before the first.
  const std::string& last_note() const;
  // Counters of `observer` up to now.
  Counters CountersOf(Observer observer) const;
  // Losses learnt elsewhere (a queue in front of the log): events that were issued and never came.
  void CountDropped(Observer observer, std::uint64_t count);
  // Events of which nobody can say what became of them.
  void CountUnknown(Observer observer, std::uint64_t count);
  // {source, counters} of every sink, counted up to the newest leaf. What a sink was not given yet is `unknown`, so call
  // Flush before (with kEachEvent: Checkpoint).
  struct SinkCounters {
    std::string name;
    Counters counters;
  };
  std::vector<SinkCounters> SinkCountersNow() const;
  // First failure of each sink since the last call, for the user to read: "jsonl: …".
  std::vector<std::string> TakeSinkErrors();
  // The id of leaf `index`: kept for the first 512 and the last 1,024 leaves, empty for others.
  std::string IdOf(LeafIndex index) const;
  const std::string& first_time() const;
  const std::string& last_time() const;

  // Sets the reserve aside; an error when the disk has no room for it. The first Checkpoint does it if nobody has: call it
  // where there is time, while the cell is being set up (it costs about 0.2 ms on tmpfs).
  base::Result<> Reserve();
  // Gives back the reserved bytes; call right before what ends the log (coverage_closed, closing).
  void ReleaseReserve();
  // Wipes the run key, flushes log and sinks, closes. Makes no checkpoint. Further calls are an error.
  base::Result<> Close();

 private:
  struct State;
  base::Result<LeafIndex> Accept(const Draft& draft, base::Result<> allowed);
  base::Result<> WriteIfDue();
  base::Result<> CheckpointIfDue();
  explicit RunLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace event
