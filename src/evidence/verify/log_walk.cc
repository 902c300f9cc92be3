// SPDX-License-Identifier: Apache-2.0
// The pass over lines and checkpoints.
#include "evidence/verify/log_walk.h"

#include <fmt/format.h>

#include "event/run_log.h"
#include "evidence/verify/claimed_frame.h"
#include "evidence/verify/root_checker.h"

namespace evidence {
namespace {

// A log from this size on is hashed on a second thread.
constexpr std::uint64_t kThreadFrom = 1u << 20;

base::Error Invalid(std::string message) { return {base::ErrorKind::kInvalid, std::move(message)}; }

// True when the error speaks of the evidence, false when something could not be read.
bool IsFault(const base::Error& error) {
  return error.kind == base::ErrorKind::kInvalid || error.kind == base::ErrorKind::kLimit;
}

class Walker {
 public:
  explicit Walker(const WalkInputs& inputs)
      : inputs_(inputs),
        lines_(*inputs.events, event::kMaxLeafBytes, inputs.digest_events ? &whole_ : nullptr),
        checkpoints_(*inputs.checkpoints, inputs.zero->run_key, inputs.torn_note),
        frames_(inputs.frames, inputs.frame_end),
        checker_(inputs.zero->run_id),
        tree_(inputs.events->size() >= kThreadFrom ? RootChecker::Mode::kThread : RootChecker::Mode::kInline) {}

  base::Result<LogWalk> Run() {
    while (!walk_.checkpoint_fault) {
      auto next = checkpoints_.Next();
      if (!next) {
        TRY(Keep(walk_.checkpoint_fault, std::move(next).error()));
      } else if (!*next) {
        break;
      } else {
        TRY(Reach(*std::move(*next)));
      }
    }
    // A root that differs comes before what is missing behind it.
    if (auto fault = tree_.Finish()) walk_.root_fault = Invalid(*std::move(fault));
    walk_.torn_note = checkpoints_.torn();
    if (Faultless()) {
      if (const auto done = frames_.Finish(tree_.size()); !done) TRY(Keep(walk_.frame_fault, done.error()));
      TRY(ReadTail());
      walk_.events_digest = whole_.Finish();
    }
    walk_.summary = checker_.summary();
    walk_.frames_found = frames_.found();
    walk_.frames_missing = frames_.missing();
    return std::move(walk_);
  }

 private:
  bool Faultless() const {
    return !walk_.checkpoint_fault && !walk_.root_fault && !walk_.leaf_fault && !walk_.frame_fault;
  }

  // Keeps the first fault of a kind; an error of reading is passed on.
  base::Result<> Keep(std::optional<base::Error>& slot, base::Error error) {
    if (!IsFault(error)) return std::unexpected(std::move(error));
    if (!slot) slot = std::move(error);
    return {};
  }

  // Reads the lines up to the checkpoint's size and has the root compared. After a fault of the root only checkpoints
  // are looked at any more: theirs would come first.
  base::Result<> Reach(Checkpoint checkpoint) {
    ++walk_.checkpoints;
    while (tree_.size() < checkpoint.size && !walk_.root_fault) {
      const auto line = TRY(lines_.Next());
      if (!line || !line->ended) {
        walk_.root_fault =
            Invalid(fmt::format("events.jsonl, line {} is missing or has no LF, but a checkpoint of size {} covers it",
                                tree_.size(), checkpoint.size));
      } else {
        TRY(TakeLeaf(*line));
      }
    }
    if (walk_.root_fault) return {};
    tree_.Expect(checkpoint);
    walk_.last = std::move(checkpoint);
    return {};
  }

  base::Result<> TakeLeaf(const Line& line) {
    const std::uint64_t index = tree_.size();
    walk_.proven_bytes += line.bytes;
    if (line.too_long) {
      // Its hash can't be made in bounded memory, and no leaf is so long.
      walk_.root_fault = Invalid(fmt::format("events.jsonl, line {} has {} bytes; a leaf has at most {}", index,
                                             line.bytes - 1, event::kMaxLeafBytes));
      return {};
    }
    tree_.Append(line.text);
    if (walk_.leaf_fault) return {};
    const auto facts = checker_.Check(index, line.text);
    if (!facts) return Keep(walk_.leaf_fault, AtLeaf(index, facts.error()));
    if (inputs_.on_leaf) {
      if (const auto done = inputs_.on_leaf(index, *facts, checker_.leaf()); !done) {
        return Keep(walk_.leaf_fault, AtLeaf(index, done.error()));
      }
    }
    if (facts->lane == event::Lane::kClaimed && !walk_.frame_fault) {
      if (const auto framed = TakeFrame(index, *facts); !framed) return Keep(walk_.frame_fault, framed.error());
    }
    return {};
  }

  base::Result<> TakeFrame(std::uint64_t index, const LeafFacts& facts) {
    const std::string_view frame = TRY(frames_.Expect(index, facts.frame_sha256));
    if (frame.empty()) return {};
    if (auto said = CheckClaimAgainstFrame(facts, checker_.leaf(), frame); !said) {
      return std::unexpected(std::move(said).error().With(fmt::format("frames: the frame of leaf {}", index)));
    }
    return {};
  }

  static base::Error AtLeaf(std::uint64_t index, const base::Error& error) {
    return base::Error(error).With(fmt::format("events.jsonl, leaf {}", index));
  }

  base::Result<> ReadTail() {
    while (const auto line = TRY(lines_.Next())) {
      walk_.tail.lines += line->ended ? 1 : 0;
      walk_.tail.bytes += line->bytes;
      walk_.tail.torn = !line->ended;
    }
    return {};
  }

  const WalkInputs& inputs_;
  crypto::Sha256 whole_;
  LineReader lines_;
  CheckpointFile checkpoints_;
  FrameReader frames_;
  LogChecker checker_;
  RootChecker tree_;
  LogWalk walk_;
};

}  // namespace

base::Result<LogWalk> WalkLog(const WalkInputs& inputs) { return Walker(inputs).Run(); }

}  // namespace evidence
