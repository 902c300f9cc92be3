// SPDX-License-Identifier: Apache-2.0
// The expressions of one rule as text: canonical for comparison, and the published short form of a probe. Internal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace net {

// Appends every expression with the attributes that decide; what the kernel adds by itself is left out.
void AppendCanonical(std::string* text, std::string_view list);
// Sums of the counter, 0 without one.
void ReadCounter(std::string_view list, std::uint64_t* packets, std::uint64_t* bytes);
// "ip daddr 192.0.2.1 tcp dport 443 accept": equality matches and the verdict; everything else is skipped.
std::string EqualityText(std::string_view list);

}  // namespace net
