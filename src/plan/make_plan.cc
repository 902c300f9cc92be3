// SPDX-License-Identifier: Apache-2.0
// The plan's table of contents: MakePlan calls one function for each part.
#include <sys/resource.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/encoding.h"
#include "plan/grants.h"
#include "plan/limits.h"
#include "plan/mounts.h"
#include "plan/paths.h"
#include "plan/plan.h"
#include "plan/seccomp_table.h"
#include "spec/required_sources.h"

namespace plan {
namespace {

constexpr std::uint64_t kDefaultGraceSeconds = 10;
// Longer than any run; keeps every deadline in nanoseconds within 63 bits.
constexpr std::uint64_t kMaxTtlSeconds = 100ull * 365 * 86400;
constexpr std::size_t kMaxHostname = 63;

void PlanIdentity(const spec::CellDocument& document, const Settings& settings, Plan& plan) {
  plan.run_id = settings.run_id;
  plan.cell_id = document.spec.id;
  plan.backend = settings.backend;
  plan.hostname = SafeName(document.spec.id, kMaxHostname, '-');
  std::replace(plan.hostname.begin(), plan.hostname.end(), '_', '-');
  while (!plan.hostname.empty() && plan.hostname.back() == '-') plan.hostname.pop_back();
  while (!plan.hostname.empty() && plan.hostname.front() == '-') plan.hostname.erase(0, 1);
  if (plan.hostname.empty()) plan.hostname = "cell";
  plan.ids_from_range = plan.facts.uid == 0;
  plan.uid_base = settings.uid_base;
}

void PlanTime(const spec::CellDocument& document, const Settings& settings, Plan& plan) {
  const std::uint64_t ttl = std::min(document.spec.lifetime.ttl_seconds, kMaxTtlSeconds);
  plan.ttl = std::chrono::seconds(ttl);
  std::uint64_t limit = ttl * 1000;
  plan.time_limit_source = "ttl";
  const auto take = [&](std::uint64_t milliseconds, const char* source) {
    if (milliseconds == 0 || milliseconds > limit) return;
    limit = milliseconds;
    plan.time_limit_source = source;
  };
  // Equal limits name the document first, then the setting.
  take(settings.env_timeout_ms, "CELLOS_RUN_TIMEOUT_MS");
  const auto& run = document.spec.run;
  if (run && run->timeout_ms) take(*run->timeout_ms, "spec.run.timeoutMs");
  plan.time_limit = std::chrono::milliseconds(limit);
  plan.grace = std::chrono::seconds(kDefaultGraceSeconds);
  if (run && run->limits && run->limits->graceful_shutdown_seconds) {
    plan.grace = std::chrono::seconds(std::min<std::uint64_t>(*run->limits->graceful_shutdown_seconds, 120));
  }
}

void PlanEnvironment(const spec::CellDocument& document, Plan& plan) {
  plan.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                      {"HOME", "/workspace"},
                      {"TMPDIR", "/tmp"},
                      {"CELLOS_RUN_ID", plan.run_id},
                      {"CELLOS_CELL_ID", plan.cell_id}};
  const auto& run = document.spec.run;
  if (!run || !run->env) return;
  for (const auto& [name, value] : *run->env) {
    const auto same = std::find_if(plan.environment.begin(), plan.environment.end(),
                                   [&name](const auto& pair) { return pair.first == name; });
    if (same != plan.environment.end()) {
      same->second = value;
    } else {
      plan.environment.emplace_back(name, value);
    }
  }
}

const char* Delivery(const spec::CellDocument& document) {
  if (!document.spec.run) return "env";
  switch (document.spec.run->secret_delivery) {
    case spec::SecretDelivery::kEnv: return "env";
    case spec::SecretDelivery::kRuntimeBroker: return "runtimeBroker";
    case spec::SecretDelivery::kRuntimeLeasedBroker: return "runtimeLeasedBroker";
  }
  return "env";
}

void PlanSecrets(const spec::CellDocument& document, const Settings& settings, Plan& plan) {
  const auto& refs = document.spec.authority.secret_refs;
  if (!refs) return;
  const auto& identity = document.spec.identity;
  for (const std::string& name : *refs) {
    // An identity's value is asked for by its audience and shows under its own name.
    const bool is_identity = identity && identity->secret_ref == name;
    plan.secrets.push_back({name, settings.broker, is_identity ? identity->audience : name, Delivery(document)});
  }
}

void PlanExports(const spec::CellDocument& document, Plan& plan) {
  const auto& exports = document.spec.exports;
  if (!exports || !exports->artifacts) return;
  for (const spec::ExportArtifact& artifact : *exports->artifacts) {
    plan.exports.push_back({artifact.name, artifact.path, artifact.target.value_or(""),
                            artifact.content_type.value_or("")});
  }
}

// /bin/sh is /usr/bin/sh where /bin is a link: both spellings of a path are one.
std::string ThroughRootLinks(const std::string& path, const base::HostFacts& facts) {
  for (const auto& [name, text] : facts.root_links) {
    const auto rest = Below(path, "/" + name);
    if (!rest || text.empty()) continue;
    return Join(text.starts_with('/') ? text : "/" + text, *rest);
  }
  return path;
}

std::string Canonical(const std::string& path, const base::HostFacts& facts) {
  const auto found = facts.executables.find(path);
  return found != facts.executables.end() ? found->second : path;
}

base::Result<> JudgeProgram(const spec::CellDocument& document, const Settings& settings,
                            const base::HostFacts& facts) {
  const auto& run = document.spec.run;
  if (!run || run->argv.empty() || settings.argv0_prefixes.empty()) return {};
  const auto program = CleanPath(run->argv[0]);
  const auto refuse = [&](std::string_view why) {
    return base::Fail(base::ErrorKind::kDenied, fmt::format("spec.run.argv[0]: {} {} CELLOS_RUN_ARGV0_ALLOW_PREFIXES",
                                                            base::Escape(run->argv[0]), why));
  };
  if (!program) return refuse("is no absolute path without \"..\", as is demanded by");
  for (const std::string& prefix : settings.argv0_prefixes) {
    const auto clean = CleanPath(prefix);
    if (!clean) continue;
    const bool as_written = IsAtOrBelow(ThroughRootLinks(*program, facts), ThroughRootLinks(*clean, facts));
    const bool resolved = IsAtOrBelow(Canonical(*program, facts), Canonical(*clean, facts));
    if (as_written && resolved) return {};
  }
  return refuse("lies below none of the prefixes of");
}

base::Result<> JudgeMachine(const Plan& plan) {
  if (!plan.facts.user_namespaces) {
    return base::Fail(base::ErrorKind::kUnavailable, fmt::format("a native cell needs user namespaces: {}",
                                                                 plan.facts.why_no_user_namespaces));
  }
  const auto core = plan.facts.rlimit_hard.find(RLIMIT_CORE);
  if (plan.facts.core_pattern_is_pipe && core != plan.facts.rlimit_hard.end() && core->second == 0) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      "the hard limit of core files is 0 here, and with that limit the host's core handler would still "
                      "see a crashing workload's memory; start from a shell with `ulimit -Hc` of 1 or more");
  }
  return {};
}

