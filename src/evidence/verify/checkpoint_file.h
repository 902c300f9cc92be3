// SPDX-License-Identifier: Apache-2.0
// The checkpoints of a run: one signed note after the other, each followed by a blank line (evidence.md §3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/sha256.h"
#include "crypto/vkey.h"
#include "evidence/verify/line_reader.h"

namespace evidence {

struct Checkpoint {
  std::uint64_t size = 0;
  crypto::Digest root{};
  std::string note;  // whole, without the blank line behind it
};

// What the last note may be.
enum class TornNote : std::uint8_t { kForbidden, kIgnored };

// Reads the notes one by one. Every note must be by `run_key` under its name, with three text lines, one signature line
// and a size above the one before; with kIgnored one last note whose form or signature fails ends the file and is told
// by torn().
class CheckpointFile {
 public:
  CheckpointFile(const FileView& file, const crypto::Vkey& run_key, TornNote torn);

  // The next good note; nullopt at the end. kInvalid names the note and, for a fork, prints both.
  base::Result<std::optional<Checkpoint>> Next();
  // Why the last note was ignored; empty when none was.
  const std::string& torn() const { return torn_; }
  // SHA-256 of the good notes read so far: the same in a second reading, or the file changed meanwhile.
  crypto::Digest DigestSoFar() const;

 private:
  struct RawNote;
  base::Result<std::optional<RawNote>> TakeNote();
  base::Result<std::optional<Checkpoint>> Judge(const RawNote& raw);
  base::Result<> CheckIsLast(const RawNote& raw, std::string_view fault);

  LineReader lines_;
  const crypto::Vkey& run_key_;
  const TornNote allow_torn_;
  std::uint64_t index_ = 0;
  std::optional<Checkpoint> previous_;
  std::string torn_;
  crypto::Sha256 digest_;
};

}  // namespace evidence
