// SPDX-License-Identifier: Apache-2.0
// Limits of one cell: what is asked, what the machine can do, what is written where.
#include "plan/limits.h"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/encoding.h"
#include "crypto/sha256.h"

namespace plan {
namespace {

constexpr std::uint64_t kPage = 4096;
// What the kernel accepts for one bandwidth period and quota (kernel/sched/core.c: min_cfs_quota_period,
// max_cfs_quota_period, max_cfs_runtime).
constexpr std::uint64_t kMinCpuMicros = 1000, kMaxPeriodMicros = 1'000'000, kMaxQuotaMicros = (1ull << 44) - 1;

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view kBlank = " \t\n\v\f\r";
  while (true) {
    const std::size_t start = text.find_first_not_of(kBlank);
    if (start == std::string_view::npos) return words;
    text.remove_prefix(start);
    const std::size_t end = std::min(text.find_first_of(kBlank), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// Decimal; one leading '+' passes, as in the published format.
std::optional<std::uint64_t> Number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The setting CELLOS_CGROUP_CPU_MAX; nullopt when it is malformed.
std::optional<CpuLimit> ParseCpuSetting(const std::vector<std::string_view>& words) {
  if (words.size() > 2) return std::nullopt;
  CpuLimit limit;
  if (words[0] != "max") {
    limit.quota_micros = Number(words[0]);
    if (!limit.quota_micros || *limit.quota_micros == 0) return std::nullopt;
  }
  if (words.size() == 2) {
    const auto period = Number(words[1]);
    if (!period || *period == 0) return std::nullopt;
    limit.period_micros = *period;
  }
  return limit;
}

bool Has(const base::CgroupFacts& facts, std::string_view controller) {
  return facts.hierarchy != base::CgroupHierarchy::kNone &&
         std::find(facts.controllers.begin(), facts.controllers.end(), controller) != facts.controllers.end();
}

// A limit that can't be enforced: lost where that is allowed, else the end of this start.
base::Result<> Lose(spec::LimitKind kind, std::string_view control, std::string_view member,
                    const spec::RunLimits& asked, std::string why, Plan& plan) {
  if (asked.IsBestEffort(kind)) {
    plan.not_enforced.push_back({std::string(control), std::move(why)});
    return {};
  }
  return base::Fail(base::ErrorKind::kUnavailable,
                    fmt::format("{} can't be enforced on this machine: {}; or allow its loss with "
                                "run.limits.bestEffort [\"{}\"]",
                                member, why, control));
}

std::string WhyNoController(const base::CgroupFacts& facts, std::string_view controller) {
  if (facts.hierarchy == base::CgroupHierarchy::kNone) {
    return facts.why_not.empty() ? std::string("there is no cgroup to put the cell into") : facts.why_not;
  }
  return fmt::format("the {} controller of cgroup {} is not available to this user", controller,
                     facts.hierarchy == base::CgroupHierarchy::kV2 ? "v2" : "v1");
}

base::Result<> PlanMemory(std::optional<std::uint64_t> bytes, const spec::RunLimits& asked, Plan& plan) {
  if (!bytes) return {};
  const base::CgroupFacts& facts = plan.facts.cgroup;
  if (!Has(facts, "memory")) {
    return Lose(spec::LimitKind::kMemory, "memory", "the memory limit", asked, WhyNoController(facts, "memory"), plan);
  }
  const std::string value = std::to_string(*bytes);
  auto& writes = plan.cgroup.writes;
  if (facts.hierarchy == base::CgroupHierarchy::kV2) {
    writes.push_back({"memory", "memory.max", value});
    if (facts.limits_swap) writes.push_back({"memory", "memory.swap.max", "0"});
    writes.push_back({"memory", "memory.oom.group", "1"});
  } else {
    writes.push_back({"memory", "memory.limit_in_bytes", value});
    // Memory and swap together may use what memory alone may: no swap.
    if (facts.limits_swap) writes.push_back({"memory", "memory.memsw.limit_in_bytes", value});
  }
  if (!facts.limits_swap && plan.facts.swap) {
    return Lose(spec::LimitKind::kMemory, "memory", "the memory limit", asked,
                "this kernel counts no swap (boot it with swapaccount=1, or turn swap off), so memory could grow into it",
                plan);
  }
  return {};
}

base::Result<> PlanCpu(const std::optional<CpuLimit>& limit, const spec::RunLimits& asked, Plan& plan) {
  if (!limit) return {};
  const base::CgroupFacts& facts = plan.facts.cgroup;
  if (!limit->quota_micros && !Has(facts, "cpu")) return {};  // "max" asks for nothing
  if (!Has(facts, "cpu")) {
    return Lose(spec::LimitKind::kCpu, "cpu", "the processor limit", asked, WhyNoController(facts, "cpu"), plan);
  }
  const bool period_fits = limit->period_micros >= kMinCpuMicros && limit->period_micros <= kMaxPeriodMicros;
  const std::uint64_t quota = limit->quota_micros.value_or(kMinCpuMicros);
  if (!period_fits || quota < kMinCpuMicros || quota > kMaxQuotaMicros) {
    return Lose(spec::LimitKind::kCpu, "cpu", fmt::format("the processor limit {}", limit->ToString()), asked,
                "the kernel takes a period of 1000 to 1000000 µs and a quota of at least 1000 µs", plan);
  }
  auto& writes = plan.cgroup.writes;
  if (facts.hierarchy == base::CgroupHierarchy::kV2) {
    writes.push_back({"cpu", "cpu.max", limit->ToString()});
  } else {
    writes.push_back({"cpu", "cpu.cfs_period_us", std::to_string(limit->period_micros)});
    writes.push_back({"cpu", "cpu.cfs_quota_us", limit->quota_micros ? std::to_string(*limit->quota_micros) : "-1"});
  }
  return {};
}

std::string RunUnique(const std::string& run_id) { return crypto::Hex(crypto::Sha256Of(run_id)).substr(0, 16); }

}  // namespace

std::string SafeName(std::string_view id, std::size_t max_bytes, char replacement) {
  std::string name;
  for (std::size_t i = 0; i < id.size() && name.size() < max_bytes;) {
    const unsigned char c = static_cast<unsigned char>(id[i]);
    const bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    name += keep ? static_cast<char>(c) : replacement;
    ++i;
    // One replacement a code point, not one a byte.
    while (c >= 0xC0 && i < id.size() && (static_cast<unsigned char>(id[i]) & 0xC0) == 0x80) ++i;
  }
  return name.empty() ? "cell" : name;
}

std::string CpuLimit::ToString() const {
  return quota_micros ? fmt::format("{} {}", *quota_micros, period_micros) : fmt::format("max {}", period_micros);
}

CpuDecision DecideCpu(const std::optional<spec::CpuMax>& asked, std::string_view setting) {
  CpuDecision decision;
  const std::vector<std::string_view> words = Words(setting);
  std::optional<CpuLimit> from_setting;
  if (!words.empty()) {
    from_setting = ParseCpuSetting(words);
    decision.setting_invalid = !from_setting;
  }
  if (!asked) {
    decision.limit = from_setting;
  } else if (asked->quota_micros != 0) {
    decision.limit = CpuLimit{asked->quota_micros, asked->period_micros.value_or(spec::kDefaultCpuPeriodMicros)};
    if (decision.limit->period_micros == 0) decision.limit->period_micros = 1;
  }
  return decision;
}

base::Result<std::optional<std::uint64_t>> DecideMemory(std::optional<std::uint64_t> asked, std::string_view setting) {
  const std::vector<std::string_view> words = Words(setting);
  std::optional<std::uint64_t> bytes = asked;
  if (!words.empty() && !(words.size() == 1 && words[0] == "max")) {
    const auto ceiling = words.size() == 1 ? Number(words[0]) : std::nullopt;
    if (!ceiling || *ceiling == 0) {
      return base::Fail(base::ErrorKind::kInvalid,
                        fmt::format("CELLOS_CGROUP_MEMORY_MAX is \"{}\"; allowed are a number of bytes or \"max\"",
                                    base::Escape(setting)));
    }
    bytes = std::min(bytes.value_or(*ceiling), *ceiling);
  }
  if (!bytes) return std::nullopt;
  // More than the kernel can count is no limit to it; it would show its own largest value instead of ours.
  constexpr std::uint64_t kLargest = (1ull << 63) - 2 * kPage;
  return std::clamp(*bytes / kPage * kPage, kPage, kLargest);
}

base::Result<> PlanLimits(const spec::CellDocument& document, const Settings& settings, Plan& plan) {
  static const spec::RunLimits kSilent;
  const auto& run = document.spec.run;
  const spec::RunLimits& asked = run && run->limits ? *run->limits : kSilent;

  const CpuDecision cpu = DecideCpu(asked.cpu_max, settings.cpu_max_setting);
  if (cpu.setting_invalid) {
    plan.warnings.push_back(fmt::format("CELLOS_CGROUP_CPU_MAX is \"{}\", which is no limit; it was not used",
                                        base::Escape(settings.cpu_max_setting)));
  }
  const auto memory = TRY(DecideMemory(asked.memory_max_bytes, settings.memory_max_setting));
  TRY(PlanMemory(memory, asked, plan));
  TRY(PlanCpu(cpu.limit, asked, plan));
  const base::CgroupFacts& facts = plan.facts.cgroup;
  const std::uint64_t own_processes = plan.telemetry ? kOwnProcessesWithAgent : kOwnProcesses;
  const std::uint64_t pids_max = asked.pids_max.value_or(spec::kDefaultPidsMax);
  if (Has(facts, "pids")) {
    // On v1 init, reaper and witness are born in the same leaf as the workload; on v2 they sit in `guard`.
    const std::uint64_t own = facts.hierarchy == base::CgroupHierarchy::kV1 ? own_processes : 0;
    // More than the kernel has ids is written as what it means, since that is how it is read back.
    constexpr std::uint64_t kMostPids = 4'194'304;
    const std::uint64_t written = pids_max > kMostPids ? kMostPids : pids_max + own;
    plan.cgroup.writes.push_back({"pids", "pids.max", std::to_string(written)});
  }
  if (!plan.cgroup.writes.empty()) {
    plan.cgroup.hierarchy = facts.hierarchy;
    plan.cgroup.leaf_name = fmt::format("cellos_{}_{}", SafeName(plan.cell_id, 64), RunUnique(plan.run_id));
  }
  plan.rlimits = PlanRlimits(pids_max, own_processes, plan.facts);
  return {};
}

std::vector<Rlimit> PlanRlimits(std::uint64_t pids_max, std::uint64_t own_processes, const base::HostFacts& facts) {
  constexpr std::uint64_t kUnlimited = RLIM_INFINITY;
  const std::uint64_t processes = pids_max > kUnlimited - own_processes ? kUnlimited : pids_max + own_processes;
  std::vector<Rlimit> limits = {
      // 1, since with any other value (0 too) a core_pattern that is a pipe still runs its handler (core(5)).
      {RLIMIT_CORE, "core", 1, 1},
      {RLIMIT_NOFILE, "nofile", 1024, 65536},
      {RLIMIT_NPROC, "nproc", processes, processes},
      {RLIMIT_FSIZE, "fsize", 64ull << 30, 64ull << 30},
      {RLIMIT_MEMLOCK, "memlock", 8ull << 20, 8ull << 20},
      {RLIMIT_SIGPENDING, "sigpending", 4096, 4096},
      {RLIMIT_MSGQUEUE, "msgqueue", 819200, 819200},
      {RLIMIT_NICE, "nice", 0, 0},
      {RLIMIT_RTPRIO, "rtprio", 0, 0},
      {RLIMIT_STACK, "stack", 8ull << 20, kUnlimited},
  };
  for (Rlimit& limit : limits) {
    const auto own = facts.rlimit_hard.find(limit.resource);
    if (own == facts.rlimit_hard.end()) continue;
    limit.hard = std::min(limit.hard, own->second);
    limit.soft = std::min(limit.soft, limit.hard);
  }
  return limits;
}

}  // namespace plan
