// SPDX-License-Identifier: Apache-2.0
// Checkpoints: what is read is written back the same, and a file of notes by no known key proves nothing.
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "event/checkpoint_text.h"
#include "evidence/verify/checkpoint_file.h"
#include "sys/file.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::AsText({data, size});
  if (const auto parsed = event::ParseCheckpointText(text)) {
    Require(parsed->size < event::kTreeSizeLimit);
    const std::string again = event::FormatCheckpointText(parsed->origin, parsed->size, parsed->root);
    Require(text.starts_with(again));
    Require((parsed->extension_lines == 0) == (again.size() == text.size()));
  }
  auto memory = sys::Memfd("checkpoints");
  if (!memory || !sys::WriteAll(memory->get(), text)) return 0;
  const evidence::FileView file(std::make_shared<base::UniqueFd>(*std::move(memory)), 0, size);
  const crypto::Vkey nobody{.name = "fuzz/runs/r", .key = {}};
  for (const evidence::TornNote torn : {evidence::TornNote::kForbidden, evidence::TornNote::kIgnored}) {
    evidence::CheckpointFile checkpoints(file, nobody, torn);
    const auto first = checkpoints.Next();
    Require(!first || !*first);
  }
  return 0;
}
