// SPDX-License-Identifier: Apache-2.0
// Rules of `run`: argv, times, limits, directory, environment.
#include <limits>

#include "json/writer.h"
#include "spec/environment_names.h"
#include "spec/primitives.h"
#include "spec/validate_parts.h"

namespace spec {
namespace {

constexpr std::size_t kMaxEncodedArgv = 3072;  // base64 of the compact JSON array
constexpr std::size_t kMaxArgvJson = kMaxEncodedArgv / 4 * 3;
constexpr std::size_t kMaxEnvironmentEntries = 256, kMaxEnvironmentBytes = 32 * 1024;

std::size_t JsonSize(const std::vector<std::string>& argv) {
  std::size_t plain = 2;
  for (const std::string& argument : argv) plain += argument.size() * 6 + 3;
  if (plain <= kMaxArgvJson) return plain;  // even with every byte escaped
  std::string text = "[";
  for (const std::string& argument : argv) {
    if (text.size() > 1) text += ',';
    json::AppendString(text, argument);
  }
  return text.size() + 1;
}

Verdict ValidateArgv(const std::vector<std::string>& argv) {
  if (argv.empty()) return Refuse("bad_argv", "/spec/run/argv", "found no element; allowed is at least one");
  for (std::size_t i = 0; i < argv.size(); ++i) {
    if (argv[i].empty()) {
      return Refuse("bad_argv", fmt::format("/spec/run/argv/{}", i), "found an empty element; allowed is none");
    }
  }
  for (std::size_t i = 0; i < argv.size(); ++i) {
    if (argv[i].contains('\0')) {
      return Refuse("argv_nul", fmt::format("/spec/run/argv/{}", i),
                    fmt::format("found U+0000 in element {}; allowed is none", i));
    }
  }
  const std::size_t size = JsonSize(argv);
  if (size <= kMaxArgvJson) return std::nullopt;
  return Refuse("argv_too_large", "/spec/run/argv",
                fmt::format("found {} encoded bytes; allowed are {}", (size + 2) / 3 * 4, kMaxEncodedArgv));
}

Verdict ValidateTimeout(std::uint64_t timeout_ms, std::uint64_t ttl_seconds) {
  constexpr auto kPointer = "/spec/run/timeoutMs";
  if (timeout_ms == 0) return Refuse("zero_timeout", kPointer, "found 0; allowed is at least 1");
  const bool saturates = ttl_seconds > std::numeric_limits<std::uint64_t>::max() / 1000;
  if (saturates || timeout_ms <= ttl_seconds * 1000) return std::nullopt;
  return Refuse("timeout_exceeds_lifetime", kPointer,
                fmt::format("found {}; allowed is at most lifetime.ttlSeconds, {} s", timeout_ms, ttl_seconds));
}

Verdict ValidateLimits(const RunLimits& limits) {
  const auto zero = [](std::string_view error_class, std::string_view member) {
    return Refuse(error_class, fmt::format("/spec/run/limits/{}", member), "found 0; allowed is at least 1");
  };
  if (limits.memory_max_bytes == 0u) return zero("zero_memory_limit", "memoryMaxBytes");
  if (limits.cpu_max) {
    if (limits.cpu_max->quota_micros == 0) return zero("zero_cpu_quota", "cpuMax/quotaMicros");
    if (limits.cpu_max->period_micros == 0u) return zero("zero_cpu_period", "cpuMax/periodMicros");
  }
  const auto grace = limits.graceful_shutdown_seconds;
  if (grace && (*grace < 1 || *grace > 120)) {
    return Refuse("grace_out_of_range", "/spec/run/limits/gracefulShutdownSeconds",
                  fmt::format("found {}; allowed is 1 to 120", *grace));
  }
  if (limits.pids_max == 0u) return zero("zero_limit", "pidsMax");
  if (limits.scratch_bytes == 0u) return zero("zero_limit", "scratchBytes");
  return std::nullopt;
}

Verdict ValidateVariables(const StringMap& env) {
  constexpr std::string_view kPointer = "/spec/run/env";
  if (env.size() > kMaxEnvironmentEntries) {
    return Refuse("environment_too_large", std::string(kPointer),
                  fmt::format("found {} entries; allowed are {}", env.size(), kMaxEnvironmentEntries));
  }
  std::size_t bytes = 0;
  for (const auto& [name, value] : env) {
    bytes += name.size() + value.size() + 2;
    if (const auto why = WhyNameRefused(name); !why.empty()) {
      return Refuse("bad_environment_name", fmt::format("{}/{}", kPointer, base::Escape(name, 80)), name, why);
    }
    if (value.contains('\0')) {
      return Refuse("bad_environment_value", fmt::format("{}/{}", kPointer, name), "found U+0000; allowed is none");
    }
  }
  if (bytes <= kMaxEnvironmentBytes) return std::nullopt;
  return Refuse("environment_too_large", std::string(kPointer),
                fmt::format("found {} bytes; allowed are {}", bytes, kMaxEnvironmentBytes));
}

}  // namespace

Verdict ValidateRun(const RunSpec& run, const Lifetime& lifetime) {
  if (auto fault = ValidateArgv(run.argv)) return fault;
  if (run.timeout_ms) {
    if (auto fault = ValidateTimeout(*run.timeout_ms, lifetime.ttl_seconds)) return fault;
  }
  if (run.limits) {
    if (auto fault = ValidateLimits(*run.limits)) return fault;
  }
  if (run.working_directory && !IsAbsolutePath(*run.working_directory)) {
    return Refuse("bad_working_directory", "/spec/run/workingDirectory", *run.working_directory,
                  "an absolute path without '..' and controls");
  }
  if (!run.env) return std::nullopt;
  return ValidateVariables(*run.env);
}

}  // namespace spec
