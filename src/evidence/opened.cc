// SPDX-License-Identifier: Apache-2.0
// Data of leaf 0 and the run-key certificate.
#include "evidence/opened.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/sha256.h"
#include "event/json_object.h"
#include "event/note.h"
#include "event/types.h"

namespace evidence {
namespace {

constexpr std::string_view kCertificateHeader = "cellos run-key v1";
constexpr std::chrono::hours kCertificateSlack{1};

}  // namespace

std::string OriginOf(std::string_view deployment_name, std::string_view run_id) {
  return fmt::format("{}/runs/{}", deployment_name, run_id);
}

std::string SoftwareJson(const Software& software) {
  event::Object object;
  object.Raw("binaries", event::ObjectOf(software.binaries));
  object.Add("version", software.version);
  return object.Take();
}

std::string MachineJson(const Machine& machine) {
  event::Object object;
  object.Add("arch", machine.arch).Add("bootId", machine.boot_id).Add("kernel", machine.kernel);
  return object.Take();
}

std::string DeploymentKeysJson(const DeploymentKeys& keys) {
  std::vector<std::string> rows;
  for (const SealingKey& key : keys.keys) {
    event::Object row;
    row.Add("alg", crypto::ToString(key.spki.algorithm));
    row.Add("keyid", key.spki.key_id);
    row.Add("spki", base::Base64Encode(key.spki.der));
    rows.push_back(row.Take());
  }
  return event::ArrayOfRaw(rows);
}

std::string RunKeyCertificate(const RunFacts& facts, const DeploymentKeys& keys, std::string_view run_vkey,
                              base::WallTime now, std::chrono::seconds ttl) {
  // A time to live near the end of what clocks can say must not wrap.
  constexpr std::chrono::seconds kLongest = std::chrono::hours(24) * 365 * 1000;
  const base::WallTime until = now + std::min(ttl, kLongest) + kCertificateSlack;
  const std::string text =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n", kCertificateHeader, OriginOf(keys.name, facts.run_id), run_vkey,
                  facts.spec_digest.value_or("-"), facts.plan_digest.value_or("-"),
                  crypto::PrefixedHex(crypto::Sha256Of(DeploymentKeysJson(keys))), base::FormatSeconds(now),
                  base::FormatSeconds(until));
  return event::SignNote(text, keys.name, keys.note_key());
}

event::Draft OpenedEvent(const RunFacts& facts, const DeploymentKeys& keys, std::string_view run_vkey,
                         base::WallTime now, std::chrono::seconds ttl) {
  event::Object data;
  data.Add("cellId", facts.cell_id);
  data.Add("certificate", RunKeyCertificate(facts, keys, run_vkey, now, ttl));
  data.Raw("deploymentKeys", DeploymentKeysJson(keys));
  data.Add("format", "cellos-run-log/1");
  data.Raw("machine", MachineJson(facts.machine));
  data.Add("origin", OriginOf(keys.name, facts.run_id));
  data.AddOrNull("planDigest", facts.plan_digest);
  data.AddOrNull("policyPackDigest", facts.policy_pack_digest);
  data.Raw("previousSeal", "null");
  data.Add("runId", facts.run_id);
  data.Add("runKey", run_vkey);
  data.Raw("software", SoftwareJson(facts.software));
  data.AddOrNull("specDigest", facts.spec_digest);
  return {.type = event::kLogOpened, .source = event::kSourceSupervisor, .data = data.Take()};
}

}  // namespace evidence
