// SPDX-License-Identifier: Apache-2.0
// The table of settings, and its page of the reference.
#include <fmt/format.h>

#include "cli/settings.h"

namespace cli {
namespace {

using cell::Settings;

constexpr SettingRow kSettings[] = {
    {"CELLOS_STATE_DIR", Style::kText, &AllSettings::state_dir,
     "directory of runs, live cells and keys; root: `/var/lib/cellos`, else `$XDG_STATE_HOME/cellos`"},
    {"CELLOS_CELL_BACKEND", Style::kBackend, &Settings::backend,
     "what holds the cell; `native` is the one of this build, `proprietary` is another name of it"},

    {"CELLOS_DEPLOYMENT_PROFILE",
     Style::kProfile,
     {},
     "`hardened` switches CELLOS_REQUIRE_AUTHORITY_DERIVATION, CELLOS_REQUIRE_TELEMETRY_DECLARED, CELLOS_STRICT_CONFIG "
     "and CELLOS_REQUIRE_SCOPED_DERIVATION_TOKENS on and needs CELLOS_AUTHORITY_KEYS_PATH; delivery to JetStream, which "
     "it also stands for elsewhere, is not built and not demanded"},
    {"CELLOS_STRICT_CONFIG", Style::kTruthy, &Settings::strict_config,
     "changes nothing: what can't be understood is an error in any case"},
    {"CELLOS_AUTHORITY_KEYS_PATH", Style::kText, &Settings::authority_keys_path,
     "file of the keys that may grant authority to documents"},
    {"CELLOS_REQUIRE_AUTHORITY_DERIVATION", Style::kPresence, &Settings::require_derivation,
     "refuse a document without a derivation token"},
    {"CELLOS_REQUIRE_SCOPED_DERIVATION_TOKENS", Style::kOnUnlessFalsy, &Settings::require_scoped_tokens,
     "refuse a token that names no role, run or document"},
    {"CELLOS_REQUIRE_TELEMETRY_DECLARED", Style::kPresence, &Settings::require_telemetry,
     "refuse a document without a telemetry block"},
    {"CELLOS_POLICY_PACK_PATH", Style::kText, &Settings::policy_pack_path,
     "policy pack that every document must satisfy; `--policy` wins"},
    {"CELLOS_POLICY_ALLOW_DOWNGRADE", Style::kTruthy, &Settings::allow_policy_downgrade,
     "take a pack of an older version than one that was used before"},
    {"CELLOS_AUTHZ_POLICY_PATH", Style::kText, &Settings::authz_policy_path,
     "who may run what: the authorization policy"},
    {"CELLOS_K8S_NAMESPACE", Style::kText, &Settings::k8s_namespace,
     "namespace of the caller, for the authorization policy"},
    {"CELLOS_CALLER_IDENTITY", Style::kText, &Settings::caller_identity,
     "name of the caller, for the authorization policy; `default` when unset"},
    {"CELLOS_TRUST_VERIFY_KEYS_PATH", Style::kText, &Settings::trust_verify_keys_path,
     "keys that trust keysets are verified with"},
    {"CELLOS_TRUST_KEYSET_PATH", Style::kText, &Settings::trust_keyset_path,
     "signed keyset whose digest the events of the trust plane name"},
    {"CELLOS_TRUST_KEYSET_CHAIN_PATH", Style::kPathList, &Settings::trust_keyset_chain_paths,
     "older keysets that lead to it, oldest first"},
    {"CELLOS_REQUIRE_TRUST_VERIFY_KEYS", Style::kTruthy, &Settings::require_trust_verify_keys,
     "refuse to run without CELLOS_TRUST_VERIFY_KEYS_PATH"},
    {"CELLOS_TRUST_PLANE_EVENTS", Style::kOnUnlessFalsy, &Settings::trust_plane_events,
     "events about keysets and DNS authority"},
    {"CELLOS_TRUST_KEYSET_ID", Style::kText, &Settings::trust_keyset_id,
     "`keysetId` of those events; `cellos:builtin-v0` when unset"},
    {"CELLOS_TRUST_RESOLVER_KID", Style::kText, &Settings::resolver_kid,
     "`issuerKid` of decisions about names; `cellos-local-resolve-v0` when unset"},
    {"CELLOS_TRUST_L7_KID", Style::kText, &Settings::l7_kid,
     "`issuerKid` of decisions about hosts; `cellos-local-l7-v0` when unset"},

    {"CELLOS_RUN_ID", Style::kText, &Settings::run_id,
     "id of the run; made of the cell's id, the time and eight random digits when unset"},
    {"CELLOS_RUN_TIMEOUT_MS", Style::kNumber, &Settings::run_timeout_ms,
     "milliseconds after which the workload is ended; with a limit in the document the smaller one holds"},
    {"CELLOS_RUN_ARGV0_ALLOW_PREFIXES", Style::kList, &Settings::argv0_prefixes,
     "paths below which the program must lie"},
    {"CELLOS_CGROUP_PARENT", Style::kText, &Settings::cgroup_parent,
     "cgroup below which cells get their leaf; our own where it is delegated"},
    {"CELLOS_CGROUP_MEMORY_MAX", Style::kText, &Settings::cgroup_memory_max,
     "bytes or `max`; with a limit in the document the smaller one holds"},
    {"CELLOS_CGROUP_CPU_MAX", Style::kText, &Settings::cgroup_cpu_max,
     "`max`, or quota and period in microseconds, where the document says nothing"},
    {"CELLOS_UID_BASE", Style::kNumber, &Settings::uid_base,
     "first host uid of the range that root's cells take theirs from; 1879048192 when unset"},
    {"CELLOS_BROKER", Style::kBroker, &Settings::broker,
     "where secrets come from whose source is not named: `env` or `file`"},
    {"CELLOS_EXPORT_DIR", Style::kText, &Settings::export_dir,
     "directory that exports are delivered to, beside the run's own"},

    {"CELLOS_RESOLVE_EGRESS_DNS", Style::kTruthy, &Settings::resolve_egress,
     "resolve the declared hosts at the start and tell what they were"},
    {"CELLOS_DNS_AUTHORITY_REFRESH", Style::kTruthy, &Settings::dns_refresh,
     "ask the granted names again and tell when their addresses drift"},
    {"CELLOS_DNS_AUTHORITY_CONTINUOUS", Style::kTruthy, &Settings::dns_refresh_continuous,
     "go on doing so while the cell runs"},
    {"CELLOS_DNS_AUTHORITY_TICK_INTERVAL_SECS", Style::kNumber, &Settings::dns_tick_interval_s,
     "seconds between two of these; by the document when unset"},
    {"CELLOS_DNSSEC_TRUST_ANCHORS_PATH", Style::kText, &Settings::dnssec_trust_anchors_path,
     "trust anchors; wins over the document's path"},
    {"CELLOS_FLOW_MAX_BYTES_OUT", Style::kNumber, &Settings::flow_max_bytes_out,
     "bytes that one connection may send out; 536870912 when unset"},
    {"CELLOS_L7_GATE_OBSERVABILITY", Style::kTruthy, &Settings::l7_gate_observability,
     "an event for each entry of the allowlist at the start"},
    {"CELLOS_PER_FLOW_ENFORCEMENT_EVENTS", Style::kExactlyOne, &Settings::per_flow_enforcement_events,
     "`network_flow_decision` rows made of the kernel's counters at the end"},

    {"CELLOS_TELEMETRY_INOTIFY_PATH", Style::kText, &Settings::telemetry_watch_path,
     "the path inside the cell whose changes `fs.inotify_fired` tells; `/workspace` when unset"},
    {"CELLOS_HOST_TELEMETRY_SIGN_ALG", Style::kTextOrEmpty, &Settings::telemetry_signing,
     "signs each published claim of the witness: `off`, `hmac-sha256` or `ed25519`"},
    {"CELLOS_HOST_TELEMETRY_SIGN_KID", Style::kTextOrEmpty, &Settings::telemetry_signing_kid, "id of that key"},
    {"CELLOS_HOST_TELEMETRY_SIGN_HMAC_KEY", Style::kTextOrEmpty, &Settings::telemetry_signing_hmac_key,
     "that key for `hmac-sha256`, base64url"},
    {"CELLOS_HOST_TELEMETRY_SIGN_ED25519_SK", Style::kTextOrEmpty, &Settings::telemetry_signing_seed,
     "that key for `ed25519`: base64url of the seed's 32 bytes"},

    {"CELL_OS_JSONL_EVENTS", Style::kText, &Settings::mirror_path,
     "file that every event is appended to in published form"},
    {"CELLOS_DLQ_DIR", Style::kText, &Settings::dlq_dir, "directory for events that a sink did not take"},
    {"CELLOS_REDACT_EVENT_FIELDS", Style::kText, &Settings::redact_fields,
     "members that are blanked for every sink; `defaults` is argv, path and reason"},
    {"CELLOS_EVENT_SIGNING", Style::kText, &Settings::signing_mode,
     "signs each published event: `off`, `ed25519`, `hmac` or `hmac-sha256`"},
    {"CELLOS_EVENT_SIGNING_KID", Style::kText, &Settings::signing_kid, "id of that key"},
    {"CELLOS_EVENT_SIGNING_KEY_BASE64", Style::kText, &Settings::signing_key, "that key"},

    {"CELL_OS_REQUIRE_JETSTREAM", Style::kUnsupported, {}, "promises something that is not part of this build"},
    {"CELL_OS_REQUIRE_HTTP_EXPORT", Style::kUnsupported, {}, "promises something that is not part of this build"},
    {"CELL_OS_REQUIRE_S3_EXPORT", Style::kUnsupported, {}, "promises something that is not part of this build"},
    {"CELL_OS_AUDIT_CHAIN", Style::kUnsupported, {}, "promises something that is not part of this build"},
    {"CELLOS_REQUIRE_ADMISSION_RECEIPTS", Style::kUnsupported, {}, "promises something that is not part of this build"},
    {"CELLOS_REQUIRE_HOST_BASELINE", Style::kUnsupported, {}, "promises something that is not part of this build"},
    {"CELLOS_SPOOL_DIR", Style::kUnsupported, {}, "promises something that is not part of this build"},
    {"CELLOS_SECCOMP_BPF_PATH", Style::kUnsupported, {}, "promises something that is not part of this build"},
    {"CELLOS_DNS_UPSTREAM_PROTOCOL",
     Style::kUnsupported,
     {},
     "the resolvers and addresses of the document are used as they stand"},
    {"CELLOS_DNS_UPSTREAM_TRANSPORT",
     Style::kUnsupported,
     {},
     "the resolvers and addresses of the document are used as they stand"},
    {"CELLOS_DNS_UPSTREAM_DOT_SERVER",
     Style::kUnsupported,
     {},
     "the resolvers and addresses of the document are used as they stand"},
    {"CELLOS_DNS_UPSTREAM_DOH_URL",
     Style::kUnsupported,
     {},
     "the resolvers and addresses of the document are used as they stand"},
    {"CELLOS_DNS_UPSTREAM_DOQ_SERVER",
     Style::kUnsupported,
     {},
     "the resolvers and addresses of the document are used as they stand"},
    {"CELLOS_DNS_PROXY_UPSTREAM_OVERRIDE",
     Style::kUnsupported,
     {},
     "the resolvers and addresses of the document are used as they stand"},
    {"CELLOS_SNI_PROXY_UPSTREAM_OVERRIDE",
     Style::kUnsupported,
     {},
     "the resolvers and addresses of the document are used as they stand"},
};

std::string_view Allowed(const SettingRow& row) {
  switch (row.style) {
    case Style::kText:
    case Style::kTextOrEmpty:
      return "text";
    case Style::kList:
      return "list with commas";
    case Style::kPathList:
      return "paths, with commas or a line each";
    case Style::kNumber:
      return std::holds_alternative<std::uint32_t Settings::*>(row.target) ? "1 to 4294967295" : "1 or more";
    case Style::kTruthy:
      return "1 true yes on, 0 false no off";
    case Style::kOnUnlessFalsy:
      return "0 false no off; on when unset";
    case Style::kPresence:
      return "any value switches it on; 0 false no off and the empty one are refused";
    case Style::kExactlyOne:
      return "on as 1 alone";
    case Style::kEventsForm:
      return "published, log";
    case Style::kProfile:
      return "hardened, portable";
    case Style::kBroker:
      return "env, file";
    case Style::kBackend:
      return "native, proprietary; the other known names are refused at admission";
    case Style::kUnsupported:
      return "unset, or 0 false no off";
  }
  return "";
}

}  // namespace

std::span<const SettingRow> SettingTable() { return kSettings; }

std::string SettingsPage() {
  std::string page =
      "# Settings\n\nEach is a variable of the environment of `cellos`, or a member of that name in the configuration "
      "file: one JSON object, `/etc/cellos/config.json` for root, `$XDG_CONFIG_HOME/cellos/config.json` "
      "(`~/.config/cellos/config.json`) otherwise, or the file that `CELLOS_CONFIG` names. A variable wins over the "
      "file, an option of the command line over both. What is not understood is an error. An empty text counts as "
      "unset "
      "but for the keys of `CELLOS_HOST_TELEMETRY_SIGN_…`. This page is made from the table that reads them.\n\n"
      "| setting | allowed | meaning |\n| --- | --- | --- |\n";
  for (const SettingRow& row : kSettings) {
    page += fmt::format("| `{}` | {} | {} |\n", row.variable, Allowed(row), row.meaning);
  }
  return page;
}

}  // namespace cli
