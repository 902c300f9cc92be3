// SPDX-License-Identifier: Apache-2.0
// Blanking of event members for outside sinks, and cleaning of URLs in log texts (events.md §10, ports.md §2.5).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/event.h"

namespace event {

// CELLOS_REDACT_EVENT_FIELDS. Names are matched exactly, at any depth of `data`, also inside arrays.
class Redaction {
 public:
  // A comma list of member names; the whole value `defaults` (any case) stands for argv, path, sourcePath, program,
  // spawnError, message and reason, where a reason that is one of the typed codes survives. Absent or blank: none.
  static Redaction FromSetting(const std::optional<std::string>& setting);

  bool empty() const { return names_.empty(); }
  // A scalar or null becomes "[redacted]", an array ["[redacted]"], an object {}; only `data` is touched.
  void Apply(Event& event) const;

 private:
  std::vector<std::string> names_;  // sorted
  bool typed_reasons_survive_ = false;
};

// `text` without what a URL in it may hold of secrets: user info and query. A text that is one URL loses its user info
// and its query; elsewhere what stands between "://" and the next '@' becomes <redacted>, and queries are cut.
std::string CleanUrls(std::string_view text);

// A header or field whose value is never logged; any case.
bool IsSensitiveName(std::string_view name);

}  // namespace event
