// SPDX-License-Identifier: Apache-2.0
// The plan's part that cellos-init needs, encoded.
#include "sandbox/record.h"

#include "plan/seccomp_table.h"
#include "sys/file.h"
#include "wire/agent_config.h"
#include "wire/init_record.h"

namespace sandbox {
namespace {

wire::Bytes View(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void AppendText(std::string& list, std::string_view text) {
  list += text;
  list += '\0';
}

}  // namespace

base::Result<base::UniqueFd> MakeRecord(const plan::Plan& plan, std::chrono::nanoseconds ttl_deadline) {
  if (plan.seccomp.empty() || plan.guard_seccomp.empty()) {
    return base::Fail(base::ErrorKind::kInternal, "the plan has no system-call filter");
  }
  std::string arguments, environment, directory;
  for (const std::string& argument : plan.argv) AppendText(arguments, argument);
  for (const auto& [name, value] : plan.environment) AppendText(environment, name + "=" + value);
  AppendText(directory, plan.working_directory);

  wire::InitRecord record;
  record.ttl_deadline_ns = static_cast<std::uint64_t>(ttl_deadline.count());
  record.oom_score_adj = plan.oom_score_adj;
  record.terminal = plan.terminal;
  record.agent = plan.telemetry.has_value();
  record.argument_count = static_cast<std::uint32_t>(plan.argv.size());
  record.environment_count = static_cast<std::uint32_t>(plan.environment.size());
  if (plan.rlimits.size() > wire::kMaxInitRlimits) return base::Fail(base::ErrorKind::kLimit, "too many rlimits");
  for (const plan::Rlimit& limit : plan.rlimits) {
    record.rlimits[record.rlimit_count++] = {static_cast<std::uint32_t>(limit.resource), limit.soft, limit.hard};
  }
  record.working_directory = View(directory);
  record.arguments = View(arguments);
  record.environment = View(environment);
  record.filter = View(plan.seccomp);
  record.guard_filter = View(plan.guard_seccomp);

  std::string bytes(wire::EncodedSize(record), '\0');
  if (wire::EncodeInitRecord(record, reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()) == 0) {
    return base::Fail(base::ErrorKind::kLimit,
                      "the command, its environment, working directory or filter is malformed or larger than a cell takes");
  }
  base::UniqueFd memory = TRY(sys::Memfd("cellos-record"));
  TRY(sys::WriteAll(memory.get(), bytes));
  TRY(sys::SealAll(memory.get()));
  return memory;
}

base::Result<base::UniqueFd> MakeAgentConfig(const plan::TelemetryPlan& telemetry) {
  const std::string filter = plan::AgentFilter();
  std::string path;
  if (!telemetry.watch_path.empty()) AppendText(path, telemetry.watch_path);
  wire::AgentConfig config;
  config.sources = telemetry.sources;
  config.full = telemetry.full;
  config.ours = true;
  config.watch_path = View(path);
  config.filter = View(filter);
  std::string bytes(wire::EncodedSize(config), '\0');
  if (wire::EncodeAgentConfig(config, reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()) == 0) {
    return base::Fail(base::ErrorKind::kInternal, "the plan's telemetry is malformed");
  }
  base::UniqueFd memory = TRY(sys::Memfd("cellos-witness"));
  TRY(sys::WriteAll(memory.get(), bytes));
  TRY(sys::SealAll(memory.get()));
  return memory;
}

base::Result<base::UniqueFd> MakeAgentPage() {
  base::UniqueFd memory = TRY(sys::Memfd("cellos-beat"));
  TRY(sys::WriteAll(memory.get(), std::string(4096, '\0')));
  TRY(sys::SealSize(memory.get()));
  return memory;
}

}  // namespace sandbox
