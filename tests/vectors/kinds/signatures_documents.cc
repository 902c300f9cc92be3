// SPDX-License-Identifier: Apache-2.0
// Of the kind signatures: key files, keyset envelopes, derivation tokens.
#include <fmt/format.h>

#include "json/reader.h"
#include "json/writer.h"
#include "spec/derivation.h"
#include "spec/document.h"
#include "spec/keys_file.h"
#include "spec/keyset.h"
#include "vectors/kinds.h"

namespace vectors {

Outcome RunDocumentSignature(const json::Value& record);

namespace {

// What does not decode is malformed_document, except where ours refuses what the recorded implementation ignored.
std::string_view DecodeClass(const spec::DocumentError& error) {
  return error.error_class == "unknown_member" ? error.error_class : "malformed_document";
}

std::string ErrorText(std::string_view error) {
  std::string text;
  json::Writer(text).BeginObject().Member("ok", false).Member("error", error).EndObject();
  return text;
}

spec::KeyRing KeysFromHex(const json::Value& record) {
  spec::KeyRing keys;
  const json::Value* object = At(record, {"input", "verifying_keys_hex"});
  if (object == nullptr) return keys;
  for (const json::Member& member : object->object()) {
    const auto bytes = base::HexDecode(member.value.string());
    if (!bytes || bytes->size() != 32) continue;
    auto& [name, key] = keys.emplace_back(std::string(member.name), crypto::PublicKey());
    std::copy(bytes->begin(), bytes->end(), key.begin());
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

Outcome JudgeKeysFile(const json::Value& record) {
  const auto keys = spec::ParseKeysFile(TextAt(record, {"input", "text"}).value_or(""));
  if (!keys) return Compare(record, ErrorText(keys.error().error_class));
  std::string actual;
  json::Writer writer(actual);
  writer.BeginObject().Member("ok", true).Key("keys_hex").BeginObject();
  for (const auto& [name, key] : *keys) writer.Member(name, base::HexEncode(key));
  writer.EndObject().EndObject();
  return Compare(record, actual);
}

std::expected<spec::VerifiedKeyset, std::string> Verify(const json::Value& record, bool chain) {
  const auto now = spec::ParseTime(TextAt(record, {"input", "now"}).value_or(""));
  const auto list = json::Parse(TextAt(record, {"input", "envelopes_text"}).value_or(""));
  if (!now) return std::unexpected("input.now is no time");
  if (!list || !list->root().is_array()) return std::unexpected("malformed_document");
  std::vector<spec::KeysetEnvelope> envelopes;
  for (const json::Value& item : list->root().array()) {
    auto envelope = spec::DecodeKeysetEnvelope(ToText(item));
    if (!envelope) return std::unexpected(std::string(DecodeClass(envelope.error())));
    envelopes.push_back(std::move(*envelope));
  }
  const spec::KeyRing keys = KeysFromHex(record);
  if (!chain && envelopes.size() != 1) return std::unexpected("input has no single envelope");
  auto verified = chain ? spec::VerifyKeysetChain(envelopes, keys, *now) : spec::VerifyKeyset(envelopes[0], keys, *now);
  if (!verified) return std::unexpected(std::string(verified.error().error_class));
  return std::move(*verified);
}

Outcome JudgeKeyset(const json::Value& record, bool chain) {
  const auto verified = Verify(record, chain);
  if (!verified) return Compare(record, ErrorText(verified.error()));
  std::string actual;
  json::Writer(actual)
      .BeginObject()
      .Member("ok", true)
      .Member("payload_hex", base::HexEncode(verified->payload))
      .EndObject();
  return Compare(record, actual);
}

// Each role's key is judged alone, as the recorded implementation did, when its role is asked for.
std::string_view VerifyToken(const json::Value& record, const spec::AuthorityDerivation& token,
                             const spec::Authority& authority, spec::DerivationVerdict& verdict) {
  const json::Value* roles = At(record, {"input", "role_keys_base64"});
  const std::string text = roles != nullptr ? ToText(*roles) : "{}";
  const auto keys = spec::ParseAuthorityKeysFile(text);
  verdict = spec::VerifyDerivation(token, authority, keys.value_or(spec::KeyRing()));
  if (verdict.error.error_class == "unknown_role" && !keys) return keys.error().error_class;
  return verdict.error.error_class;
}

void WriteTyped(json::Writer& writer, const spec::DerivationVerdict& verdict) {
  writer.Key("typed");
  switch (verdict.result) {
    case spec::DerivationResult::kValid:
      writer.String("valid");
      return;
    case spec::DerivationResult::kExceedsGrantorEgress:
    case spec::DerivationResult::kExceedsGrantorSecrets:
      writer.BeginObject()
          .Key(verdict.result == spec::DerivationResult::kExceedsGrantorEgress ? "exceeds_egress" : "exceeds_secrets")
          .BeginObject()
          .Member("claimed", std::uint64_t{verdict.claimed})
          .Member("declared", std::uint64_t{verdict.declared})
          .EndObject()
          .EndObject();
      return;
    default:
      writer.String("invalid_signature");
  }
}

void WriteScope(json::Writer& writer, std::string_view name, const spec::AuthorityDerivation& token,
                spec::ScopedTokens scoped) {
  const auto refused = spec::JudgeScope(token, scoped);
  writer.Key(name).BeginObject().Member("ok", !refused);
  if (refused) writer.Member("error", refused->error_class);
  writer.EndObject();
}

Outcome JudgeDerivation(const json::Value& record) {
  const json::Value *token_value = At(record, {"input", "token"}), *spec_value = At(record, {"input", "spec"});
  if (token_value == nullptr || spec_value == nullptr) return Failed("no input.token or input.spec");
  const auto document = spec::DecodeCellDocument(
      fmt::format(R"({{"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{}}})", ToText(*spec_value)));
  if (!document) return Failed("input.spec does not decode: " + document.error().message);
  std::string actual;
  json::Writer writer(actual);
  writer.BeginObject();
  const auto token = spec::ParseDerivationToken(ToText(*token_value));
  if (!token) {
    writer.Key("verify").Raw(ErrorText(DecodeClass(token.error()))).EndObject();
    return Compare(record, actual);
  }
  spec::DerivationVerdict verdict;
  const std::string_view error = VerifyToken(record, *token, document->spec.authority, verdict);
  writer.Key("verify").Raw(verdict.result == spec::DerivationResult::kValid ? R"({"ok":true})" : ErrorText(error));
  WriteTyped(writer, verdict);
  writer.Member("payload", spec::DerivationPayload(*token));
  WriteScope(writer, "scope_strict", *token, spec::ScopedTokens::kRequired);
  WriteScope(writer, "scope_permissive", *token, spec::ScopedTokens::kOptional);
  writer.EndObject();
  return Compare(record, actual);
}

}  // namespace

Outcome RunDocumentSignature(const json::Value& record) {
  const auto kind = TextAt(record, {"input", "kind"});
  if (kind == "parse_keys_file") return JudgeKeysFile(record);
  if (kind == "verify_keyset_single") return JudgeKeyset(record, false);
  if (kind == "verify_keyset_chain") return JudgeKeyset(record, true);
  if (kind == "verify_derivation") return JudgeDerivation(record);
  return Skipped("unknown kind of signature record");
}

}  // namespace vectors
