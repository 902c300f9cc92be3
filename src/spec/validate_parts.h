// SPDX-License-Identifier: Apache-2.0
// The groups of rules of a cell document; each returns the first rule broken. Internal to the validation.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.h"
#include "spec/cell_document.h"
#include "spec/document_error.h"

namespace spec {

using Verdict = std::optional<DocumentError>;

// "found \"…\"; allowed is …", escaped and capped.
inline DocumentError Refuse(std::string_view error_class, std::string pointer, std::string_view found,
                            std::string_view allowed) {
  return {error_class, std::move(pointer),
          fmt::format("found \"{}\"; allowed is {}", base::Escape(found, 80), allowed)};
}
inline DocumentError Refuse(std::string_view error_class, std::string pointer, std::string message) {
  return {error_class, std::move(pointer), std::move(message)};
}

inline bool IsListed(const std::optional<std::vector<std::string>>& list, std::string_view name) {
  return list && std::find(list->begin(), list->end(), name) != list->end();
}

Verdict ValidateRun(const RunSpec& run, const Lifetime& lifetime);
Verdict ValidateEgressRules(const std::vector<EgressRule>& rules);
Verdict ValidateDnsAuthority(const DnsAuthority& dns);
Verdict ValidateCdnAuthority(const CdnAuthority& cdn);
Verdict ValidateExports(const Export& exports, const Authority& authority);
Verdict ValidateTelemetry(const Telemetry& telemetry, bool has_egress);

}  // namespace spec
