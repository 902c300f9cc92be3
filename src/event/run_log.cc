// SPDX-License-Identifier: Apache-2.0
// The append-only log of one run.
#include "event/run_log.h"

#include <algorithm>

#include "crypto/random.h"
#include "crypto/vkey.h"
#include "event/checkpoint_text.h"
#include "event/leaf_rules.h"
#include "event/leaf_tree.h"
#include "event/leaf_writer.h"
#include "event/log_file.h"
#include "event/note.h"
#include "event/recent_ids.h"
#include "event/sink_feed.h"
#include "event/space_reserve.h"
#include "sys/file.h"

namespace event {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kCheckpointEvents = 256;
constexpr milliseconds kCheckpointInterval{250};
constexpr milliseconds kCheckpointHurry{10};
constexpr milliseconds kGatherFor{1};
constexpr std::size_t kGatherBytes = 64u << 10;
// Of the reserve: what the last events and the last notes may need; the rest is the seal's.
constexpr std::size_t kNotesReserve = 16u << 10;

}  // namespace

struct RunLog::State {
  State(Options given, crypto::SigningKey run_key, LogFile lines, LogFile notes)
      : options(std::move(given)), key(std::move(run_key)), events(std::move(lines)), checkpoints(std::move(notes)) {}

  Options options;
  crypto::SigningKey key;
  LogFile events;
  LogFile checkpoints;
  SpaceReserve reserve;
  base::UniqueFd directory;
  bool directory_synced = false;
  bool reserved = false;  // or no longer wanted
  bool closed = false;
  std::string vkey;

  LeafTree tree;
  std::array<Counters, kObserverCount> counters{};
  std::array<base::BootTime, kObserverCount> last_boot{};
  std::vector<Observer> unwritten;  // observers of the lines not yet in the kernel

  RecentIds ids;
  TimeText clock_text;
  std::string id, first_time, last_time;

  std::uint64_t covered = 0;              // leaves under the newest checkpoint
  base::BootTime first_uncovered{};       // when the oldest leaf above it came
  std::optional<base::BootTime> hurry;
  base::BootTime last_write{-kGatherFor};
  base::BootTime now{};                   // of this event, or of an earlier one where nothing follows from it
  std::string note;

  SinkFeed sinks;

  Counters& of(Observer observer) { return counters[static_cast<std::size_t>(observer)]; }
  void Count(Observer observer, bool delivered);
  void TakeBack();
  base::Result<> CheckOpen() const;
  void MakeId(const Draft& draft);
  base::Result<LeafIndex> Append(const Draft& draft);
  base::Result<> Flush();
  base::Result<> Checkpoint();
  base::Result<> SyncDirectory();
  base::Result<> Reserve();
};

// The observer's own figures, and those of `log`, which counts every event on its way to the disk.
void RunLog::State::Count(Observer observer, bool delivered) {
  for (Counters* figures : {&of(observer), &of(Observer::kLog)}) {
    ++figures->issued;
    ++(delivered ? figures->delivered : figures->dropped);
    if (observer == Observer::kLog) return;
  }
}

// The lines gathered so far are lost: they were counted as delivered.
void RunLog::State::TakeBack() {
  for (const Observer observer : unwritten) {
    for (Counters* figures : {&of(observer), &of(Observer::kLog)}) {
      --figures->delivered;
      ++figures->dropped;
      if (observer == Observer::kLog) break;
    }
  }
  unwritten.clear();
  sinks.Forget();
}

base::Result<> RunLog::State::CheckOpen() const {
  if (closed) return base::Fail(base::ErrorKind::kInternal, "the run log " + options.origin + " is closed");
  return {};
}

void RunLog::State::MakeId(const Draft& draft) {
  id.assign(draft.id_form == IdForm::kEventUrn ? "urn:cellos:event:" : "");
  if (draft.id.empty()) {
    crypto::AppendUuid(id);
  } else {
    id.append(draft.id);
  }
}

