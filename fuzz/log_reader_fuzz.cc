// SPDX-License-Identifier: Apache-2.0
// Lines of a log: the scanner agrees with the JSON room about canonical form, and no line breaks the rules' checker.
#include <cstdint>
#include <cstdlib>

#include "evidence/verify/jcs_scan.h"
#include "evidence/verify/leaf_zero.h"
#include "evidence/verify/log_checker.h"
#include "json/canonical.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

// Every walker ends and stays inside its span.
void Walk(std::string_view object) {
  evidence::JsonObject members(object);
  for (evidence::JsonMember member; members.Next(member);) {
    Require(!member.value.empty());
    Require(evidence::FindMember(object, member.name) == member.value);
    static_cast<void>(evidence::StringOf(member.value));
    evidence::JsonArray elements(member.value);
    for (std::string_view element; elements.Next(element);) Require(!element.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = base::AsText({data, size});
  evidence::LogChecker checker("run-2f61c0a4");
  for (std::uint64_t index = 0; !text.empty(); ++index) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    evidence::JcsScanner scanner;
    const bool canonical = scanner.Scan(line);
    Require(canonical == json::IsCanonicalJcs(line));
    if (canonical) Walk(line);
    if (index == 0) static_cast<void>(evidence::ParseLeafZero(line));
    if (checker.Check(index, line)) Require(canonical);
  }
  return 0;
}
