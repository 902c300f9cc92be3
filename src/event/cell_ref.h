// SPDX-License-Identifier: Apache-2.0
// Who an event is about: the members that most event data share (events.md §1.3, sets C, R and K).
#pragma once

#include <map>
#include <optional>
#include <string>

namespace event {

// The document's `correlation` block; an absent inner optional is written as null, or left out where noted.
struct Correlation {
  std::optional<std::string> platform, external_run_id, external_job_id;
  std::optional<std::map<std::string, std::string>> labels;
  std::optional<std::string> tenant_id, correlation_id;  // left out when absent
};

struct CellRef {
  std::string cell_id;
  std::string spec_id;
  std::optional<std::string> run_id;           // the supervisor always sets it
  std::optional<Correlation> correlation;
};

// The document's `placement` as events carry it; left out of an event when all three are absent.
struct Placement {
  std::optional<std::string> pool_id, kubernetes_namespace, queue_name;
};

// Which event led to this one.
struct Provenance {
  std::string parent;       // id of the started event
  std::string parent_type;  // its type
};

}  // namespace event
