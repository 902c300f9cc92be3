// SPDX-License-Identifier: Apache-2.0
// What a run is told besides its document: policy, trust, sinks, brokers. Filled by `cli` from variables, file, options.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cell {

enum class Profile : std::uint8_t { kDefault, kHardened, kPortable };
enum class EventsForm : std::uint8_t { kPublished, kLog };

// A secret asked for on the command line: where its value comes from.
struct SecretSource {
  std::string broker;  // env | file
  std::string key;     // variable or path; empty: the broker's own mapping of the name
};

struct Settings {
  Profile profile = Profile::kDefault;
  bool strict_config = false;

  // Admission
  std::string authority_keys_path;
  bool require_derivation = false;
  bool require_scoped_tokens = true;
  bool require_telemetry = false;
  std::string policy_pack_path;
  bool allow_policy_downgrade = false;
  std::string if_policy;  // "sha256:…": the pack's digest that the decision is bound to
  std::string authz_policy_path;
  std::string k8s_namespace;
  std::string pool_id, queue_name;  // the host's own placement, for scoped packs
  std::string caller_identity = "default";
  std::string trust_verify_keys_path, trust_keyset_path;
  std::vector<std::string> trust_keyset_chain_paths;
  bool require_trust_verify_keys = false;
  bool trust_plane_events = true;
  std::string trust_keyset_id = "cellos:builtin-v0";
  std::string resolver_kid = "cellos-local-resolve-v0";
  std::string l7_kid = "cellos-local-l7-v0";

  // Run
  std::string backend = "native";
  std::string run_id;  // empty: generated
  std::uint64_t run_timeout_ms = 0;
  std::vector<std::string> argv0_prefixes;
  std::string cgroup_parent, cgroup_memory_max, cgroup_cpu_max;
  std::uint32_t uid_base = 0x70000000;
  std::string broker = "env";
  std::map<std::string, SecretSource> secret_sources;  // by secret name; what isn't here goes to `broker`
  std::string export_dir;
  std::vector<std::string> command_line_relaxations;

  // Network (documents.md §6.6)
  bool resolve_egress = false, dns_refresh = false, dns_refresh_continuous = false;
  std::uint32_t dns_tick_interval_s = 0;  // 0: by the document
  std::string dnssec_trust_anchors_path;
  std::uint64_t flow_max_bytes_out = std::uint64_t{512} << 20;  // of one flow, from the workload
  bool l7_gate_observability = false;
  bool per_flow_enforcement_events = false;

  // Telemetry (telemetry.md §2.1, §3.6)
  std::string telemetry_watch_path;  // the one path whose changes fs.inotify_fired tells
  // CELLOS_HOST_TELEMETRY_SIGN_… as set: an empty one is not an absent one.
  std::optional<std::string> telemetry_signing, telemetry_signing_kid, telemetry_signing_hmac_key, telemetry_signing_seed;

  // Events
  std::string events_path;  // JSONL sink, empty: none
  EventsForm events_form = EventsForm::kPublished;
  std::string mirror_path;  // CELL_OS_JSONL_EVENTS, always in published form
  std::string dlq_dir;
  std::string redact_fields;
  std::string signing_mode, signing_kid, signing_key;  // CELLOS_EVENT_SIGNING…
  bool sign_with_deployment_key = false;               // --sign-events
  bool durable = false;
};

}  // namespace cell
