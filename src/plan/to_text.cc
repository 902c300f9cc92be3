// SPDX-License-Identifier: Apache-2.0
// The plan for a human: what the cell gets, then what it may use, then what is lost. Every text from outside is escaped.
#include <algorithm>

#include <fmt/format.h>

#include "base/encoding.h"
#include "crypto/sha256.h"
#include "plan/plan.h"
#include "plan/words.h"

namespace plan {
namespace {

std::string Size(std::uint64_t bytes) {
  if (bytes % (1u << 30) == 0) return fmt::format("{} GiB", bytes >> 30);
  if (bytes % (1u << 20) == 0) return fmt::format("{} MiB", bytes >> 20);
  return fmt::format("{} bytes", bytes);
}

std::string Number(std::uint64_t value) { return value == ~0ull ? "unlimited" : fmt::format("{}", value); }

std::string Describe(const Mount& mount) {
  const std::string source = base::Escape(mount.source);
  switch (mount.kind) {
    case Mount::Kind::kTmpfs:
      return fmt::format("tmpfs, {}, {} inodes{}{}", Size(mount.size_bytes), mount.inodes,
                         mount.no_exec ? ", no programs" : "", mount.read_only ? ", read-only" : "");
    case Mount::Kind::kBind:
      return fmt::format("host {}, {}", source, mount.read_only ? "read-only" : "writable");
    case Mount::Kind::kGrant:
      return fmt::format("granted {}, {}, inode {}:{}", source, mount.read_only ? "read-only" : "writable",
                         mount.device, mount.inode);
    case Mount::Kind::kProc:
      return "processes of the cell only";
    case Mount::Kind::kMask:
      return "hidden";
    case Mount::Kind::kReadOnly:
      return "read-only from here on";
    case Mount::Kind::kPin:
      return "can't be renamed away";
    case Mount::Kind::kDevice:
      return "device";
    case Mount::Kind::kDevpts:
      return "own terminals";
    case Mount::Kind::kDirectory:
      return fmt::format("directory, mode {:04o}", mount.mode);
    case Mount::Kind::kFile:
      return fmt::format("generated file, {} bytes, mode {:04o}", mount.content.size(), mount.mode);
    case Mount::Kind::kLink:
      return fmt::format("link to {}", source);
  }
  return {};
}

// Made only for something to be mounted on: plan.json has it, a reader doesn't need it.
bool IsOnlyAPlace(const Mount& mount, const std::vector<Mount>& mounts) {
  if (mount.kind == Mount::Kind::kDirectory) return true;
  if (mount.kind != Mount::Kind::kFile || !mount.content.empty()) return false;
  return std::any_of(mounts.begin(), mounts.end(), [&mount](const Mount& other) {
    return &other != &mount && other.target == mount.target;
  });
}

std::string Ids(const Plan& plan) {
  if (plan.ids_from_range) return fmt::format("one host id of the range from {} on", plan.uid_base);
  return fmt::format("the caller's {}:{}", plan.facts.uid, plan.facts.gid);
}

void AppendNetwork(const NetworkPlan& network, std::string& out) {
  const auto line = [&out](std::string_view label, const std::string& text) {
    out += fmt::format("{:<12} {}\n", label, text);
  };
  constexpr const char* kProtocols[] = {"https", "http", "tcp", "udp"};
  line("gate", fmt::format("own process, filter {} bytes, sha256 {}", network.gate_filter.size(),
                           crypto::Hex(crypto::Sha256Of(network.gate_filter))));
  if (network.secret_socket) line("gate", fmt::format("serves secrets at {}", kSecretSocket));
  for (const NetworkRule& rule : network.rules) {
    line("egress", fmt::format("{} port {} {}", base::Escape(rule.host), rule.port,
                               kProtocols[static_cast<int>(rule.protocol)]));
  }
  for (const NetworkName& name : network.names) line("name", base::Escape(name.pattern));
  for (const NetworkResolver& resolver : network.resolvers) {
    constexpr const char* kTransports[] = {"udp", "tcp", "tls", "https"};
    line("resolver", fmt::format("{} at {}, {}{}{}", base::Escape(resolver.id), base::ToString(resolver.endpoint),
                                 kTransports[static_cast<int>(resolver.transport)],
                                 resolver.dnssec == wire::DnssecMode::kOff ? "" : ", validated",
                                 resolver.from_host ? ", this machine's own" : ""));
  }
  if (!network.network) return;
  line("table", fmt::format("inet {}: {} rules, sha256 of the transaction {}", network.table, network.rows.size(),
                            crypto::Hex(crypto::Sha256Of(network.nft_batch))));
  for (const NftRow& row : network.rows) line("rule", fmt::format("{:<7} {}", row.chain, row.text));
}

void AppendTelemetry(const Plan& plan, std::string& out) {
  const TelemetryPlan& telemetry = *plan.telemetry;
  const std::string filter = AgentFilter();
  std::string notified;
  for (const std::string& name : NotifiedNames(Notified(plan))) notified.append(notified.empty() ? "" : ", ").append(name);
  out += fmt::format("{:<12} witness: {} bytes, sha256 {}\n", "filter", filter.size(),
                     crypto::Hex(crypto::Sha256Of(filter)));
  for (const std::string& event : telemetry.declared) out += fmt::format("{:<12} {}\n", "witness", base::Escape(event));
  if (!telemetry.watch_path.empty()) out += fmt::format("{:<12} watches {}\n", "witness", base::Escape(telemetry.watch_path));
  out += fmt::format("{:<12} is told of {}\n", "witness", notified.empty() ? "no call" : notified);
  out += fmt::format("{:<12} when it falls silent: {}\n", "witness",
                     telemetry.fail_cell ? "the cell ends" : "the run goes on, and says so");
}

std::string Command(const std::vector<std::string>& argv) {
  std::string text;
  for (const std::string& word : argv) text.append(text.empty() ? "" : " ").append(base::Escape(word));
  return text.empty() ? "nothing" : text;
}

void AppendLists(const Plan& plan, std::string& out) {
  const auto line = [&out](std::string_view label, const std::string& text) {
    out += fmt::format("{:<12} {}\n", label, text);
  };
  for (const auto& [name, value] : plan.environment) {
    line("environment", base::Escape(fmt::format("{}={}", name, value), 400));
  }
  for (const SecretPlan& secret : plan.secrets) {
    line("secret", base::Escape(fmt::format("{} by broker {}, delivered as {}", secret.name, secret.broker,
                                            secret.delivery)));
  }
  for (const ExportPlan& item : plan.exports) {
    line("export", fmt::format("{} from {}", base::Escape(item.name), base::Escape(item.path)));
  }
  for (const Relaxation& item : plan.relaxations) {
    line("relaxed", fmt::format("{} ({}, asked by {})", item.name, base::Escape(item.why), item.asked_by));
  }
  for (const NotEnforced& item : plan.not_enforced) {
    line("not enforced", fmt::format("{}: {}", item.control, base::Escape(item.why, 400)));
  }
  if (!plan.unavailable.empty()) line("refused", base::Escape(plan.unavailable, 400));
  for (const std::string& warning : plan.warnings) line("warning", base::Escape(warning, 400));
  std::string sources;
  for (const std::string& source : plan.required_sources) sources.append(sources.empty() ? "" : ", ").append(source);
  line("evidence", "complete with " + sources);
}

}  // namespace

std::string Plan::ToText() const {
  std::string out;
  const auto line = [&out](std::string_view label, const std::string& text) {
    out += fmt::format("{:<12} {}\n", label, text);
  };
  line("plan", Digest());
  line("run", fmt::format("{} in cell {} (backend {})", run_id, base::Escape(cell_id), backend));
  line("command", Command(argv));
  line("directory", base::Escape(working_directory));
  if (!working_directory_hint.empty()) line("hint", working_directory_hint);
  line("streams", terminal ? "a terminal of its own" : stdin_open ? "pipes" : "pipes, no input");
  line("time", fmt::format("{} ms ({}), then SIGTERM, {} s later SIGKILL; life {} s", time_limit.count(),
                           time_limit_source, grace.count(), ttl.count()));
  line("namespaces", fmt::format("user, mnt, pid (two, nested), net ({}), ipc, uts, cgroup",
                                 network && network->network ? "own loopback, which leads to the gate" : "own loopback only"));
  line("identity", fmt::format("uid {} gid {} inside, {} outside; host name {}", kCellUid, kCellGid, Ids(*this),
                               hostname));
  if (cgroup.hierarchy == base::CgroupHierarchy::kNone) {
    line("cgroup", "none");
  } else {
    line("cgroup", fmt::format("{} leaf {}", ToString(cgroup.hierarchy), cgroup.leaf_name));
  }
  for (const CgroupWrite& write : cgroup.writes) line("limit", fmt::format("{} = {}", write.file, write.value));
  for (const Rlimit& limit : rlimits) {
    line("rlimit", fmt::format("{} {} (hard {})", limit.name, Number(limit.soft), Number(limit.hard)));
  }
  line("oom score", fmt::format("{}", oom_score_adj));
  for (const Mount& mount : mounts) {
    if (IsOnlyAPlace(mount, mounts)) continue;
    line("mount", fmt::format("{:<24} {}", base::Escape(mount.target), Describe(mount)));
  }
  if (network) AppendNetwork(*network, out);
  line("privileges", "no capability in any set, no new privileges, securebits locked, own session and keyring");
  line("filter", fmt::format("workload: {} bytes, sha256 {}", seccomp.size(), crypto::Hex(crypto::Sha256Of(seccomp))));
  line("filter", fmt::format("guard: {} bytes, sha256 {}", guard_seccomp.size(),
                             crypto::Hex(crypto::Sha256Of(guard_seccomp))));
  if (telemetry) AppendTelemetry(*this, out);
  AppendLists(*this, out);
  return out;
}

}  // namespace plan
