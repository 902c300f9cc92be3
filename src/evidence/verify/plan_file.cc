// SPDX-License-Identifier: Apache-2.0
// Reading of plan.json.
#include "evidence/verify/plan_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "event/draft.h"
#include "evidence/verify/jcs_scan.h"
#include "spec/required_sources.h"

namespace evidence {
namespace {

constexpr std::size_t kMaxPlanBytes = 64u << 20;

std::unexpected<base::Error> Bad(std::string_view what) {
  return base::Fail(base::ErrorKind::kInvalid, fmt::format("plan.json: {}", what));
}

base::Result<std::vector<std::string>> ReadRequired(std::string_view list) {
  if (!IsArray(list)) return Bad("requiredSources is missing or no list");
  std::vector<std::string> required;
  JsonArray elements(list);
  for (std::string_view element; elements.Next(element);) {
    const auto name = PlainStringOf(element);
    if (!name || !event::ObserverOf(*name)) return Bad("requiredSources names something that is no observer");
    if (std::ranges::find(required, *name) != required.end())
      return Bad(fmt::format("requiredSources names {} twice", *name));
    required.emplace_back(*name);
  }
  return required;
}

}  // namespace

base::Result<PlanFile> ReadPlanFile(const RunFiles& files, const std::optional<std::string>& plan_digest) {
  const auto file = TRY(files.Find("plan.json"));
  PlanFile plan;
  if (!file) {
    if (plan_digest) return Bad("it is missing, but leaf 0 has its digest");
    plan.required_sources = spec::RequiredSourcesOfRefusal();
    return plan;
  }
  if (!plan_digest) return Bad("it is there, but leaf 0 has no digest of it");
  const std::string text = TRY_WITH("plan.json", file->ReadAll(kMaxPlanBytes));
  plan.present = true;
  plan.sha256 = crypto::Hex(crypto::Sha256Of(text));
  if ("sha256:" + plan.sha256 != *plan_digest)
    return Bad(fmt::format("its digest should be {}, found sha256:{}", *plan_digest, plan.sha256));
  JcsScanner scanner;
  if (!scanner.Scan(text, JcsScanner::Record::kNothing)) return Bad("it is not the canonical JSON of one object");
  plan.required_sources = TRY(ReadRequired(FindMember(text, "requiredSources")));
  if (auto backend = StringOf(FindMember(text, "backend"))) plan.backend = *std::move(backend);
  return plan;
}

}  // namespace evidence
