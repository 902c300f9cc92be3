// SPDX-License-Identifier: Apache-2.0
// Records of kind cgroup_limits: leaf names from ids, cpu.max from document and setting.
#include <optional>
#include <string>

#include "json/writer.h"
#include "plan/limits.h"
#include "vectors/kind.h"
#include "vectors/kinds.h"

namespace vectors {
namespace {

constexpr std::size_t kMaxNameBytes = 64;

Outcome JudgeName(const json::Value& record, std::string_view id) {
  std::string actual;
  json::Writer(actual).BeginObject().Member("output", plan::SafeName(id, kMaxNameBytes)).EndObject();
  return Compare(record, actual);
}

// The number at `name` of an object; nullopt when it is missing or none.
std::optional<std::uint64_t> NumberAt(const json::Value& object, std::string_view name) {
  const json::Value* value = object.Find(name);
  if (value == nullptr || value->kind() != json::Kind::kUint) return std::nullopt;
  return value->unsigned_integer();
}

std::optional<spec::CpuMax> CpuMaxOf(const json::Value* limits) {
  const json::Value* cpu = limits != nullptr ? limits->Find("cpuMax") : nullptr;
  if (cpu == nullptr || !cpu->is_object()) return std::nullopt;
  return spec::CpuMax{NumberAt(*cpu, "quotaMicros").value_or(0), NumberAt(*cpu, "periodMicros")};
}

}  // namespace

Outcome JudgeCgroupLimits(const json::Value& record, const Source&) {
  const json::Value* input = record.Find("input");
  if (input == nullptr || !input->is_object()) return Failed("the record has no input");
  if (const auto id = TextAt(record, {"input", "id"})) return JudgeName(record, *id);
  const plan::CpuDecision decision =
      plan::DecideCpu(CpuMaxOf(input->Find("limits")), TextAt(record, {"input", "setting"}).value_or(""));
  std::string actual;
  json::Writer out(actual);
  out.BeginObject().Member("setting_invalid", decision.setting_invalid).Key("written");
  decision.limit ? out.String(decision.limit->ToString()) : out.Null();
  out.EndObject();
  return Compare(record, actual);
}

}  // namespace vectors