// The gate holds its own, those of clients and pipes before the first flow; a flow is two more.
base::Result<> JudgeDescriptors(const Plan& plan) {
  constexpr std::uint64_t kLeast = 1024;
  const auto hard = plan.facts.rlimit_hard.find(RLIMIT_NOFILE);
  if (hard == plan.facts.rlimit_hard.end() || hard->second >= kLeast) return {};
  return base::Fail(base::ErrorKind::kUnavailable,
                    fmt::format("the hard limit of open files is {} here, and the gate of a cell needs {}; raise it where it "
                                "was set (ulimit -n {})", hard->second, kLeast, kLeast));
}

// What the machine lacks ends the start and not the planning: the refusal needs a plan for its evidence.
base::Result<> NoteUnavailable(base::Result<> step, Plan& plan) {
  if (step || step.error().kind != base::ErrorKind::kUnavailable) return step;
  if (plan.unavailable.empty()) plan.unavailable = std::move(step).error().message;
  return {};
}

void PlanWarnings(const std::vector<PlannedGrant>& grants, Plan& plan) {
  if (plan.facts.supplementary_groups) {
    plan.warnings.push_back("your supplementary groups can't be dropped by an ordinary user; they stay in force for "
                            "granted files and show as 65534 inside");
  }
  for (const PlannedGrant& a : grants) {
    for (const PlannedGrant& b : grants) {
      if (a.index >= b.index || a.read_only == b.read_only) continue;
      if (plan.facts.grants[a.index].canonical != plan.facts.grants[b.index].canonical) continue;
      plan.warnings.push_back(fmt::format("{} is granted readable as {} and writable as {}",
                                          plan.facts.grants[a.index].canonical, a.target, b.target));
    }
  }
}

}  // namespace

