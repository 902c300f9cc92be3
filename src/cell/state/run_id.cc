// SPDX-License-Identifier: Apache-2.0
// Run ids: the rule and the generator.
#include "cell/state/run_id.h"

#include <algorithm>

#include "base/encoding.h"

namespace cell {
namespace {

constexpr std::size_t kMaxRunId = 128;
constexpr std::size_t kMaxSpecPart = 96;

bool IsAlphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
bool IsPlain(char c) { return IsAlphanumeric(c) || c == '.' || c == '_' || c == '-'; }

}  // namespace

bool IsRunId(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRunId && IsAlphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(), IsPlain);
}

std::string MakeRunId(std::string_view spec_id, base::WallTime now, std::uint32_t random) {
  std::string stamp = base::FormatSeconds(now);  // yyyy-mm-ddThh:mm:ssZ
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':' || c == 'Z'; });
  const std::uint8_t bytes[] = {static_cast<std::uint8_t>(random >> 24), static_cast<std::uint8_t>(random >> 16),
                                static_cast<std::uint8_t>(random >> 8), static_cast<std::uint8_t>(random)};
  return std::string(spec_id.substr(0, kMaxSpecPart)) + "-" + stamp + "-" + base::HexEncode(bytes);
}

}  // namespace cell
