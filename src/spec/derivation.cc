// SPDX-License-Identifier: Apache-2.0
// Verifies derivation tokens.
#include "spec/derivation.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "json/writer.h"
#include "spec/cell_tables.h"
#include "spec/document.h"
#include "spec/reading.h"
#include "spec/validate_parts.h"

namespace spec {
namespace {

constexpr std::string_view kToken = "/spec/authority/authorityDerivation";

DerivationVerdict Invalid(std::string_view error_class, std::string_view member, std::string message) {
  return {DerivationResult::kInvalidSignature,
          0,
          0,
          {error_class, fmt::format("{}{}", kToken, member), std::move(message)}};
}

bool IsPart(const Capability& part, const Capability& whole) { return Excess(part, whole).IsNone(); }

// Each step narrows, starts from what the step before ended with, and the last ends at the leaf.
std::optional<std::size_t> FirstWideningStep(const AuthorityDerivation& token) {
  const auto& steps = token.derivation_steps;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!IsPart(steps[i].to_capability, steps[i].from_capability)) return i;
    if (i > 0 && !IsPart(steps[i].from_capability, steps[i - 1].to_capability)) return i;
  }
  if (steps.empty()) return std::nullopt;
  const Capability& last = steps.back().to_capability;
  const bool ends_at_leaf = IsPart(last, token.leaf_capability) && IsPart(token.leaf_capability, last);
  return ends_at_leaf ? std::nullopt : std::optional(steps.size() - 1);
}

void AppendRule(std::string& out, const EgressRule& rule) {
  out += '{';
  if (rule.dns_egress_justification) {
    out += "\"dnsEgressJustification\":";
    json::AppendString(out, *rule.dns_egress_justification);
    out += ',';
  }
  out += "\"host\":";
  json::AppendString(out, rule.host);
  out += fmt::format(",\"port\":{},\"protocol\":", rule.port);
  if (rule.protocol) {
    json::AppendString(out, *rule.protocol);
  } else {
    out += "null";
  }
  out += '}';
}

DerivationVerdict Exceeds(const AuthorityDerivation& token, const Authority& authority, bool egress) {
  const Capability declared = CapabilityOf(authority);
  DerivationVerdict verdict;
  verdict.result = egress ? DerivationResult::kExceedsGrantorEgress : DerivationResult::kExceedsGrantorSecrets;
  verdict.declared = egress ? declared.egress_rules.size() : declared.secret_refs.size();
  verdict.claimed = egress ? token.leaf_capability.egress_rules.size() : token.leaf_capability.secret_refs.size();
  verdict.error = {"exceeds_authority", fmt::format("{}/leafCapability", kToken),
                   fmt::format("found {} in the leaf that the authority does not declare; allowed is a part of it",
                               egress ? "egress rules" : "secrets")};
  return verdict;
}

}  // namespace

std::expected<AuthorityDerivation, DocumentError> ParseDerivationToken(std::string_view text) {
  return Read<AuthorityDerivation>(text);
}

std::string DerivationPayload(const AuthorityDerivation& token) {
  std::string out = "{\"leafCapability\":{\"egressRules\":[";
  for (std::size_t i = 0; i < token.leaf_capability.egress_rules.size(); ++i) {
    if (i != 0) out += ',';
    AppendRule(out, token.leaf_capability.egress_rules[i]);
  }
  out += "],\"secretRefs\":";
  Codec<std::vector<std::string>>::Encode(token.leaf_capability.secret_refs, out);
  out += '}';
  if (token.not_after) {
    out += ",\"notAfter\":";
    json::AppendString(out, *token.not_after);
  }
  out += ",\"parentRunId\":";
  if (token.parent_run_id) {
    json::AppendString(out, *token.parent_run_id);
  } else {
    out += "null";
  }
  out += ",\"roleRoot\":";
  json::AppendString(out, token.role_root);
  if (token.spec_hash) {
    out += ",\"specHash\":";
    json::AppendString(out, *token.spec_hash);
  }
  out += '}';
  return out;
}

DerivationVerdict VerifyDerivation(const AuthorityDerivation& token, const Authority& authority,
                                   const KeyRing& role_keys) {
  if (token.grantor_signature.algorithm != "ed25519") {
    return Invalid(
        "unknown_algorithm", "/grantorSignature/algorithm",
        fmt::format("found \"{}\"; allowed is ed25519", base::Escape(token.grantor_signature.algorithm, 80)));
  }
  if (const auto step = FirstWideningStep(token)) {
    return Invalid("step_not_narrowing", fmt::format("/derivationSteps/{}", *step),
                   "found a step that widens, or steps that do not lead to the leaf; allowed is narrowing only");
  }
  if (const CapabilityExcess excess = Excess(token.leaf_capability, authority); !excess.IsNone()) {
    return Exceeds(token, authority, excess.egress);
  }
  const crypto::PublicKey* key = FindKey(role_keys, token.role_root);
  if (key == nullptr) {
    return Invalid("unknown_role", "/roleRoot", fmt::format("unknown role: {}", base::Escape(token.role_root, 80)));
  }
  const auto signature = base::Base64Decode(token.grantor_signature.bytes, base::Base64::kStandard);
  if (!signature) {
    return Invalid("bad_base64", "/grantorSignature/bytes", "found no standard base64 with padding");
  }
  if (signature->size() != 64) {
    return Invalid("bad_signature_length", "/grantorSignature/bytes",
                   fmt::format("authority derivation grantor signature must be 64 bytes (got {})", signature->size()));
  }
  if (!crypto::VerifyEd25519(*key, base::AsBytes(DerivationPayload(token)), *signature)) {
    return Invalid("signature_mismatch", "/grantorSignature/bytes", "authority derivation signature invalid");
  }
  return {};
}

std::optional<DocumentError> JudgeScope(const AuthorityDerivation& token, ScopedTokens scoped) {
  if (scoped == ScopedTokens::kOptional || token.parent_run_id) return std::nullopt;
  return DocumentError{"unscoped_token", fmt::format("{}/parentRunId", kToken),
                       "found null, a universal token; required is the run it was derived in"};
}

std::string SpecHashWithoutToken(const CellSpec& spec) {
  CellSpec bare = spec;
  bare.authority.authority_derivation.reset();
  return CanonicalSpecHash(bare);
}

DerivationVerdict JudgeDerivation(const CellDocument& document, const KeyRing& role_keys, bool required,
                                  std::optional<Time> now) {
  const auto& token = document.spec.authority.authority_derivation;
  if (!token) {
    if (!required) return {};
    return {DerivationResult::kMissingToken,
            0,
            0,
            {"missing_derivation", std::string(kToken), "found none; this deployment requires a derivation token"}};
  }
  auto verdict = VerifyDerivation(*token, document.spec.authority, role_keys);
  if (verdict.result != DerivationResult::kValid) return verdict;
  if (token->spec_hash && *token->spec_hash != SpecHashWithoutToken(document.spec)) {
    return Invalid("other_spec", "/specHash",
                   fmt::format("found the hash of another spec, \"{}\"", base::Escape(*token->spec_hash, 80)));
  }
  if (!token->not_after) return verdict;
  const auto end = ParseTime(*token->not_after);
  if (!end) return Invalid("bad_time", "/notAfter", "found no RFC 3339 time");
  if (now && *now <= *end) return verdict;
  verdict = Invalid("expired", "/notAfter",
                    fmt::format("found a token that ended at {}", base::Escape(*token->not_after, 80)));
  verdict.result = DerivationResult::kExpiredToken;
  return verdict;
}

}  // namespace spec
