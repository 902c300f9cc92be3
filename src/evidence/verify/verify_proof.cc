// SPDX-License-Identifier: Apache-2.0
// One leaf of a run, proven alone: C2SP tlog-proof.
#include <fmt/format.h>

#include <cstring>

#include "base/encoding.h"
#include "event/checkpoint_text.h"
#include "event/merkle.h"
#include "event/note.h"
#include "event/run_log.h"
#include "evidence/verify/jcs_scan.h"
#include "evidence/verify/leaf_zero.h"
#include "evidence/verify/verify.h"
#include "sys/file.h"

namespace evidence {
namespace {

constexpr std::size_t kMaxProofBytes = 1u << 20;

std::unexpected<base::Error> Bad(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, std::move(message));
}

struct Proof {
  std::string certificate;
  std::uint64_t index = 0;
  std::vector<crypto::Digest> hashes;
  std::string_view note;
};

bool TakeLine(std::string_view& text, std::string_view& line) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

base::Result<Proof> ParseProof(std::string_view text) {
  if (text.size() > kMaxProofBytes) return Bad("the proof is longer than 1 MiB");
  Proof proof;
  std::string_view line;
  if (!TakeLine(text, line) || line != "c2sp.org/tlog-proof@v1")
    return Bad("the proof does not begin with c2sp.org/tlog-proof@v1");
  if (!TakeLine(text, line) || !line.starts_with("extra "))
    return Bad("the proof has no extra line with the run-key certificate");
  const auto certificate = base::Base64Decode(line.substr(6));
  if (!certificate) return Bad("the extra line of the proof is no padded base64");
  proof.certificate = base::AsText(*certificate);
  if (!TakeLine(text, line) || !line.starts_with("index ")) return Bad("the proof has no index line");
  proof.index = TRY_WITH("index of the proof", event::ParseDecimal(line.substr(6)));
  if (proof.index >= event::kTreeSizeLimit) return Bad("the index of the proof is not below 2^62");
  while (TakeLine(text, line) && !line.empty()) {
    if (proof.hashes.size() == event::kMaxProofHashes) return Bad("the proof has more than 64 hashes");
    const auto hash = base::Base64Decode(line);
    if (!hash || hash->size() != 32) return Bad("a hash of the proof is not the base64 of 32 bytes");
    std::memcpy(proof.hashes.emplace_back().data(), hash->data(), 32);
  }
  if (!line.empty()) return Bad("no blank line parts hashes and checkpoint of the proof");
  proof.note = text;
  return proof;
}

base::Result<event::CheckpointText> CheckCheckpoint(const Proof& proof, const crypto::Vkey& run_key) {
  const event::Note note = TRY_WITH("checkpoint of the proof", event::ParseNote(proof.note));
  if (note.signatures.size() != 1) return Bad("checkpoint of the proof: it has not exactly one signature line");
  if (!event::VerifyNoteSignature(note.text, note.signatures[0], run_key)) {
    return Bad("checkpoint of the proof: its signature by the certified run key does not hold");
  }
  const event::CheckpointText text = TRY_WITH("checkpoint of the proof", event::ParseCheckpointText(note.text));
  if (text.extension_lines != 0) return Bad("checkpoint of the proof: it has more than three lines");
  if (text.origin != run_key.name) return Bad("checkpoint of the proof: its origin is not that of the certificate");
  return text;
}

base::Result<> CheckLeaf(std::string_view leaf, std::uint64_t index) {
  if (leaf.size() > event::kMaxLeafBytes) return Bad("the leaf is longer than 65,536 bytes");
  JcsScanner scanner;
  if (!scanner.Scan(leaf)) return Bad("the leaf is not the canonical JSON of one object of at most 32 levels");
  const std::string expected = fmt::format("{:020}", index);
  if (PlainStringOf(scanner.Find("sequence")) != expected)
    return Bad(fmt::format("sequence of the leaf should be {}", expected));
  return {};
}

// The trusted key that signed the certificate; a signature that names a trusted key must hold.
base::Result<> Anchor(const Certificate& certificate, const std::vector<TrustedKey>& keys, Report& report) {
  for (const TrustedKey& trusted : keys) {
    if (trusted.spki.algorithm != crypto::KeyAlgorithm::kEd25519) continue;
    if (trusted.name && *trusted.name != report.deployment) continue;
    const crypto::Vkey vkey{.name = report.deployment, .key = trusted.spki.ed25519};
    if (vkey.id() != certificate.signer_id) continue;
    if (!crypto::VerifyEd25519(vkey.key, base::AsBytes(certificate.text), certificate.signature)) {
      return Bad(fmt::format("certificate: its signature by key {} does not hold", trusted.spki.key_id));
    }
    report.anchored_by =
        fmt::format("key {} ({})", trusted.spki.key_id, trusted.given_as.empty() ? "as given" : trusted.given_as);
    return {};
  }
  return {};
}

base::Result<> Judge(std::string_view text, std::string_view leaf, const std::vector<TrustedKey>& keys,
                     Report& report) {
  const auto passed = [&](std::string_view name, std::string detail) {
    report.checks.push_back({std::string(name), Check::Result::kPassed, std::move(detail)});
  };
  const Proof proof = TRY(ParseProof(text));
  const Certificate certificate = TRY(ParseCertificate(proof.certificate));
  const auto deployment = DeploymentOf(certificate.origin);
  if (!deployment) return Bad("certificate: its origin is not <deployment>/runs/<run id>");
  if (certificate.signer_name != *deployment)
    return Bad("certificate: its signer is not named after the origin's deployment");
  report.deployment = *deployment;
  report.deployment_key_ids = fmt::format("deployment {}, key id {:08x}", *deployment, certificate.signer_id);
  const crypto::Vkey run_key = TRY_WITH("certificate: run key", crypto::ParseVkey(certificate.run_vkey));
  if (run_key.type != crypto::VkeyType::kEd25519 || run_key.name != certificate.origin) {
    return Bad("certificate: the run key is not of type 0x01 under the origin's name");
  }
  TRY(Anchor(certificate, keys, report));
  passed("certificate", report.anchored_by.empty()
                            ? "it has its form; its signature can't be judged without the deployment's key"
                            : "it is signed by a key that you trust");
  const event::CheckpointText checkpoint = TRY(CheckCheckpoint(proof, run_key));
  passed("checkpoint", fmt::format("size {}, signed by the certified run key", checkpoint.size));
  TRY(CheckLeaf(leaf, proof.index));
  if (!event::VerifyInclusion(event::LeafHash(leaf), proof.index, checkpoint.size, proof.hashes, checkpoint.root)) {
    return Bad(fmt::format("the hashes do not lead from leaf {} to the root of the checkpoint of size {}", proof.index,
                           checkpoint.size));
  }
  passed("inclusion", fmt::format("leaf {} of size {}", proof.index, checkpoint.size));
  report.leaf = proof.index;
  report.proven = checkpoint.size;
  report.root = base::Base64Encode(checkpoint.root);
  report.run_id = certificate.origin.substr(deployment->size() + 6);
  report.checks.push_back(
      {"run", Check::Result::kNotChecked, "whether the run is sealed, complete or without contradiction"});
  return {};
}

}  // namespace

