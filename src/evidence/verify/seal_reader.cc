// SPDX-License-Identifier: Apache-2.0
// Reading of a seal.
#include "evidence/verify/seal_reader.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "evidence/verify/jcs_scan.h"

namespace evidence {
namespace {

std::unexpected<base::Error> Bad(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, "seal.json: " + std::move(message));
}

base::Result<std::string> Text(std::string_view object, std::string_view name) {
  auto text = StringOf(FindMember(object, name));
  if (!text) return Bad(fmt::format("{} is missing or no string", name));
  return *std::move(text);
}

base::Result<std::uint64_t> Uint(std::string_view object, std::string_view name) {
  const auto number = UintOf(FindMember(object, name));
  if (!number) return Bad(fmt::format("{} is missing or no integer", name));
  return *number;
}

base::Result<std::optional<std::uint64_t>> UintOrNull(std::string_view object, std::string_view name) {
  const std::string_view value = FindMember(object, name);
  if (IsNull(value)) return std::nullopt;
  return TRY(Uint(object, name));
}

base::Result<bool> Boolean(std::string_view object, std::string_view name) {
  const std::string_view value = FindMember(object, name);
  if (value != "true" && value != "false") return Bad(fmt::format("{} is missing or no boolean", name));
  return value == "true";
}

base::Result<std::string_view> Present(std::string_view object, std::string_view name) {
  const std::string_view value = FindMember(object, name);
  if (value.empty()) return Bad(fmt::format("{} is missing", name));
  return value;
}

base::Result<> ReadRun(std::string_view run, Seal& seal) {
  seal.cell_id = TRY(Text(run, "cellId"));
  seal.run_id = TRY(Text(run, "runId"));
  seal.origin = TRY(Text(run, "origin"));
  seal.started_on = TRY(Text(run, "startedOn"));
  seal.finished_on = TRY(Text(run, "finishedOn"));
  return {};
}

base::Result<> ReadLog(std::string_view log, Seal& seal) {
  seal.size = TRY(Uint(log, "size"));
  seal.root_hash = TRY(Text(log, "rootHash"));
  seal.checkpoint = TRY(Text(log, "checkpoint"));
  seal.run_vkey = TRY(Text(log, "runKey"));
  return {};
}

base::Result<> ReadEnforced(std::string_view enforced, Seal& seal) {
  seal.spec_digest = TRY(Present(enforced, "specDigest"));
  seal.policy_pack_digest = TRY(Present(enforced, "policyPackDigest"));
  seal.plan_digest = TRY(Present(enforced, "planDigest"));
  seal.controls = TRY(UintOrNull(enforced, "controls"));
  seal.backend = TRY(Text(enforced, "backend"));
  return {};
}

base::Result<> ReadFindings(std::string_view findings, Seal& seal) {
  seal.agree = TRY(Uint(findings, "agree"));
  seal.gap = TRY(Uint(findings, "gap"));
  seal.contradiction = TRY(Uint(findings, "contradiction"));
  seal.contradictions = TRY(Present(findings, "contradictions"));
  if (!IsArray(seal.contradictions)) return Bad("contradictions is no list");
  return {};
}

base::Result<> ReadTail(std::string_view tail, Seal& seal) {
  if (tail.empty()) return {};
  seal.tail =
      Tail{.lines = TRY(Uint(tail, "lines")), .bytes = TRY(Uint(tail, "bytes")), .torn = TRY(Boolean(tail, "torn"))};
  return {};
}

base::Result<> ReadPredicate(Seal& seal) {
  const std::string_view predicate = seal.predicate;
  TRY(ReadRun(FindMember(predicate, "run"), seal));
  TRY(ReadLog(FindMember(predicate, "log"), seal));
  TRY(ReadEnforced(FindMember(predicate, "enforced"), seal));
  seal.outcome = TRY_WITH("seal.json", ParseOutcome(FindMember(predicate, "outcome")));
  seal.sources = TRY_WITH("seal.json", ParseSources(FindMember(predicate, "sources")));
  seal.coverage = TRY_WITH("seal.json", ParseCoverage(FindMember(predicate, "coverage")));
  seal.complete = TRY(Boolean(predicate, "complete"));
  TRY(ReadFindings(FindMember(predicate, "findings"), seal));
  seal.secrets = TRY(Present(predicate, "secrets"));
  seal.software = TRY(Present(predicate, "software"));
  seal.machine = TRY(Present(predicate, "machine"));
  seal.previous_seal = TRY(Present(predicate, "previousSeal"));
  TRY(ReadTail(FindMember(predicate, "tail"), seal));
  if ((seal.outcome.reason_code == "cut") != seal.cut())
    return Bad("tail occurs with reasonCode cut, and only with it");
  return {};
}

base::Result<> ReadStatement(Seal& seal) {
  JcsScanner scanner;
  if (!scanner.Scan(*seal.payload, JcsScanner::Record::kNothing))
    return Bad("the payload is not canonical JSON of one object");
  const std::string_view statement = *seal.payload;
  if (PlainStringOf(FindMember(statement, "_type")) != "https://in-toto.io/Statement/v1")
    return Bad("_type is not in-toto Statement v1");
  if (PlainStringOf(FindMember(statement, "predicateType")) != "urn:cellos:attestation:run:v1") {
    return Bad("predicateType is not urn:cellos:attestation:run:v1");
  }
  seal.predicate = FindMember(statement, "predicate");
  seal.subjects = FindMember(statement, "subject");
  if (!IsObject(seal.predicate) || !IsArray(seal.subjects)) return Bad("predicate or subject is missing");
  return ReadPredicate(seal);
}

}  // namespace

