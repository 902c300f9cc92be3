// SPDX-License-Identifier: Apache-2.0
// Proofs of one leaf: the input is the proof, a zero byte, the leaf. Without a trusted key nothing is verified.
#include <cstdint>
#include <cstdlib>

#include "evidence/verify/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::AsText({data, size});
  const std::size_t cut = text.find('\0');
  const std::string_view leaf = cut == std::string_view::npos ? std::string_view() : text.substr(cut + 1);
  const evidence::Report report = evidence::VerifyProofText(text.substr(0, cut), leaf, {});
  if (report.verdict != evidence::Verdict::kInvalid && report.verdict != evidence::Verdict::kUnanchored) std::abort();
  static_cast<void>(report.ToText());
  static_cast<void>(report.ToJson());
  return 0;
}
