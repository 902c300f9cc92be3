// SPDX-License-Identifier: Apache-2.0
// A seal as a reader finds it (evidence.md §6).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/spki.h"
#include "event/dsse.h"
#include "evidence/seal.h"
#include "evidence/verify/accounts.h"
#include "evidence/verify/run_files.h"

namespace evidence {

// Views point into `payload`, which keeps its place when a Seal moves.
struct Seal {
  std::string payload_type;
  std::unique_ptr<std::string> payload;
  std::vector<event::DsseSignature> signatures;

  std::string_view predicate, subjects;
  std::string cell_id, run_id, origin, started_on, finished_on;
  std::uint64_t size = 0;
  std::string root_hash, checkpoint, run_vkey;
  std::string_view spec_digest, policy_pack_digest, plan_digest;  // JSON values
  std::optional<std::uint64_t> controls;
  std::string backend;
  OutcomeRow outcome;
  std::vector<SourceRow> sources;
  std::vector<IntervalRow> coverage;
  bool complete = false;
  std::uint64_t agree = 0, gap = 0, contradiction = 0;
  std::string_view contradictions, secrets, software, machine, previous_seal;  // JSON values
  std::optional<Tail> tail;

  bool cut() const { return tail.has_value(); }
};

// The envelope and every member in its form, `cut` if and only if there is a tail. Nothing is trusted by that.
base::Result<Seal> ReadSeal(const FileView& file);

// Signatures by exactly `keys`, in their order.
base::Result<> CheckSignatures(const Seal& seal, const std::vector<crypto::SpkiKey>& keys);

// A secret as the seal names it.
struct SealedSecret {
  std::string_view name;  // JSON string
  std::optional<std::uint64_t> delivered_at, revoked_at;
};
base::Result<std::vector<SealedSecret>> ReadSecrets(const Seal& seal);

}  // namespace evidence
