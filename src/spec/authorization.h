// SPDX-License-Identifier: Apache-2.0
// Authorization policies: who may run cells on this deployment.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/cell_document.h"
#include "spec/document_error.h"

namespace spec {

struct AuthorizationSpec {
  std::vector<std::string> subjects, allowed_pools, allowed_policy_packs;
  std::optional<std::uint32_t> max_cells_per_hour;
};

struct AuthorizationPolicy {
  std::string api_version, kind;
  AuthorizationSpec spec;
};

std::expected<AuthorizationPolicy, DocumentError> DecodeAuthorizationPolicy(std::string_view text);
// Decodes and checks the policy in itself.
std::expected<AuthorizationPolicy, DocumentError> ParseAuthorizationPolicy(std::string_view text);

struct AuthorizationContext {
  // The caller's authenticated subject; nullopt: what the document says of itself counts (correlation.tenantId).
  std::optional<std::string> subject;
  std::uint32_t starts_in_last_hour = 0;  // of that subject, without this one
};

// `reason` subject_not_authorized, pool_not_allowed, policy_pack_not_allowed, rate_limit_exceeded.
struct AuthorizationRefusal {
  std::string_view reason;
  std::string pointer;  // into the cell document
  std::string message;
};
// The first check that fails; nullopt when the document may run. A document that claims another tenant than the
// authenticated subject is not authorized.
std::optional<AuthorizationRefusal> EvaluateAuthorization(const AuthorizationPolicy& policy,
                                                          const CellDocument& document,
                                                          const AuthorizationContext& context);

}  // namespace spec
