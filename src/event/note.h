// SPDX-License-Identifier: Apache-2.0
// C2SP signed-note: a text and the signatures below it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.h"
#include "base/result.h"
#include "crypto/ed25519.h"
#include "crypto/vkey.h"

namespace event {

// Text, blank and signature lines together.
inline constexpr std::size_t kMaxNoteLines = 100;
// No note of ours comes near it; judged before anything else.
inline constexpr std::size_t kMaxNoteBytes = 1u << 20;

struct NoteSignature {
  std::string_view line;  // without LF
  std::string_view name;
  std::uint32_t key_id = 0;
  base::Bytes signature;  // what follows the key id; not empty
};

// Views point into the parsed bytes. At least one signature.
struct Note {
  std::string_view text;  // with its last LF
  std::vector<NoteSignature> signatures;
};

// Form only: size and lines limited, UTF-8, no control character but LF, base64 strict. kInvalid says what is wrong.
base::Result<Note> ParseNote(std::string_view bytes);

// True when `signature` is by `key`: name and key id agree and the signature holds over `text`.
bool VerifyNoteSignature(std::string_view text, const NoteSignature& signature, const crypto::Vkey& key);

// A note opened with known keys: every signature that names a known key holds (else kInvalid), at least one does.
struct OpenedNote {
  Note note;
  std::vector<const crypto::Vkey*> verified;  // into `known`, in order of the lines, each once
  std::size_t unverified = 0;                 // further signature lines, equal ones counted once
};
base::Result<OpenedNote> OpenNote(std::string_view bytes, std::span<const crypto::Vkey> known);

// `text` ends in LF. The whole note with one signature line by `key` under `name`.
std::string SignNote(std::string_view text, std::string_view name, const crypto::SigningKey& key);

}  // namespace event
