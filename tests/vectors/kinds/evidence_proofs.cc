// SPDX-License-Identifier: Apache-2.0
// Vectors of proofs of single leaves, judged by the verifier's own function.
#include <fstream>
#include <sstream>

#include "evidence/verify/verify.h"
#include "evidence_keys.h"
#include "vectors/kinds.h"

namespace vectors {
namespace {

std::string TextOrHex(const json::Value& record, std::string_view name) {
  if (const auto text = TextAt(record, {name})) return std::string(*text);
  const auto bytes = HexAt(record, {std::string(name) + "_hex"});
  return bytes ? std::string(base::AsText(*bytes)) : std::string();
}

}  // namespace

Outcome JudgeTlogProof(const json::Value& record, const Source& source) {
  const auto keys = TrustedKeysOf(record, source.file.parent_path() / "run_logs" / "keys.json");
  if (!keys.usable) return CompareVerdict(record, "", 2, "a key can't be read");
  const evidence::Report report =
      evidence::VerifyProofText(TextOrHex(record, "proof"), TextOrHex(record, "leaf"), keys.keys);
  return CompareVerdict(record, evidence::ToString(report.verdict), evidence::ExitStatus(report.verdict), report.fault);
}

}  // namespace vectors
