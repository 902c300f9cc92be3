// SPDX-License-Identifier: Apache-2.0
// JSON values as the published readers of events take them in.
#include "event/published_numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "json/canonical.h"
#include "json/writer.h"

namespace event {
namespace {

constexpr int kLargestPower = 308;

const std::array<double, kLargestPower + 1>& PowersOfTen() {
  static const auto powers = [] {
    std::array<double, kLargestPower + 1> table{};
    for (int i = 0; i <= kLargestPower; ++i) {
      const std::string text = "1e" + std::to_string(i);
      std::from_chars(text.data(), text.data() + text.size(), table[static_cast<std::size_t>(i)]);
    }
    return table;
  }();
  return powers;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

struct Decimal {
  std::uint64_t digits = 0;
  std::int64_t exponent = 0;
};

// Reads "123.456e-7"; digits that 64 bits no longer hold count for the exponent only where they stand before the point.
Decimal ReadDecimal(std::string_view text) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  Decimal decimal;
  bool full = false, fraction = false;
  std::size_t i = 0;
  for (; i < text.size() && (IsDigit(text[i]) || text[i] == '.'); ++i) {
    if (text[i] == '.') {
      fraction = true;
      continue;
    }
    const auto digit = static_cast<std::uint64_t>(text[i] - '0');
    full = full || decimal.digits > (kMost - digit) / 10;
    if (!full) {
      decimal.digits = decimal.digits * 10 + digit;
      decimal.exponent -= fraction;
    } else if (!fraction) {
      ++decimal.exponent;
    }
  }
  if (i < text.size()) {  // 'e' or 'E'
    std::string_view power = text.substr(i + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    std::int64_t value = 0;
    const auto parsed = std::from_chars(power.data(), power.data() + power.size(), value);
    if (parsed.ec != std::errc()) value = power.starts_with('-') ? -100000 : 100000;
    decimal.exponent += std::clamp<std::int64_t>(value, -100000, 100000);
  }
  return decimal;
}

void Append(std::string& out, const json::Value& value);

void AppendObject(std::string& out, const json::Value& value) {
  std::vector<const json::Member*> members;
  for (const json::Member& member : value.object()) members.push_back(&member);
  std::ranges::sort(members, {}, [](const json::Member* member) { return member->name; });
  out.push_back('{');
  for (const json::Member* member : members) {
    if (out.back() != '{') out.push_back(',');
    json::AppendString(out, member->name);
    out.push_back(':');
    Append(out, member->value);
  }
  out.push_back('}');
}

// Depth is bounded by the reader's limit.
void Append(std::string& out, const json::Value& value) {
  if (value.is_object()) return AppendObject(out, value);
  if (value.kind() == json::Kind::kDouble) {
    const double number = value.number_text().empty() ? value.number() : PublishedNumber(value.number_text());
    return json::AppendNumber(out, json::Value::Double(number, {}));
  }
  if (!value.is_array()) return json::AppendSorted(out, value);
  out.push_back('[');
  for (const json::Value& item : value.array()) {
    if (&item != value.array().data()) out.push_back(',');
    Append(out, item);
  }
  out.push_back(']');
}

}  // namespace

double PublishedNumber(std::string_view text) {
  const bool negative = text.starts_with('-');
  const Decimal decimal = ReadDecimal(text.substr(negative ? 1 : 0));
  auto number = static_cast<double>(decimal.digits);
  std::int64_t exponent = decimal.exponent;
  while (exponent < -kLargestPower && number != 0) {
    number /= PowersOfTen().back();
    exponent += kLargestPower;
  }
  if (number != 0) {
    const auto power = static_cast<std::size_t>(std::min<std::int64_t>(std::abs(exponent), kLargestPower));
    if (exponent >= 0) {
      number *= PowersOfTen()[power];
    } else {
      number /= PowersOfTen()[power];
    }
  }
  return negative ? -number : number;
}

std::string SortedAsPublished(const json::Value& value) {
  std::string out;
  Append(out, value);
  return out;
}

}  // namespace event
