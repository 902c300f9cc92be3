// SPDX-License-Identifier: Apache-2.0
// The control files: policy packs, authorization policies, key files, keyset envelopes, derivation tokens. All are
// total.
#include <cstdint>
#include <cstdlib>

#include "base/encoding.h"
#include "spec/authorization.h"
#include "spec/derivation.h"
#include "spec/document.h"
#include "spec/keyset.h"
#include "spec/policy_pack.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

const spec::CellDocument& Sample() {
  static const auto kDocument = spec::DecodeCellDocument(
      R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"a","authority":{"egressRules":[{"host":"a.b",)"
      R"("port":53}],"secretRefs":["S"]},"lifetime":{"ttlSeconds":60},"run":{"argv":["a"]}}})");
  return *kDocument;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::AsText({data, size});
  if (const auto pack = spec::ParsePolicyPack(text)) {
    for (const spec::Violation& violation : spec::EvaluatePolicy(*pack, Sample(), {})) Require(!violation.rule.empty());
  }
  if (const auto policy = spec::ParseAuthorizationPolicy(text)) spec::EvaluateAuthorization(*policy, Sample(), {});
  const auto keys = spec::ParseKeysFile(text);
  spec::ParseAuthorityKeysFile(text);
  if (const auto envelope = spec::DecodeKeysetEnvelope(text)) {
    Require(!spec::VerifyKeyset(*envelope, keys.value_or(spec::KeyRing()), spec::Time()));
  }
  if (const auto token = spec::ParseDerivationToken(text)) {
    Require(spec::VerifyDerivation(*token, Sample().spec.authority, {}).result != spec::DerivationResult::kValid);
    spec::JudgeScope(*token, spec::ScopedTokens::kRequired);
  }
  return 0;
}
