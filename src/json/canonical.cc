// SPDX-License-Identifier: Apache-2.0
// Sorted forms: by code point with the published number form, and RFC 8785 for integers.
#include "json/canonical.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "json/writer.h"

namespace json {
namespace {

template <class Integer>
void AppendInteger(std::string& out, Integer value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

// Shortest digits of a finite |value| > 0 without point, and the power of ten of the first one.
struct Decimal {
  std::string digits;
  int exponent;
};
Decimal ShortestDigits(double magnitude) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, magnitude, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, end);
  const auto e = text.find('e');
  Decimal decimal{.digits = {}, .exponent = 0};
  for (const char c : text.substr(0, e)) {
    if (c != '.') decimal.digits += c;
  }
  const char* exponent = buffer + e + 1;
  if (*exponent == '+') ++exponent;
  std::from_chars(exponent, end, decimal.exponent);
  return decimal;
}

void AppendFixed(std::string& out, const Decimal& decimal) {
  const auto& [digits, exponent] = decimal;
  const int count = static_cast<int>(digits.size());
  if (exponent < 0) {
    out.append("0.").append(static_cast<std::size_t>(-exponent - 1), '0').append(digits);
  } else if (exponent + 1 >= count) {
    out.append(digits).append(static_cast<std::size_t>(exponent + 1 - count), '0').append(".0");
  } else {
    out.append(digits, 0, static_cast<std::size_t>(exponent + 1)).append(1, '.');
    out.append(digits, static_cast<std::size_t>(exponent + 1));
  }
}

void AppendDouble(std::string& out, double value) {
  if (std::signbit(value)) out += '-';
  const double magnitude = std::fabs(value);
  if (magnitude == 0) {
    out += "0.0";
    return;
  }
  const Decimal decimal = ShortestDigits(magnitude);
  if (decimal.exponent >= -5 && decimal.exponent < 16) {
    AppendFixed(out, decimal);
    return;
  }
  out += decimal.digits[0];
  if (decimal.digits.size() > 1) out.append(1, '.').append(decimal.digits, 1);
  out += decimal.exponent < 0 ? "e" : "e+";
  AppendInteger(out, decimal.exponent);
}

// Writes containers with members ordered by `less`; `number` writes one number or returns false.
template <class Less, class NumberWriter>
bool Append(std::string& out, const Value& value, const Less& less, const NumberWriter& number) {
  switch (value.kind()) {
    case Kind::kNull:
      out += "null";
      return true;
    case Kind::kBool:
      out += value.boolean() ? "true" : "false";
      return true;
    case Kind::kString:
      AppendString(out, value.string());
      return true;
    case Kind::kArray: {
      out += '[';
      bool first = true;
      for (const Value& item : value.array()) {
        if (!std::exchange(first, false)) out += ',';
        if (!Append(out, item, less, number)) return false;
      }
      out += ']';
      return true;
    }
    case Kind::kObject: {
      std::vector<const Member*> members;
      members.reserve(value.object().size());
      for (const Member& member : value.object()) members.push_back(&member);
      const auto before = [&](const Member* a, const Member* b) { return less(a->name, b->name); };
      if (!std::is_sorted(members.begin(), members.end(), before)) std::sort(members.begin(), members.end(), before);
      out += '{';
      bool first = true;
      for (const Member* member : members) {
        if (!std::exchange(first, false)) out += ',';
        AppendString(out, member->name);
        out += ':';
        if (!Append(out, member->value, less, number)) return false;
      }
      out += '}';
      return true;
    }
    default:
      return number(out, value);
  }
}

bool AppendJcsNumber(std::string& out, const Value& value) {
  if (value.kind() == Kind::kDouble) return false;
  AppendNumber(out, value);
  return true;
}

}  // namespace

void AppendNumber(std::string& out, const Value& number) {
  switch (number.kind()) {
    case Kind::kInt:
      return AppendInteger(out, number.signed_integer());
    case Kind::kUint:
      return AppendInteger(out, number.unsigned_integer());
    default:
      return AppendDouble(out, number.number());
  }
}

void AppendSorted(std::string& out, const Value& value) {
  Append(out, value, std::less<std::string_view>(), [](std::string& to, const Value& number) {
    AppendNumber(to, number);
    return true;
  });
}

std::string Sorted(const Value& value) {
  std::string out;
  AppendSorted(out, value);
  return out;
}

bool Utf16Less(std::string_view a, std::string_view b) {
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (x == a.end() || y == b.end()) return x == a.end() && y != b.end();
  const auto p = static_cast<unsigned char>(*x), q = static_cast<unsigned char>(*y);
  // Only code points from U+10000 on (lead byte F0…F4, surrogates D800…DFFF) and U+E000…U+FFFF (lead byte EE, EF) are
  // ordered otherwise in UTF-16 than in UTF-8. Where the first different bytes are not lead bytes, the lead bytes
  // agree.
  const bool p_high = p >= 0xf0, q_high = q >= 0xf0;
  if (p_high != q_high) {
    const unsigned char other = p_high ? q : p;
    if (other >= 0xee) return p_high;
  }
  return p < q;
}

std::optional<std::string> Jcs(const Value& value) {
  std::string out;
  if (!Append(out, value, Utf16Less, AppendJcsNumber)) return std::nullopt;
  return out;
}

bool IsCanonicalJcs(std::string_view text, unsigned max_depth) {
  const auto tree = Parse(text, {.max_bytes = text.size(), .max_depth = max_depth, .duplicates = Duplicates::kRefuse});
  if (!tree || !tree->root().is_object()) return false;
  const auto canonical = Jcs(tree->root());
  return canonical && *canonical == text;
}

}  // namespace json