base::Result<LeafIndex> RunLog::State::Append(const Draft& draft) {
  const LeafIndex index = tree.size();
  base::BootTime seen = draft.observed_at.value_or(now);
  base::WallTime wall = draft.time ? *draft.time : options.clock->Wall();
  if (!draft.time && seen < now) wall -= std::chrono::duration_cast<milliseconds>(now - seen);
  base::BootTime& last = last_boot[static_cast<std::size_t>(draft.observer)];
  seen = std::max(seen, last);

  MakeId(draft);
  const std::string_view time = clock_text.Format(wall);
  WriteLeaf(tree.room(), draft, {.sequence = index, .boot = seen, .time = time, .id = id});
  if (const std::size_t size = tree.line().size(); size > kMaxLeafBytes) {
    tree.Drop();
    return base::Fail(base::ErrorKind::kLimit, "event " + std::string(draft.type) + " has " + std::to_string(size) +
                                                   " bytes, a leaf holds " + std::to_string(kMaxLeafBytes));
  }
  tree.room().push_back('\n');
  if (auto added = events.Add(tree.line()); !added) {
    tree.Drop();
    return std::unexpected(std::move(added).error());
  }
  unwritten.push_back(draft.observer);
  sinks.Owe(index, tree.line().substr(0, tree.line().size() - 1));
  tree.Keep();
  ids.Push(id);
  last = seen;
  last_time.assign(time);
  if (index == 0) first_time = last_time;
  if (index == covered) first_uncovered = now;
  return index;
}

base::Result<> RunLog::State::Flush() {
  if (auto flushed = events.Flush(); !flushed) {
    TakeBack();
    return flushed;
  }
  unwritten.clear();
  last_write = options.clock->Boot();
  if (options.durability == Durability::kGrouped) sinks.Tell();
  return {};
}

base::Result<> RunLog::State::SyncDirectory() {
  if (directory_synced) return {};
  TRY(sys::Fsync(directory.get()));
  directory_synced = true;
  return {};
}

base::Result<> RunLog::State::Reserve() {
  if (reserved) return {};
  const std::size_t notes = std::min(options.reserve_bytes / 4, kNotesReserve);
  const std::size_t lines = (options.reserve_bytes - notes) / 2;
  TRY_WITH("reserving space for the end of the log", events.Reserve(lines));
  TRY_WITH("reserving space for the end of the log", checkpoints.Reserve(notes));
  reserve = TRY_WITH("reserving space for the seal",
                     SpaceReserve::Create(directory.get(), options.reserve_bytes - notes - lines));
  reserved = true;
  return {};
}

base::Result<> RunLog::State::Checkpoint() {
  if (tree.size() == covered) return {};
  TRY(Reserve());
  TRY(Flush());
  TRY(events.Sync());
  TRY(SyncDirectory());
  std::string signed_note =
      SignNote(FormatCheckpointText(options.origin, tree.size(), tree.Root()), options.origin, key);
  TRY(checkpoints.Add(signed_note + "\n"));
  // A stranger who watches must be able to check what is told with --durable; otherwise the note's own sync may wait.
  const bool each = options.durability == Durability::kEachEvent;
  TRY(each ? checkpoints.Sync() : checkpoints.Flush());
  note = std::move(signed_note);
  covered = tree.size();
  hurry.reset();
  if (each) sinks.Tell();
  return {};
}

RunLog::RunLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunLog::RunLog(RunLog&&) noexcept = default;
RunLog& RunLog::operator=(RunLog&& other) noexcept {
  if (this != &other) {
    if (state_ && !state_->closed) static_cast<void>(Close());
    state_ = std::move(other.state_);
  }
  return *this;
}
RunLog::~RunLog() {
  if (state_ && !state_->closed) static_cast<void>(Close());
}

base::Result<RunLog> RunLog::Create(int directory, crypto::SigningKey run_key, Options options) {
  LogFile events = TRY_WITH("making the run log", LogFile::Create(directory, "events.jsonl"));
  LogFile checkpoints = TRY_WITH("making the run log", LogFile::Create(directory, "checkpoints"));
  auto state = std::make_unique<State>(std::move(options), std::move(run_key), std::move(events),
                                       std::move(checkpoints));
  state->directory = TRY(sys::Dup(directory));
  state->vkey =
      crypto::Vkey{state->options.origin, crypto::VkeyType::kEd25519, state->key.public_key()}.ToString();
  return RunLog(std::move(state));
}

void RunLog::AddSink(std::unique_ptr<Sink> sink) { state_->sinks.Add(std::move(sink)); }

base::Result<LeafIndex> RunLog::Append(const Draft& draft) {
  TRY(state_->CheckOpen());
  state_->now = state_->options.clock->Boot();
  const LeafIndex index = TRY(Accept(draft, CheckDraft(draft, state_->tree.size())));
  if (IsDenial(draft)) HurryCheckpoint();
  TRY(WriteIfDue());
  return index;
}