NotifyPlan Notified(const Plan& plan) {
  return plan.telemetry ? NotifyPlan{plan.telemetry->sources, plan.telemetry->full} : NotifyPlan{};
}

base::FactsRequest FactsNeeded(const spec::CellDocument& document, const Settings& settings) {
  base::FactsRequest request;
  const spec::Authority& authority = document.spec.authority;
  request.network = authority.dns_authority || (authority.egress_rules && !authority.egress_rules->empty());
  const auto& filesystem = document.spec.authority.filesystem;
  if (filesystem && filesystem->grant) {
    for (const spec::PathGrant& path : filesystem->grant->readable) request.readable.push_back(path.source);
    for (const spec::PathGrant& path : filesystem->grant->writable) request.writable.push_back(path.source);
  }
  request.caller_directory = settings.caller_directory;
  request.state_directory = settings.state_directory;
  request.usual_state_directories = settings.usual_state_directories;
  request.event_sinks = settings.event_sinks;
  request.cgroup_parent = settings.cgroup_parent;
  const auto& run = document.spec.run;
  if (!settings.argv0_prefixes.empty() && run && !run->argv.empty()) {
    request.executables = settings.argv0_prefixes;
    request.executables.push_back(run->argv[0]);
    for (std::string& path : request.executables) path = CleanPath(path).value_or("/");
  }
  return request;
}

base::Result<Plan> MakePlan(const spec::CellDocument& document, const Settings& settings,
                            const base::HostFacts& facts) {
  Plan plan;
  plan.facts = facts;
  TRY(NoteUnavailable(JudgeMachine(plan), plan));
  TRY(JudgeProgram(document, settings, facts));
  const std::vector<PlannedGrant> grants = TRY(JudgeGrants(document, facts));

  PlanIdentity(document, settings, plan);
  if (document.spec.run) {
    plan.argv = document.spec.run->argv;
    plan.terminal = document.spec.run->WantsTerminal();
  }
  plan.stdin_open = settings.stdin_open;
  PlanTime(document, settings, plan);
  PlanEnvironment(document, plan);
  PlanSecrets(document, settings, plan);
  PlanExports(document, plan);
  if (document.spec.telemetry) plan.telemetry = TRY(MakeTelemetryPlan(*document.spec.telemetry, settings.telemetry));
  NetworkPlan network = TRY(MakeNetworkPlan(document, settings.network, facts));
  if (network.gate) {
    TRY(NoteUnavailable(JudgeDescriptors(plan), plan));
    plan.network = std::move(network);
  }
  TRY(PlanWorkingDirectory(document, grants, plan));
  PlanMounts(document, grants, plan);
  TRY(NoteUnavailable(PlanLimits(document, settings, plan), plan));
  plan.seccomp = WorkloadFilter(Notified(plan));
  plan.guard_seccomp = GuardFilter();
  plan.oom_score_adj = std::max(500, facts.oom_score_adj);
  const bool leaf = plan.cgroup.hierarchy != base::CgroupHierarchy::kNone;
  plan.required_sources = spec::RequiredSources(document.spec, settings.backend,
                                                leaf ? spec::CgroupLeaf::kPresent : spec::CgroupLeaf::kAbsent);
  PlanWarnings(grants, plan);
  return plan;
}

}  // namespace plan
