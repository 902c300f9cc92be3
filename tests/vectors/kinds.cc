// SPDX-License-Identifier: Apache-2.0
// The table of kinds.
#include "vectors/kinds.h"

namespace vectors {

// Weak here only: the records of a judge whose file is not in the build are told as skipped, not passed.
#define WEAK(judge) [[gnu::weak]] Outcome judge(const json::Value& record, const Source& source)
WEAK(JudgeCanonicalJson);
WEAK(JudgeCanonicalJson08);
WEAK(JudgeCellDocument);
WEAK(JudgeCgroupLimits);
WEAK(JudgeCheckpoint);
WEAK(JudgeDnsMessages);
WEAK(JudgeDsse);
WEAK(JudgeDsseKey);
WEAK(JudgeEd25519Strict);
WEAK(JudgeEventTransport);
WEAK(JudgeEventsData);
WEAK(JudgeHostnameAllowlist);
WEAK(JudgeHostnameExtraction);
WEAK(JudgeJcs);
WEAK(JudgeL7Decisions);
WEAK(JudgeMerkle);
WEAK(JudgeMerkleLeaf);
WEAK(JudgeMutation);
WEAK(JudgeNetworkObservations);
WEAK(JudgePolicyAdmission);
WEAK(JudgeRedaction);
WEAK(JudgeSignatures);
WEAK(JudgeSignedNote);
WEAK(JudgeStateProjection);
WEAK(JudgeTelemetryFrame);
WEAK(JudgeTlogProof);
#undef WEAK

namespace {

constexpr std::string_view kNotBuilt = "no judge in this build";
constexpr std::string_view kLater = "kind of a part that does not exist yet";

}  // namespace

std::span<const KindRow> Kinds() {
  static const KindRow rows[] = {
      {"authority_derivation", nullptr, kLater},
      {"canonical_json", JudgeCanonicalJson, kNotBuilt},
      {"canonical_json_08", JudgeCanonicalJson08, kNotBuilt},
      {"cell_documents", JudgeCellDocument, kNotBuilt},
      {"cgroup_limits", JudgeCgroupLimits, kNotBuilt},
      {"checkpoints", JudgeCheckpoint, kNotBuilt},
      {"dns_messages", JudgeDnsMessages, kNotBuilt},
      {"dsse", JudgeDsse, kNotBuilt},
      {"dsse_keys", JudgeDsseKey, kNotBuilt},
      {"ed25519_strict", JudgeEd25519Strict, kNotBuilt},
      {"event_transport", JudgeEventTransport, kNotBuilt},
      {"events_data", JudgeEventsData, kNotBuilt},
      {"firecracker_api_observed", nullptr, kLater},
      {"formation", nullptr, kLater},
      {"hostname_allowlist", JudgeHostnameAllowlist, kNotBuilt},
      {"hostname_extraction", JudgeHostnameExtraction, kNotBuilt},
      {"jcs", JudgeJcs, kNotBuilt},
      {"l7_decisions", JudgeL7Decisions, kNotBuilt},
      {"merkle", JudgeMerkle, kNotBuilt},
      {"merkle_leaves", JudgeMerkleLeaf, kNotBuilt},
      {"mutations", JudgeMutation, kNotBuilt},
      {"network_observations", JudgeNetworkObservations, kNotBuilt},
      {"policy_admission", JudgePolicyAdmission, kNotBuilt},
      {"principal_uris", nullptr, kLater},
      {"redaction", JudgeRedaction, kNotBuilt},
      {"signatures", JudgeSignatures, kNotBuilt},
      {"signed_notes", JudgeSignedNote, kNotBuilt},
      {"state_projection", JudgeStateProjection, kNotBuilt},
      {"telemetry_frames", JudgeTelemetryFrame, kNotBuilt},
      {"tlog_proof", JudgeTlogProof, kNotBuilt},
  };
  return rows;
}

const KindRow* FindKind(std::string_view stem) {
  const KindRow* best = nullptr;
  for (const KindRow& row : Kinds()) {
    if (stem == row.stem) return &row;
    const bool prefix = stem.size() > row.stem.size() && stem.starts_with(row.stem) &&
                        std::string_view("_-.").contains(stem[row.stem.size()]);
    if (prefix && (best == nullptr || row.stem.size() > best->stem.size())) best = &row;
  }
  return best;
}

}  // namespace vectors
