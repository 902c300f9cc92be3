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
    std::size_t reserve_bytes = 1u << 20;  // set aside on disk so that closing and the seal always fit
  };

  // `directory` is the open run directory. Takes the run key; it is wiped by Close or the destructor.
  static base::Result<RunLog> Create(int directory, crypto::SigningKey run_key, Options options);
  RunLog(RunLog&&) noexcept;
  RunLog& operator=(RunLog&&) noexcept;
  ~RunLog();

  // Sinks are fed after the log, in the order added; their failures are counted and never fail the log.
  void AddSink(std::unique_ptr<Sink> sink);

  // Writes one event. Counts it as issued and delivered for its observer, or issued and dropped when the disk refuses
  // it (the error is returned; the caller decides, normally evidence_failed). A draft over kMaxLeafBytes is kLimit.
  base::Result<LeafIndex> Append(const Draft& draft);

  // Signs and writes a checkpoint over everything appended, after fdatasync of the lines. No-op when nothing is new.
  base::Result<> Checkpoint();
  // When the next checkpoint is due by the 256-event, 250 ms and 10-ms-after-a-denial rules; nullopt when nothing is new.
  std::optional<base::BootTime> CheckpointDue() const;
  // Asks for a checkpoint within 10 ms: call after a denial was appended.
  void HurryCheckpoint();

  LeafIndex size() const;
  crypto::Digest Root() const;
  const std::string& origin() const;
  const std::string& run_vkey() const;
  // The newest checkpoint note, whole; empty before the first.
  const std::string& last_note() const;
  // Counters of `observer` up to now.
  Counters CountersOf(Observer observer) const;
  // Losses learnt elsewhere (a queue in front of the log).
  void CountDropped(Observer observer, std::uint64_t count);
  // {source, counters} of every sink, counted up to the newest leaf.
  struct SinkCounters {
    std::string name;
    Counters counters;
  };
  std::vector<SinkCounters> SinkCountersNow() const;
  // id and time (RFC 3339 text) of leaf `index` for those recent enough to be cited by others; see .cc for the table.
  std::string IdOf(LeafIndex index) const;
  const std::string& first_time() const;
  const std::string& last_time() const;

  // Gives back the reserved bytes; call right before appending `closing`.
  void ReleaseReserve();
  // Flushes sinks, wipes the run key, closes. Further calls are an error.
  base::Result<> Close();

 private:
  struct State;
  explicit RunLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace event
