// SPDX-License-Identifier: Apache-2.0
// The table of kinds: file stem to the function that judges its records.
#pragma once

#include <span>
#include <string_view>

#include "vectors/kind.h"

namespace vectors {

struct KindRow {
  std::string_view stem;
  Judge judge;              // nullptr: nothing here judges it
  std::string_view absent;  // why not
};

std::span<const KindRow> Kinds();

// The row of exactly `stem`, else that of the longest known stem which is a prefix of it followed by '_', '-' or '.';
// nullptr when there is none.
const KindRow* FindKind(std::string_view stem);

// One judge per kind, each defined in kinds/<name>.cc.
Outcome JudgeCanonicalJson(const json::Value& record, const Source& source);
Outcome JudgeCanonicalJson08(const json::Value& record, const Source& source);
Outcome JudgeCellDocument(const json::Value& record, const Source& source);
Outcome JudgeCgroupLimits(const json::Value& record, const Source& source);
Outcome JudgeDnsMessages(const json::Value& record, const Source& source);
Outcome JudgeEventTransport(const json::Value& record, const Source& source);
Outcome JudgeEventsData(const json::Value& record, const Source& source);
Outcome JudgeHostnameAllowlist(const json::Value& record, const Source& source);
Outcome JudgeHostnameExtraction(const json::Value& record, const Source& source);
Outcome JudgeL7Decisions(const json::Value& record, const Source& source);
Outcome JudgeNetworkObservations(const json::Value& record, const Source& source);
Outcome JudgePolicyAdmission(const json::Value& record, const Source& source);
Outcome JudgeRedaction(const json::Value& record, const Source& source);
Outcome JudgeSignatures(const json::Value& record, const Source& source);
Outcome JudgeStateProjection(const json::Value& record, const Source& source);
Outcome JudgeTelemetryFrame(const json::Value& record, const Source& source);
// Of the evidence format: kinds/evidence_*.cc.
Outcome JudgeCheckpoint(const json::Value& record, const Source& source);
Outcome JudgeDsse(const json::Value& record, const Source& source);
Outcome JudgeDsseKey(const json::Value& record, const Source& source);
Outcome JudgeEd25519Strict(const json::Value& record, const Source& source);
Outcome JudgeJcs(const json::Value& record, const Source& source);
Outcome JudgeMerkle(const json::Value& record, const Source& source);
Outcome JudgeMerkleLeaf(const json::Value& record, const Source& source);
Outcome JudgeMutation(const json::Value& record, const Source& source);  // `mutations`: run directories lie beside it
Outcome JudgeSignedNote(const json::Value& record, const Source& source);
Outcome JudgeTlogProof(const json::Value& record, const Source& source);

// A run directory (events.jsonl, checkpoints) on its own, with no mutations file beside it: reading it must end in a
// verdict other than usage and invalid. Keys come from keys.json beside it, if there is one.
Outcome JudgeRunDirectory(const std::filesystem::path& directory);

}  // namespace vectors
