// SPDX-License-Identifier: Apache-2.0
// Names events travel under: JetStream subjects (ports.md §2.2) and subject URNs (events.md §1).
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace event {

struct SubjectSettings {
  std::optional<std::string> event_template;  // CELLOS_EVENTS_SUBJECT_TEMPLATE
  std::optional<std::string> tenant;          // CELLOS_TENANT_ID
  std::optional<std::string> subject;         // CELL_OS_EVENTS_SUBJECT
};

// Template, else tenant, else subject, else "cellos.events.v1". In what is put in, bytes outside [A-Za-z0-9_-] become
// `_`, so that no id adds a level. A missing tenant is `_no_tenant_`. nullopt: the tenant setting is no portable id
// without a dot (error class bad_tenant_id).
std::optional<std::string> EventSubject(const SubjectSettings& settings, std::string_view spec_id,
                                        std::string_view run_id, std::optional<std::string_view> tenant_id);

// "urn:<tool>:<kind>:<id>"; tool and kind [a-z0-9-]+, id not empty.
enum class UrnFault : std::uint8_t {
  kMissingUrnScheme, kTooFewSegments, kEmptySegment, kBadCharset, kControlOrWhitespace
};
std::string_view ToString(UrnFault fault);  // e.g. "missing_urn_scheme"

// The URN itself when it is well-formed.
std::expected<std::string, UrnFault> ParseSubjectUrn(std::string_view text);
std::expected<std::string, UrnFault> CellUrn(std::string_view cell_id);

}  // namespace event