base::Result<Seal> ReadSeal(const FileView& file) {
  Seal seal;
  {
    const std::string text = TRY_WITH("seal.json", file.ReadAll(event::kMaxDsseBytes));
    event::DsseEnvelope envelope = TRY_WITH("seal.json", event::ParseDsse(text));
    seal.payload_type = std::move(envelope.payload_type);
    seal.payload = std::make_unique<std::string>(std::move(envelope.payload));
    seal.signatures = std::move(envelope.signatures);
  }
  if (seal.payload_type != event::kInTotoPayloadType)
    return Bad(fmt::format("payloadType is not {}", event::kInTotoPayloadType));
  TRY(ReadStatement(seal));
  return seal;
}

base::Result<> CheckSignatures(const Seal& seal, const std::vector<crypto::SpkiKey>& keys) {
  if (seal.signatures.size() != keys.size()) {
    return Bad(fmt::format("it should have {} signatures, one by each of deploymentKeys, found {}", keys.size(),
                           seal.signatures.size()));
  }
  const std::string message = event::DssePae(seal.payload_type, *seal.payload);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (seal.signatures[i].key_id != keys[i].key_id) {
      return Bad(fmt::format("signature {} should be by key {}, found {}", i, keys[i].key_id,
                             base::Escape(seal.signatures[i].key_id, 80)));
    }
    if (!keys[i].Verify(base::AsBytes(message), seal.signatures[i].signature)) {
      return Bad(fmt::format("signature {} by key {} does not hold", i, keys[i].key_id));
    }
  }
  return {};
}

base::Result<std::vector<SealedSecret>> ReadSecrets(const Seal& seal) {
  if (!IsArray(seal.secrets)) return Bad("secrets is no list");
  std::vector<SealedSecret> secrets;
  JsonArray entries(seal.secrets);
  for (std::string_view entry; entries.Next(entry);) {
    SealedSecret secret{.name = FindMember(entry, "name")};
    if (!IsString(secret.name)) return Bad("an entry of secrets has no name");
    secret.delivered_at = TRY(UintOrNull(entry, "deliveredAt"));
    secret.revoked_at = TRY(UintOrNull(entry, "revokedAt"));
    secrets.push_back(secret);
  }
  return secrets;
}

}  // namespace evidence
