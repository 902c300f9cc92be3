// SPDX-License-Identifier: Apache-2.0
// Signed notes: a parsed note is made of exactly its text and its lines, and nothing opens without a known key.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "crypto/vkey.h"
#include "event/note.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::AsText({data, size});
  if (const auto key = crypto::ParseVkey(text)) Require(key->ToString() == text);
  Require(!event::OpenNote(text, {}));
  const auto note = event::ParseNote(text);
  if (!note) return 0;
  std::string again = std::string(note->text) + "\n";
  for (const event::NoteSignature& signature : note->signatures) again.append(signature.line).append("\n");
  Require(again == text);
  Require(!note->signatures.empty());
  return 0;
}
