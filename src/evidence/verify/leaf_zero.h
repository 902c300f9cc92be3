// SPDX-License-Identifier: Apache-2.0
// Leaf 0 as a reader finds it, and the certificate that binds it to the deployment (evidence.md §2, §4).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/spki.h"
#include "crypto/vkey.h"

namespace evidence {

struct LeafZero {
  std::string time;  // of the event
  std::string origin, deployment, run_id, cell_id;
  crypto::Vkey run_key;
  std::string run_vkey;  // as written
  std::vector<crypto::SpkiKey> deployment_keys;
  std::string deployment_keys_json;  // its canonical bytes
  std::string certificate;
  std::optional<std::string> spec_digest, policy_pack_digest, plan_digest;
  std::string software_json, machine_json, previous_seal_json;
};

// From the first line of events.jsonl: canonical, an `opened` event with every member in its form. Nothing of it is
// trusted by that. kInvalid names the member.
base::Result<LeafZero> ParseLeafZero(std::string_view line);

struct Certificate {
  std::string origin, run_vkey, spec_digest, plan_digest, keys_digest, not_before, not_after;
  std::string signer_name;
  std::uint32_t signer_id = 0;
  std::string text;       // what is signed
  base::Bytes signature;  // 64 bytes where it can hold
};
// Form only: exactly one signature line, eight text lines, digests or "-", real times.
base::Result<Certificate> ParseCertificate(std::string_view note);

// The index in `deployment_keys` of the key that signed leaf 0's certificate; kInvalid when anything of the two
// differs.
base::Result<std::size_t> CheckCertificate(const LeafZero& zero);
// What is odd about the certificate's times; empty when nothing is. No trusted clock exists to judge them by.
std::string CertificateTimeWarning(const LeafZero& zero);

// "<deployment>" of "<deployment>/runs/<run id>"; nullopt when `origin` has another form.
std::optional<std::string_view> DeploymentOf(std::string_view origin);

}  // namespace evidence
