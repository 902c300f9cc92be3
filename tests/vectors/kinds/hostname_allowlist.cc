// SPDX-License-Identifier: Apache-2.0
// The matcher of names.
#include "json/writer.h"
#include "spec/host.h"
#include "vectors/kinds.h"

namespace vectors {

Outcome JudgeHostnameAllowlist(const json::Value& record, const Source&) {
  const auto host = TextAt(record, {"input", "hostname"});
  const json::Value* list = At(record, {"input", "patterns"});
  if (!host || list == nullptr || !list->is_array()) return Failed("no input.hostname or input.patterns");
  std::vector<std::string> patterns;
  for (const json::Value& pattern : list->array()) patterns.emplace_back(pattern.is_string() ? pattern.string() : "");
  std::string actual;
  json::Writer(actual).BeginObject().Member("match", spec::HostnameAllowed(patterns, *host)).EndObject();
  return Compare(record, actual);
}

}  // namespace vectors
