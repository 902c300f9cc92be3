// SPDX-License-Identifier: Apache-2.0
// Punycode encoding, RFC 3492 §6.3.
#include "spec/punycode.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "spec/primitives.h"

namespace spec {
namespace {

constexpr std::uint32_t kBase = 36, kTMin = 1, kTMax = 26, kSkew = 38, kDamp = 700, kFirstBias = 72, kFirstCode = 128;
constexpr std::size_t kMaxCodePoints = 256;  // of one label; far beyond what a host name holds

char Digit(std::uint32_t value) { return static_cast<char>(value < 26 ? 'a' + value : '0' + (value - 26)); }

std::uint32_t Adapt(std::uint32_t delta, std::uint32_t points, bool first) {
  delta = first ? delta / kDamp : delta / 2;
  delta += delta / points;
  std::uint32_t k = 0;
  while (delta > (kBase - kTMin) * kTMax / 2) {
    delta /= kBase - kTMin;
    k += kBase;
  }
  return k + (kBase - kTMin + 1) * delta / (delta + kSkew);
}

void AppendVariable(std::string& out, std::uint32_t value, std::uint32_t bias) {
  for (std::uint32_t k = kBase;; k += kBase) {
    const std::uint32_t t = k <= bias ? kTMin : std::min(k - bias, kTMax);
    if (value < t) break;
    out += Digit(t + (value - t) % (kBase - t));
    value = (value - t) / (kBase - t);
  }
  out += Digit(value);
}

std::optional<std::string> EncodeLabel(const std::vector<char32_t>& points) {
  std::string out;
  for (const char32_t c : points) {
    if (c < kFirstCode) out += static_cast<char>(c);
  }
  const auto basic = static_cast<std::uint32_t>(out.size());
  std::uint32_t handled = basic, code = kFirstCode, bias = kFirstBias;
  std::uint64_t delta = 0;
  if (basic > 0) out += '-';
  while (handled < points.size()) {
    char32_t next = std::numeric_limits<char32_t>::max();
    for (const char32_t c : points) {
      if (c >= code) next = std::min(next, c);
    }
    delta += std::uint64_t{next - code} * (handled + 1);
    code = next;
    for (const char32_t c : points) {
      if (c < code) ++delta;
      if (c != code) continue;
      if (delta > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
      AppendVariable(out, static_cast<std::uint32_t>(delta), bias);
      bias = Adapt(static_cast<std::uint32_t>(delta), handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
    ++delta;
    ++code;
  }
  return out;
}

}  // namespace

std::optional<std::string> ToAsciiName(std::string_view name) {
  std::string ascii;
  while (true) {
    const auto end = std::min(name.find('.'), name.size());
    std::vector<char32_t> points;
    bool plain = true;
    for (std::string_view label = name.substr(0, end); !label.empty();) {
      char32_t c = TakeCodePoint(label);
      if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
      plain = plain && c < kFirstCode;
      points.push_back(c);
    }
    if (plain) {
      ascii.append(points.begin(), points.end());
    } else {
      if (points.size() > kMaxCodePoints) return std::nullopt;
      const auto encoded = EncodeLabel(points);
      if (!encoded) return std::nullopt;
      ascii += "xn--" + *encoded;
    }
    if (end == name.size()) return ascii;
    ascii += '.';
    name.remove_prefix(end + 1);
  }
}

}  // namespace spec
