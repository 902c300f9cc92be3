// SPDX-License-Identifier: Apache-2.0
// plan.json: the plan as JCS. Members are written in sorted order; a test holds them to the canonical form.
#include <fmt/format.h>

#include "base/encoding.h"
#include "crypto/sha256.h"
#include "json/writer.h"
#include "plan/plan.h"
#include "plan/seccomp_table.h"
#include "plan/words.h"
#include "wire/agent_config.h"

namespace plan {
namespace {

using json::Writer;

// Beyond 2^53 numbers don't survive other readers of JSON; none of ours is meant to be counted with there.
void Number(Writer& out, std::string_view key, std::uint64_t value) {
  if (value == ~0ull) {
    out.Key(key).String("unlimited");
  } else {
    out.Key(key).Uint(value);
  }
}

void Strings(Writer& out, std::string_view key, const std::vector<std::string>& values) {
  out.Key(key).BeginArray();
  for (const std::string& value : values) out.String(value);
  out.EndArray();
}

void MountStep(Writer& out, const Mount& mount) {
  out.BeginObject();
  if (mount.kind == Mount::Kind::kFile) {
    Number(out, "bytes", mount.content.size());
    out.Key("contentSha256").String(crypto::Hex(crypto::Sha256Of(mount.content)));
  }
  if (mount.device != 0) Number(out, "device", mount.device);
  out.Key("do").String(ToString(mount.kind));
  if (mount.kind == Mount::Kind::kGrant) Number(out, "grant", mount.grant);
  if (mount.inode != 0) Number(out, "inode", mount.inode);
  if (mount.inodes != 0) Number(out, "inodes", mount.inodes);
  if (mount.mode != 0) out.Key("mode").String(fmt::format("{:04o}", mount.mode));
  if (mount.no_exec) out.Key("noExec").Bool(true);
  if (mount.optional) out.Key("optional").Bool(true);
  if (mount.kind == Mount::Kind::kBind || mount.kind == Mount::Kind::kGrant || mount.kind == Mount::Kind::kTmpfs) {
    out.Key("readOnly").Bool(mount.read_only);
  }
  if (mount.size_bytes != 0) Number(out, "sizeBytes", mount.size_bytes);
  if (!mount.source.empty()) out.Key("source").String(mount.source);
  out.Key("target").String(mount.target).EndObject();
}

void IdStep(Writer& out, const Plan& plan) {
  out.BeginObject().Key("do").String("ids").Key("from").String(plan.ids_from_range ? "range" : "caller");
  Number(out, "gid", kCellGid);
  Number(out, "uid", kCellUid);
  if (plan.ids_from_range) Number(out, "uidBase", plan.uid_base);
  out.EndObject();
}

void FilterStep(Writer& out, std::string_view of, std::string_view filter) {
  out.BeginObject();
  Number(out, "bytes", filter.size());
  out.Key("do").String("filter").Key("of").String(of);
  out.Key("sha256").String(crypto::Hex(crypto::Sha256Of(filter))).EndObject();
}

std::string HexSha256(std::string_view bytes) { return crypto::Hex(crypto::Sha256Of(bytes)); }

// What the gate, the dialler and the kernel are told.
void Network(Writer& out, const NetworkPlan& network) {
  out.Key("network").BeginObject();
  out.Key("gateFilterSha256").String(HexSha256(network.gate_filter));
  out.Key("hostAddresses").BeginArray();
  for (const base::IpAddress& address : network.host_addresses) out.String(base::ToString(address));
  out.EndArray().Key("linkSha256").String(HexSha256(network.link_batch));
  out.Key("names").BeginArray();
  for (const NetworkName& name : network.names) {
    out.BeginObject();
    Number(out, "index", name.index);
    out.Key("pattern").String(name.pattern).EndObject();
  }
  out.EndArray().Key("queryTypes").BeginArray();
  for (const std::uint16_t type : network.query_types) out.Uint(type);
  out.EndArray().Key("resolvers").BeginArray();
  for (const NetworkResolver& resolver : network.resolvers) {
    constexpr const char* kTransports[] = {"do53-udp", "do53-tcp", "dot", "doh"};
    constexpr const char* kModes[] = {"off", "best_effort", "require"};
    out.BeginObject().Key("dnssec").String(kModes[static_cast<int>(resolver.dnssec)]);
    out.Key("endpoint").String(base::ToString(resolver.endpoint)).Key("fromHost").Bool(resolver.from_host);
    out.Key("id").String(resolver.id).Key("path").String(resolver.path);
    out.Key("transport").String(kTransports[static_cast<int>(resolver.transport)]).EndObject();
  }
  out.EndArray().Key("rules").BeginArray();
  for (const NetworkRule& rule : network.rules) {
    constexpr const char* kProtocols[] = {"https", "http", "tcp", "udp"};
    out.BeginObject().Key("host").String(rule.host);
    Number(out, "index", rule.index);
    Number(out, "port", rule.port);
    out.Key("protocol").String(kProtocols[static_cast<int>(rule.protocol)]).EndObject();
  }
  out.EndArray().Key("secretSocket").Bool(network.secret_socket);
  out.Key("table").BeginObject().Key("name").String(network.table).Key("rows").BeginArray();
  for (const NftRow& row : network.rows) out.String(row.chain + ": " + row.text);
  out.EndArray().Key("transactionSha256").String(HexSha256(network.nft_batch)).EndObject();
  out.Key("upstream").Bool(network.upstream).EndObject();
}

void Steps(Writer& out, const Plan& plan) {
  out.Key("steps").BeginArray();
  if (plan.cgroup.hierarchy != base::CgroupHierarchy::kNone) {
    out.BeginObject().Key("do").String("cgroup").Key("hierarchy").String(ToString(plan.cgroup.hierarchy));
    out.Key("leaf").String(plan.cgroup.leaf_name).EndObject();
    for (const CgroupWrite& write : plan.cgroup.writes) {
      out.BeginObject().Key("controller").String(write.controller).Key("do").String("limit");
      out.Key("file").String(write.file).Key("value").String(write.value).EndObject();
    }
  }
  out.BeginObject().Key("do").String("namespaces").Key("kinds").BeginArray();
  for (const char* kind : {"user", "mnt", "pid", "pid", "net", "ipc", "uts", "cgroup"}) out.String(kind);
  out.EndArray().EndObject();
  IdStep(out, plan);
  out.BeginObject().Key("do").String("hostname").Key("name").String(plan.hostname).EndObject();
  for (const Mount& mount : plan.mounts) MountStep(out, mount);
  for (const Rlimit& limit : plan.rlimits) {
    out.BeginObject().Key("do").String("rlimit");
    Number(out, "hard", limit.hard);
    out.Key("name").String(limit.name);
    Number(out, "soft", limit.soft);
    out.EndObject();
  }
  out.BeginObject().Key("do").String("oomScoreAdj").Key("value").Int(plan.oom_score_adj).EndObject();
  out.BeginObject().Key("do").String("dropCapabilities").EndObject();
  FilterStep(out, "guard", plan.guard_seccomp);
  if (plan.telemetry) FilterStep(out, "agent", AgentFilter());
  FilterStep(out, "workload", plan.seccomp);
  out.BeginObject().Key("do").String("execute").EndObject();
  out.EndArray();
}

void Telemetry(Writer& out, const Plan& plan) {
  const TelemetryPlan& telemetry = *plan.telemetry;
  out.Key("telemetry").BeginObject().Key("agentVersion").String(kAgentVersion);
  Number(out, "bytesPerSecond", telemetry.bytes_per_second);
  Strings(out, "declared", telemetry.declared);
  Number(out, "framesPerSecond", telemetry.frames_per_second);
  Number(out, "keepaliveWindowMs", static_cast<std::uint64_t>(telemetry.keepalive_window.count()));
  Strings(out, "notified", NotifiedNames(Notified(plan)));
  out.Key("onAgentFailure").String(telemetry.fail_cell ? "fail-cell" : "degrade");
  out.Key("processDetail").String(telemetry.full ? "full" : "starts");
  out.Key("sources").BeginArray();
  for (std::size_t i = 0; i < wire::kPublishedProbeSources; ++i) {
    const auto source = static_cast<wire::ProbeSource>(i);
    if ((telemetry.sources & wire::SourceBit(source)) != 0) out.String(wire::ProbeSourceText(source));
  }
  out.EndArray();
  if (!telemetry.watch_path.empty()) out.Key("watchPath").String(telemetry.watch_path);
  out.EndObject();
}

void Facts(Writer& out, const base::HostFacts& facts) {
  out.Key("facts").BeginObject().Key("arch").String(facts.arch).Key("bootId").String(facts.boot_id);
  out.Key("cgroup").BeginObject();
  Strings(out, "controllers", facts.cgroup.controllers);
  out.Key("hierarchy").String(ToString(facts.cgroup.hierarchy));
  out.Key("parents").BeginObject();
  for (const auto& [controller, path] : facts.cgroup.parents) out.Key(controller).String(path);
  out.EndObject();
  if (!facts.cgroup.why_not.empty()) out.Key("whyNot").String(facts.cgroup.why_not);
  out.EndObject();
  Number(out, "cpus", facts.cpus);
  Number(out, "gid", facts.gid);
  out.Key("grants").BeginArray();
  for (const base::ResolvedPath& grant : facts.grants) {
    out.BeginObject().Key("asked").String(grant.asked).Key("canonical").String(grant.canonical);
    Number(out, "device", grant.device);
    Number(out, "group", grant.group);
    Number(out, "inode", grant.inode);
    out.Key("kind").String(ToString(grant.kind));
    Number(out, "owner", grant.owner);
    out.EndObject();
  }
  out.EndArray().Key("kernel").String(facts.kernel);
  Number(out, "memoryBytes", facts.memory_bytes);
  Strings(out, "resolvers", facts.resolvers);
  out.Key("supplementaryGroups").Bool(facts.supplementary_groups).Key("swap").Bool(facts.swap);
  Number(out, "uid", facts.uid);
  out.EndObject();
}

}  // namespace

std::string Plan::ToJson() const {
  std::string text;
  text.reserve(16 * 1024);
  Writer out(text);
  out.BeginObject();
  Strings(out, "argv", argv);
  out.Key("backend").String(backend).Key("cellId").String(cell_id);
  out.Key("environment").BeginArray();
  for (const auto& [name, value] : environment) {
    out.BeginObject().Key("name").String(name).Key("value").String(value).EndObject();
  }
  out.EndArray().Key("exports").BeginArray();
  for (const ExportPlan& item : exports) {
    out.BeginObject().Key("contentType").String(item.content_type).Key("name").String(item.name);
    out.Key("path").String(item.path).Key("target").String(item.target).EndObject();
  }
  out.EndArray();
  Facts(out, facts);
  Number(out, "graceSeconds", static_cast<std::uint64_t>(grace.count()));
  if (network) Network(out, *network);
  out.Key("notEnforced").BeginArray();
  for (const NotEnforced& item : not_enforced) {
    out.BeginObject().Key("control").String(item.control).Key("why").String(item.why).EndObject();
  }
  out.EndArray().Key("relaxations").BeginArray();
  for (const Relaxation& item : relaxations) {
    out.BeginObject().Key("askedBy").String(item.asked_by).Key("name").String(item.name);
    out.Key("why").String(item.why).EndObject();
  }
  out.EndArray();
  Strings(out, "requiredSources", required_sources);
  out.Key("runId").String(run_id).Key("secrets").BeginArray();
  for (const SecretPlan& secret : secrets) {
    out.BeginObject().Key("broker").String(secret.broker).Key("delivery").String(secret.delivery);
    out.Key("key").String(secret.key).Key("name").String(secret.name).EndObject();
  }
  out.EndArray().Key("stdinOpen").Bool(stdin_open);
  Steps(out, *this);
  if (telemetry) Telemetry(out, *this);
  out.Key("terminal").Bool(terminal);
  Number(out, "timeLimitMs", static_cast<std::uint64_t>(time_limit.count()));
  out.Key("timeLimitSource").String(time_limit_source);
  Number(out, "ttlSeconds", static_cast<std::uint64_t>(ttl.count()));
  if (!unavailable.empty()) out.Key("unavailable").String(unavailable);
  Number(out, "version", 1);
  Strings(out, "warnings", warnings);
  out.Key("workingDirectory").String(working_directory);
  out.EndObject();
  return text;
}

std::string Plan::Digest() const { return crypto::PrefixedHex(crypto::Sha256Of(ToJson())); }

}  // namespace plan