base::Result<LeafIndex> RunLog::Append(const GuestClaim& claim) {
  TRY(state_->CheckOpen());
  // A claim has its times. When the next checkpoint is due follows from the first event that none covers.
  if (state_->tree.size() == state_->covered) state_->now = state_->options.clock->Boot();
  const LeafIndex index = TRY(Accept(claim.draft(), {}));
  if (state_->events.unwritten() >= kGatherBytes) TRY(state_->Flush());
  TRY(CheckpointIfDue());
  return index;
}

base::Result<LeafIndex> RunLog::Accept(const Draft& draft, base::Result<> allowed) {
  auto index = allowed ? state_->Append(draft) : std::unexpected(std::move(allowed).error());
  state_->Count(draft.observer, index.has_value());
  return index;
}

base::Result<> RunLog::WriteIfDue() {
  if (state_->events.unwritten() >= kGatherBytes || state_->now - state_->last_write >= kGatherFor) {
    TRY(state_->Flush());
  }
  return CheckpointIfDue();
}

base::Result<> RunLog::CheckpointIfDue() {
  if (state_->tree.size() - state_->covered >= kCheckpointEvents) TRY(state_->Checkpoint());
  return {};
}

base::Result<> RunLog::Flush() {
  TRY(state_->CheckOpen());
  return state_->Flush();
}

base::Result<> RunLog::Checkpoint() {
  TRY(state_->CheckOpen());
  return state_->Checkpoint();
}

std::optional<base::BootTime> RunLog::CheckpointDue() const {
  if (state_->closed || state_->tree.size() == state_->covered) return std::nullopt;
  if (state_->options.durability == Durability::kEachEvent) return state_->first_uncovered;
  const base::BootTime due = state_->first_uncovered + kCheckpointInterval;
  return state_->hurry ? std::min(*state_->hurry, due) : due;
}

void RunLog::HurryCheckpoint() {
  const base::BootTime due = state_->options.clock->Boot() + kCheckpointHurry;
  state_->hurry = state_->hurry ? std::min(*state_->hurry, due) : due;
}

LeafIndex RunLog::size() const { return state_->tree.size(); }
crypto::Digest RunLog::Root() const { return state_->tree.Root(); }
const std::string& RunLog::origin() const { return state_->options.origin; }
const std::string& RunLog::run_vkey() const { return state_->vkey; }
const std::string& RunLog::last_note() const { return state_->note; }
Counters RunLog::CountersOf(Observer observer) const { return state_->of(observer); }

void RunLog::CountDropped(Observer observer, std::uint64_t count) {
  state_->of(observer).issued += count;
  state_->of(observer).dropped += count;
}

void RunLog::CountUnknown(Observer observer, std::uint64_t count) {
  state_->of(observer).issued += count;
  state_->of(observer).unknown += count;
}

std::vector<RunLog::SinkCounters> RunLog::SinkCountersNow() const {
  std::vector<SinkCounters> all;
  const std::uint64_t issued = state_->tree.size();
  for (const SinkFeed::Tally& tally : state_->sinks.Tallies()) {
    all.push_back({tally.name, {.issued = issued,
                                .delivered = tally.delivered,
                                .dropped = tally.dropped,
                                .unknown = issued - tally.delivered - tally.dropped}});
  }
  return all;
}

std::vector<std::string> RunLog::TakeSinkErrors() { return state_->sinks.TakeErrors(); }
std::string RunLog::IdOf(LeafIndex index) const { return state_->ids.Of(index); }
const std::string& RunLog::first_time() const { return state_->first_time; }
const std::string& RunLog::last_time() const { return state_->last_time; }

base::Result<> RunLog::Reserve() {
  TRY(state_->CheckOpen());
  return state_->Reserve();
}

void RunLog::ReleaseReserve() {
  state_->reserved = true;
  state_->events.ReleaseReserve();
  state_->checkpoints.ReleaseReserve();
  state_->reserve.Release();
}

base::Result<> RunLog::Close() {
  TRY(state_->CheckOpen());
  state_->key.Wipe();
  auto flushed = state_->Flush();
  // With kEachEvent what no checkpoint covers is not told.
  state_->sinks.Forget();
  state_->sinks.Flush();
  state_->closed = true;
  auto closed = state_->events.Close();
  auto notes = state_->checkpoints.Sync();
  auto closed_notes = state_->checkpoints.Close();
  state_->reserve.Release();
  TRY(std::move(flushed));
  TRY(std::move(closed));
  TRY(std::move(notes));
  return closed_notes;
}

}  // namespace event
