// SPDX-License-Identifier: Apache-2.0
// cellos doctor: prints the findings; exit status 1 when no cell can run here.
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/doctor_checks.h"
#include "cli/request.h"
#include "json/writer.h"

namespace cli {
namespace {

std::string_view WordOf(Health health) {
  switch (health) {
    case Health::kGood: return "ok";
    case Health::kLimited: return "limited";
    case Health::kBad: return "missing";
  }
  return "";
}

std::string AsText(const std::vector<Finding>& findings, bool usable) {
  std::string text;
  for (const auto& finding : findings) {
    text += fmt::format("{:<8} {:<22} {}\n", WordOf(finding.health), finding.what, finding.detail);
    if (finding.health != Health::kGood && !finding.remedy.empty()) {
      text += fmt::format("{:<31} remedy: {}\n", "", finding.remedy);
    }
  }
  return text + (usable ? "native cells can run here\n" : "native cells can not run here\n");
}

std::string AsJson(const std::vector<Finding>& findings, bool usable) {
  std::string text;
  json::Writer w(text);
  w.BeginObject().Member("native", usable).Key("checks").BeginArray();
  for (const auto& finding : findings) {
    w.BeginObject().Member("check", finding.what).Member("result", WordOf(finding.health));
    w.Member("detail", finding.detail).Member("remedy", finding.remedy).EndObject();
  }
  w.EndArray().EndObject();
  return text + "\n";
}

}  // namespace

int Doctor(const Options& options) {
  const Environment environment = [](const char* name) -> const char* { return ::getenv(name); };
  const auto settings = LoadSettings(options, ::geteuid(), environment);
  if (!settings) return FailUsage(settings.error());
  const auto path = StatePath(*settings, ::geteuid(), environment);
  if (!path) return Fail(path.error());
  const auto findings = Examine(*path, settings->cell.cgroup_parent);
  const bool usable =
      std::none_of(findings.begin(), findings.end(), [](const Finding& f) { return f.health == Health::kBad; });
  const bool printed = PrintOut(options.json ? AsJson(findings, usable) : AsText(findings, usable));
  return usable && printed ? kOk : kFailed;
}

}  // namespace cli
