// SPDX-License-Identifier: Apache-2.0
// One pass over lines and checkpoints side by side: what is proven, whether the leaves keep the rules, what lies
// behind.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/sha256.h"
#include "event/merkle.h"
#include "evidence/seal.h"
#include "evidence/verify/checkpoint_file.h"
#include "evidence/verify/frame_reader.h"
#include "evidence/verify/leaf_zero.h"
#include "evidence/verify/log_checker.h"
#include "evidence/verify/run_files.h"

namespace evidence {

struct WalkInputs {
  const FileView* events = nullptr;  // none is owned
  const FileView* checkpoints = nullptr;
  const FileView* frames = nullptr;  // may be null
  const LeafZero* zero = nullptr;
  TornNote torn_note = TornNote::kForbidden;
  FrameEnd frame_end = FrameEnd::kComplete;
  bool digest_events = false;  // whether events_digest is wanted
  // Called for every proven leaf that keeps the rules, in order; its error counts as one of the leaves.
  std::function<base::Result<>(std::uint64_t index, const LeafFacts& facts, const JcsScanner& leaf)> on_leaf;
};

// The first fault of each kind, so that they can be told in the order of evidence.md §8.
struct LogWalk {
  std::optional<base::Error> checkpoint_fault, root_fault, leaf_fault, frame_fault;
  std::optional<Checkpoint> last;  // newest good checkpoint: what is proven
  std::uint64_t checkpoints = 0;
  std::string torn_note;  // told, when one was ignored
  LogSummary summary;
  std::uint64_t proven_bytes = 0;  // of events.jsonl
  Tail tail;
  crypto::Digest events_digest{};  // of the whole file; set when wanted and there was no fault
  std::uint64_t frames_found = 0, frames_missing = 0;

  std::uint64_t proven() const { return last ? last->size : 0; }
};

// Faults of the evidence are in the result; the error is for files that can't be read.
base::Result<LogWalk> WalkLog(const WalkInputs& inputs);

}  // namespace evidence
