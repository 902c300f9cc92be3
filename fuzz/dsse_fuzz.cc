// SPDX-License-Identifier: Apache-2.0
// DSSE envelopes: only the canonical form is read, so writing it again gives the same bytes.
#include <cstdint>
#include <cstdlib>

#include "event/dsse.h"
#include "json/canonical.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::AsText({data, size});
  const auto envelope = event::ParseDsse(text);
  if (!envelope) return 0;
  Require(event::FormatDsse(*envelope) == text);
  Require(envelope->signatures.size() <= event::kMaxDsseSignatures);
  Require(json::IsCanonicalJcs(text));
  return 0;
}
