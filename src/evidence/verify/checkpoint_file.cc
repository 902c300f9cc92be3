// SPDX-License-Identifier: Apache-2.0
// Reading of the checkpoints file.
#include "evidence/verify/checkpoint_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "event/checkpoint_text.h"
#include "event/note.h"

namespace evidence {
namespace {

// An origin comes from a leaf of at most 64 KiB and stands twice in a note.
constexpr std::size_t kMaxLine = 128 * 1024;
constexpr std::size_t kMaxNote = 256 * 1024;
constexpr std::string_view kDash = "\xe2\x80\x94 ";

std::unexpected<base::Error> Invalid(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, std::move(message));
}

// `text` as a checkpoint note by `key`: nullopt where form or signature fails, with the reason in `fault`.
struct Opened {
  event::Note note;
};
std::optional<Opened> OpenRunNote(std::string_view text, const crypto::Vkey& key, std::string& fault) {
  auto note = event::ParseNote(text);
  if (!note) {
    fault = note.error().message;
  } else if (note->signatures.size() != 1) {
    fault = fmt::format("it has {} signature lines, not one", note->signatures.size());
  } else if (std::ranges::count(note->text, '\n') != 3) {
    fault = "its text has not exactly three lines";
  } else if (!event::VerifyNoteSignature(note->text, note->signatures[0], key)) {
    fault = "its signature by the run key does not hold";
  } else {
    return Opened{*std::move(note)};
  }
  return std::nullopt;
}

}  // namespace

// What stands between two notes' beginnings.
struct CheckpointFile::RawNote {
  std::string text;       // without the blank line that ends it
  bool ended = false;     // that blank line is there
  bool oversize = false;  // longer than any note; `text` is its start
};

CheckpointFile::CheckpointFile(const FileView& file, const crypto::Vkey& run_key, TornNote torn)
    : lines_(file, kMaxLine), run_key_(run_key), allow_torn_(torn) {}

// A note ends at the blank line behind a signature line.
base::Result<std::optional<CheckpointFile::RawNote>> CheckpointFile::TakeNote() {
  RawNote raw;
  bool after_signature = false;
  std::size_t count = 0;
  while (const auto line = TRY(lines_.Next())) {
    ++count;
    if (line->ended && line->text.empty() && after_signature) {
      raw.ended = true;
      return raw;
    }
    raw.oversize |= line->too_long || raw.text.size() + line->bytes > kMaxNote || count > event::kMaxNoteLines;
    if (!raw.oversize) {
      raw.text.append(line->text);
      if (line->ended) raw.text += '\n';
    }
    after_signature = line->text.starts_with(kDash);
  }
  if (count == 0) return std::nullopt;
  return raw;
}

// A note that fails may only be the last: nothing behind it, and no good note inside it.
base::Result<> CheckpointFile::CheckIsLast(const RawNote& raw, std::string_view fault) {
  const auto refuse = [&](std::string_view why) {
    return Invalid(fmt::format("checkpoints, note {}: {}{}", index_, fault, why));
  };
  if (allow_torn_ == TornNote::kForbidden) return refuse("");
  if (raw.oversize) return refuse(", and it is longer than a torn note can be");
  if (TRY(TakeNote())) return refuse(", and it is not the last");
  for (std::size_t at = raw.text.find('\n'); at != std::string::npos; at = raw.text.find('\n', at + 1)) {
    std::string unused;
    if (OpenRunNote(std::string_view(raw.text).substr(at + 1), run_key_, unused))
      return refuse(", and a good note follows it");
  }
  return {};
}

base::Result<std::optional<Checkpoint>> CheckpointFile::Judge(const RawNote& raw) {
  std::string fault;
  const auto opened = raw.oversize ? std::nullopt : OpenRunNote(raw.text, run_key_, fault);
  if (raw.oversize) fault = "it is no signed note";
  const auto parsed = opened ? event::ParseCheckpointText(opened->note.text) : base::Result<event::CheckpointText>();
  if (opened && !parsed) return Invalid(fmt::format("checkpoints, note {}: {}", index_, parsed.error().message));
  if (opened && parsed->origin != run_key_.name) {
    return Invalid(fmt::format("checkpoints, note {}: its origin should be {}, found {}", index_,
                               base::Escape(run_key_.name), base::Escape(parsed->origin)));
  }
  if (opened && previous_ && parsed->size <= previous_->size) {
    const bool fork = parsed->size == previous_->size && parsed->root != previous_->root;
    return Invalid(fmt::format(
        "checkpoints, note {}: size {} does not grow from {}{}", index_, parsed->size, previous_->size,
        fork ? fmt::format("; two roots of one size prove a fork:\n{}\n{}", previous_->note, raw.text) : ""));
  }
  if (!opened || !raw.ended) {
    if (opened) fault = "the blank line behind it is missing";
    TRY(CheckIsLast(raw, fault));
    torn_ = fmt::format("note {} of checkpoints is torn and ignored: {}", index_, fault);
    return std::nullopt;
  }
  return Checkpoint{.size = parsed->size, .root = parsed->root, .note = raw.text};
}

base::Result<std::optional<Checkpoint>> CheckpointFile::Next() {
  const auto raw = TRY(TakeNote());
  if (!raw) return std::nullopt;
  auto checkpoint = TRY(Judge(*raw));
  ++index_;
  if (checkpoint) {
    digest_.Update(checkpoint->note).Update(std::string_view("\n"));
    previous_ = checkpoint;
  }
  return checkpoint;
}

crypto::Digest CheckpointFile::DigestSoFar() const { return crypto::Sha256(digest_).Finish(); }

}  // namespace evidence
