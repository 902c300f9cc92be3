// SPDX-License-Identifier: Apache-2.0
// Reading of leaf 0 and its certificate.
#include "evidence/verify/leaf_zero.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/sha256.h"
#include "event/note.h"
#include "event/types.h"
#include "evidence/verify/jcs_scan.h"
#include "evidence/verify/text_forms.h"

namespace evidence {
namespace {

constexpr std::size_t kMaxDeploymentKeys = 16;
constexpr std::string_view kRuns = "/runs/";

std::unexpected<base::Error> Bad(std::string_view what) {
  return base::Fail(base::ErrorKind::kInvalid, fmt::format("leaf 0: {}", what));
}

base::Result<std::string> TextMember(const JcsScanner& leaf, std::string_view name) {
  auto text = StringOf(leaf.FindData(name));
  if (!text) return Bad(fmt::format("data.{} is missing or no string", name));
  return *std::move(text);
}

base::Result<std::optional<std::string>> DigestMember(const JcsScanner& leaf, std::string_view name) {
  const std::string_view value = leaf.FindData(name);
  if (IsNull(value)) return std::nullopt;
  const auto text = PlainStringOf(value);
  if (!text || !IsPrefixedDigest(*text))
    return Bad(fmt::format("data.{} is neither null nor sha256:<64 hex digits>", name));
  return std::string(*text);
}

base::Result<crypto::SpkiKey> ParseKey(std::string_view value) {
  const auto id = PlainStringOf(FindMember(value, "keyid"));
  const auto algorithm = PlainStringOf(FindMember(value, "alg"));
  const auto spki = PlainStringOf(FindMember(value, "spki"));
  if (!id || !algorithm || !spki) return Bad("an entry of data.deploymentKeys lacks alg, keyid or spki");
  const auto der = base::Base64Decode(*spki);
  if (!der) return Bad("an spki of data.deploymentKeys is no padded base64");
  crypto::SpkiKey key = TRY_WITH("leaf 0: data.deploymentKeys", crypto::ParseSpki(*der));
  if (key.key_id != *id) return Bad(fmt::format("a key id of data.deploymentKeys should be {}", key.key_id));
  if (crypto::ToString(key.algorithm) != *algorithm) return Bad("an alg of data.deploymentKeys is not that of its key");
  return key;
}

base::Result<std::vector<crypto::SpkiKey>> ParseKeys(std::string_view list) {
  if (!IsArray(list)) return Bad("data.deploymentKeys is missing or no list");
  std::vector<crypto::SpkiKey> keys;
  JsonArray entries(list);
  for (std::string_view entry; entries.Next(entry);) {
    if (keys.size() == kMaxDeploymentKeys) return Bad("data.deploymentKeys names more than 16 keys");
    keys.push_back(TRY(ParseKey(entry)));
  }
  if (std::ranges::none_of(keys, [](const auto& key) { return key.algorithm == crypto::KeyAlgorithm::kEd25519; })) {
    return Bad("data.deploymentKeys names no Ed25519 key");
  }
  return keys;
}

base::Result<> ParseOrigin(const JcsScanner& leaf, LeafZero& zero) {
  zero.origin = TRY(TextMember(leaf, "origin"));
  zero.run_id = TRY(TextMember(leaf, "runId"));
  if (!IsRunId(zero.run_id)) return Bad("data.runId has a form that no run id has");
  const auto deployment = DeploymentOf(zero.origin);
  if (!deployment || zero.origin.substr(deployment->size() + kRuns.size()) != zero.run_id) {
    return Bad("data.origin is not <deployment>/runs/<data.runId>");
  }
  zero.deployment = *deployment;
  zero.run_vkey = TRY(TextMember(leaf, "runKey"));
  zero.run_key = TRY_WITH("leaf 0: data.runKey", crypto::ParseVkey(zero.run_vkey));
  if (zero.run_key.type != crypto::VkeyType::kEd25519) return Bad("data.runKey is not of type 0x01");
  if (zero.run_key.name != zero.origin) return Bad("data.runKey does not bear the origin as its name");
  return {};
}

base::Result<> ParseMachineAndSoftware(const JcsScanner& leaf, LeafZero& zero) {
  zero.software_json = leaf.FindData("software");
  zero.machine_json = leaf.FindData("machine");
  zero.previous_seal_json = leaf.FindData("previousSeal");
  if (!IsString(FindMember(zero.software_json, "version")) || !IsObject(FindMember(zero.software_json, "binaries"))) {
    return Bad("data.software lacks version or binaries");
  }
  for (const std::string_view name : {"bootId", "kernel", "arch"}) {
    if (!IsString(FindMember(zero.machine_json, name))) return Bad(fmt::format("data.machine lacks {}", name));
  }
  const auto previous = PlainStringOf(zero.previous_seal_json);
  if (!IsNull(zero.previous_seal_json) && !(previous && IsPrefixedDigest(*previous))) {
    return Bad("data.previousSeal is neither null nor sha256:<64 hex digits>");
  }
  return {};
}

// A line of the certificate that is a digest, or "-" where there is none.
bool IsDigestOrDash(std::string_view text) { return text == "-" || IsPrefixedDigest(text); }

}  // namespace

std::optional<std::string_view> DeploymentOf(std::string_view origin) {
  const std::size_t at = origin.rfind(kRuns);
  if (at == std::string_view::npos || !crypto::IsNoteKeyName(origin.substr(0, at))) return std::nullopt;
  if (!IsRunId(origin.substr(at + kRuns.size()))) return std::nullopt;
  return origin.substr(0, at);
}

base::Result<LeafZero> ParseLeafZero(std::string_view line) {
  JcsScanner leaf;
  if (!leaf.Scan(line)) return Bad("it is not canonical JSON of one object");
  if (PlainStringOf(leaf.Find("type")) != event::kLogOpened) return Bad("its type is not evidence_log.v1.opened");
  if (!leaf.data_is_object()) return Bad("it has no data");
  LeafZero zero;
  const auto time = PlainStringOf(leaf.Find("time"));
  if (!time || !IsMillisTime(*time)) return Bad("its time is not RFC 3339 with milliseconds and Z");
  zero.time = *time;
  if (PlainStringOf(leaf.FindData("format")) != "cellos-run-log/1") return Bad("data.format is not cellos-run-log/1");
  TRY(ParseOrigin(leaf, zero));
  zero.cell_id = TRY(TextMember(leaf, "cellId"));
  zero.certificate = TRY(TextMember(leaf, "certificate"));
  zero.deployment_keys_json = leaf.FindData("deploymentKeys");
  zero.deployment_keys = TRY(ParseKeys(zero.deployment_keys_json));
  zero.spec_digest = TRY(DigestMember(leaf, "specDigest"));
  zero.policy_pack_digest = TRY(DigestMember(leaf, "policyPackDigest"));
  zero.plan_digest = TRY(DigestMember(leaf, "planDigest"));
  TRY(ParseMachineAndSoftware(leaf, zero));
  return zero;
}

base::Result<Certificate> ParseCertificate(std::string_view bytes) {
  const event::Note note = TRY_WITH("certificate", event::ParseNote(bytes));
  const auto bad = [](std::string_view what) {
    return base::Fail(base::ErrorKind::kInvalid, fmt::format("certificate: {}", what));
  };
  if (note.signatures.size() != 1) return bad("it has not exactly one signature line");
  std::string_view rest = note.text;
  std::vector<std::string_view> lines;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    lines.push_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  if (lines.size() != 8) return bad(fmt::format("it has {} text lines, not 8", lines.size()));
  if (lines[0] != "cellos run-key v1") return bad("its first line is not \"cellos run-key v1\"");
  if (!IsDigestOrDash(lines[3]) || !IsDigestOrDash(lines[4]))
    return bad("a digest is neither sha256:<64 hex digits> nor -");
  if (!IsPrefixedDigest(lines[5])) return bad("the digest of deploymentKeys is no sha256:<64 hex digits>");
  if (!IsSecondsTime(lines[6]) || !IsSecondsTime(lines[7])) return bad("a time is not RFC 3339 in seconds with Z");
  return Certificate{.origin = std::string(lines[1]),
                     .run_vkey = std::string(lines[2]),
                     .spec_digest = std::string(lines[3]),
                     .plan_digest = std::string(lines[4]),
                     .keys_digest = std::string(lines[5]),
                     .not_before = std::string(lines[6]),
                     .not_after = std::string(lines[7]),
                     .signer_name = std::string(note.signatures[0].name),
                     .signer_id = note.signatures[0].key_id,
                     .text = std::string(note.text),
                     .signature = note.signatures[0].signature};
}

base::Result<std::size_t> CheckCertificate(const LeafZero& zero) {
  const Certificate certificate = TRY(ParseCertificate(zero.certificate));
  const auto differs = [](std::string_view what, std::string_view expected, std::string_view found) {
    return base::Fail(base::ErrorKind::kInvalid, fmt::format("certificate: {} should be {}, found {}", what,
                                                             base::Escape(expected), base::Escape(found)));
  };
  const std::string keys_digest = crypto::PrefixedHex(crypto::Sha256Of(zero.deployment_keys_json));
  const struct {
    std::string_view what;
    std::string expected, found;
  } rows[] = {{"the origin", zero.origin, certificate.origin},
              {"the run key", zero.run_vkey, certificate.run_vkey},
              {"the spec digest", zero.spec_digest.value_or("-"), certificate.spec_digest},
              {"the plan digest", zero.plan_digest.value_or("-"), certificate.plan_digest},
              {"the digest of deploymentKeys", keys_digest, certificate.keys_digest},
              {"the signer's name", zero.deployment, certificate.signer_name}};
  for (const auto& row : rows) {
    if (row.expected != row.found) return differs(row.what, row.expected, row.found);
  }
  for (std::size_t i = 0; i < zero.deployment_keys.size(); ++i) {
    const crypto::SpkiKey& key = zero.deployment_keys[i];
    if (key.algorithm != crypto::KeyAlgorithm::kEd25519) continue;
    const crypto::Vkey vkey{.name = zero.deployment, .key = key.ed25519};
    if (vkey.id() != certificate.signer_id) continue;
    if (crypto::VerifyEd25519(key.ed25519, base::AsBytes(certificate.text), certificate.signature)) return i;
  }
  return base::Fail(base::ErrorKind::kInvalid,
                    "certificate: its signature is by none of data.deploymentKeys, or does not hold");
}

std::string CertificateTimeWarning(const LeafZero& zero) {
  const auto certificate = ParseCertificate(zero.certificate);
  if (!certificate) return {};
  // Times of one form in UTC order as their texts do.
  const std::string opened = zero.time.substr(0, 19) + "Z";
  if (opened < certificate->not_before) {
    return fmt::format("the log was opened at {}, before its certificate begins ({})", opened, certificate->not_before);
  }
  if (opened > certificate->not_after) {
    return fmt::format("the log was opened at {}, after its certificate ends ({})", opened, certificate->not_after);
  }
  return {};
}

}  // namespace evidence