Report VerifyProofText(std::string_view proof, std::string_view leaf, const std::vector<TrustedKey>& keys) {
  Report report{.keys_given = !keys.empty(), .proof = true};
  const base::Result<> done = Judge(proof, leaf, keys, report);
  if (done) {
    report.verdict = report.anchored_by.empty() ? Verdict::kUnanchored : Verdict::kVerified;
  } else {
    report.verdict = Verdict::kInvalid;
    report.fault = done.error().message;
    report.checks.push_back({"proof", Check::Result::kFailed, report.fault});
    report.anchored_by.clear();
  }
  return report;
}

Report VerifyProof(const std::string& proof_path, const std::string& leaf_path, const std::vector<TrustedKey>& keys) {
  const auto proof = sys::ReadFile(AT_FDCWD, proof_path, kMaxProofBytes);
  const auto leaf = sys::ReadFile(AT_FDCWD, leaf_path, event::kMaxLeafBytes);
  for (const auto* file : {&proof, &leaf}) {
    if (*file) continue;
    const bool limit = file->error().kind == base::ErrorKind::kLimit;
    return {.verdict = limit ? Verdict::kInvalid : Verdict::kUsage,
            .input = proof_path,
            .fault = file->error().message,
            .proof = true};
  }
  Report report = VerifyProofText(*proof, *leaf, keys);
  report.input = proof_path;
  return report;
}

}  // namespace evidence
