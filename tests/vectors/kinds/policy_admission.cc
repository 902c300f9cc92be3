// SPDX-License-Identifier: Apache-2.0
// Policy packs, their versions, authorization policies, and the comparison of capabilities.
#include <fmt/format.h>

#include "json/writer.h"
#include "spec/authorization.h"
#include "spec/capability.h"
#include "spec/cell_tables.h"
#include "spec/document.h"
#include "spec/policy_pack.h"
#include "spec/reading.h"
#include "vectors/kinds.h"

namespace vectors {
namespace {

// What decoding refuses has one class here.
constexpr std::string_view kMalformed = "malformed_document";

void WriteVerdict(json::Writer& writer, std::string_view error) {
  writer.Member("ok", error.empty());
  if (!error.empty()) writer.Member("error", error);
}

std::string VerdictText(std::string_view error) {
  std::string text;
  json::Writer writer(text);
  writer.BeginObject();
  WriteVerdict(writer, error);
  writer.EndObject();
  return text;
}

void WriteAdmission(json::Writer& writer, const spec::PolicyPack& pack, const spec::CellDocument& document,
                    std::string_view caller) {
  spec::PolicyContext context{document.spec.placement.value_or(spec::Placement()), std::string(caller)};
  const auto violations = spec::EvaluatePolicy(pack, document, context);
  writer.Key("violations").BeginArray();
  for (const spec::Violation& violation : violations) writer.String(violation.rule);
  writer.EndArray().Member("admitted", violations.empty());
  const auto refused = spec::JudgeSecretRefs(pack.spec.rules, document.spec.authority, caller);
  writer.Key("secret_refs").Raw(VerdictText(refused.value_or("")));
}

Outcome JudgeAdmission(const json::Value& record) {
  const auto pack_text = TextAt(record, {"input", "pack_text"});
  if (!pack_text) return Failed("no input.pack_text");
  std::string actual;
  json::Writer writer(actual);
  writer.BeginObject();
  const auto pack = spec::DecodePolicyPack(*pack_text);
  std::string_view error = pack ? "" : kMalformed;
  if (pack) {
    const auto valid = spec::ValidatePolicyPack(*pack);
    if (!valid) error = valid.error().error_class;
  }
  writer.Key("pack").Raw(VerdictText(error));
  const json::Value* cell_spec = At(record, {"input", "spec"});
  if (error.empty() && cell_spec != nullptr) {
    const auto document = spec::DecodeCellDocument(
        fmt::format(R"({{"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{}}})", ToText(*cell_spec)));
    if (!document) return Failed("input.spec: " + document.error().pointer + ": " + document.error().message);
    WriteAdmission(writer, *pack, *document, TextAt(record, {"input", "caller_identity"}).value_or("default"));
  }
  writer.EndObject();
  return Compare(record, actual);
}

Outcome JudgeVersion(const json::Value& record) {
  std::optional<std::string> version;
  if (const auto text = TextAt(record, {"input", "version"})) version = std::string(*text);
  const json::Value* lifted = At(record, {"input", "allow_downgrade"});
  const bool lift = lifted != nullptr && lifted->kind() == json::Kind::kBool && lifted->boolean();
  const auto checked = spec::CheckPackVersion(version, lift ? spec::PackFloor::kLifted : spec::PackFloor::kEnforced);
  return Compare(record, VerdictText(checked ? "" : checked.error().error_class));
}

Outcome JudgeAuthorizationPolicy(const json::Value& record) {
  const auto text = TextAt(record, {"input", "text"});
  if (!text) return Failed("no input.text");
  if (!spec::DecodeAuthorizationPolicy(*text)) return Compare(record, VerdictText(kMalformed));
  const auto policy = spec::ParseAuthorizationPolicy(*text);
  return Compare(record, VerdictText(policy ? "" : policy.error().error_class));
}

// The two members of a capability; a surface may name more, which no capability can express.
std::expected<spec::Capability, spec::DocumentError> CapabilityIn(const json::Value& surface) {
  std::string text;
  json::Writer writer(text);
  writer.BeginObject();
  for (const auto* name : {"egressRules", "secretRefs"}) {
    if (const json::Value* member = surface.Find(name)) writer.Key(name).Raw(ToText(*member));
  }
  writer.EndObject();
  return spec::Read<spec::Capability>(text);
}

Outcome JudgeSurface(const json::Value& record) {
  const json::Value *declared = At(record, {"input", "declared"}), *authorized = At(record, {"input", "authorized"});
  if (declared == nullptr || authorized == nullptr) return Failed("no input.declared or input.authorized");
  const auto part = CapabilityIn(*declared), whole = CapabilityIn(*authorized);
  if (!part || !whole) return Failed("a capability in input does not decode");
  std::string actual;
  json::Writer(actual).BeginObject().Member("ok", spec::Excess(*part, *whole).IsNone()).EndObject();
  return Compare(record, actual);
}

}  // namespace

Outcome JudgePolicyAdmission(const json::Value& record, const Source&) {
  const auto kind = TextAt(record, {"input", "kind"});
  if (kind == "admission") return JudgeAdmission(record);
  if (kind == "version_check") return JudgeVersion(record);
  if (kind == "authorization_policy") return JudgeAuthorizationPolicy(record);
  if (kind == "declared_surface") return JudgeSurface(record);
  return Skipped("unknown kind of policy record");
}

}  // namespace vectors
