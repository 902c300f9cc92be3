// SPDX-License-Identifier: Apache-2.0
// What the short text of a rule says of the packets it counted (isolation.md §7.1). For tables whose plan is not at hand;
// the rows of a plan say their kind themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace net {

// A rule as `EqualityText` and `nft list` write it, judged word by word; the first row of the table that fits wins.
struct RuleDecision {
  bool allowed = false;
  std::string_view reason_code;                     // nft_…
  std::string_view rule_ref;                        // "default-drop", "dnsAuthority.…"; empty: none
  std::optional<std::string> destination, protocol; // the word behind `daddr`; "tcp" or "udp"
  std::optional<std::uint16_t> port;
};
// Total. A text without a verdict is a refusal that tells nothing else.
RuleDecision DecideRuleText(std::string_view text);

}  // namespace net
