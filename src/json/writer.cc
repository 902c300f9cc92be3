// SPDX-License-Identifier: Apache-2.0
// Escaping and the append-only writer.
#include "json/writer.h"

#include <array>
#include <charconv>
#include <cstring>

namespace json {
namespace {

// 0: as it is; 'u': \u00xx; any other character: backslash and that character.
constexpr auto kEscapes = [] {
  std::array<char, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c) table[c] = 'u';
  table['"'] = '"';
  table['\\'] = '\\';
  table['\b'] = 'b';
  table['\f'] = 'f';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  return table;
}();

// None of eight bytes is below 0x20, a quote or a backslash.
bool EightPlain(const char* text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u, kHighs = 0x8080808080808080u;
  std::uint64_t word;
  std::memcpy(&word, text, sizeof word);
  const std::uint64_t quote = word ^ kOnes * '"', backslash = word ^ kOnes * '\\';
  const std::uint64_t control = (word - kOnes * 0x20) & ~word;
  return ((control | ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash)) & kHighs) == 0;
}

template <class Integer>
void AppendInteger(std::string& out, Integer value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

}  // namespace

void AppendString(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;  // start of the run not yet written
  for (std::size_t i = 0; i < text.size(); ++i) {
    while (text.size() - i >= 8 && EightPlain(text.data() + i)) i += 8;
    if (i == text.size()) break;
    const auto byte = static_cast<unsigned char>(text[i]);
    const char escape = kEscapes[byte];
    if (escape == 0) [[likely]]
      continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    out += '\\';
    out += escape;
    if (escape == 'u') {
      out += "00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  out.append(text, plain);
  out += '"';
}

void Writer::Separate() {
  if (comma_) out_ += ',';
  comma_ = true;
}

Writer& Writer::BeginObject() {
  Separate();
  out_ += '{';
  comma_ = false;
  return *this;
}

Writer& Writer::EndObject() {
  out_ += '}';
  comma_ = true;
  return *this;
}

Writer& Writer::BeginArray() {
  Separate();
  out_ += '[';
  comma_ = false;
  return *this;
}

Writer& Writer::EndArray() {
  out_ += ']';
  comma_ = true;
  return *this;
}

Writer& Writer::Key(std::string_view name) {
  Separate();
  AppendString(out_, name);
  out_ += ':';
  comma_ = false;
  return *this;
}

Writer& Writer::String(std::string_view text) {
  Separate();
  AppendString(out_, text);
  return *this;
}

Writer& Writer::Int(std::int64_t value) {
  Separate();
  AppendInteger(out_, value);
  return *this;
}

Writer& Writer::Uint(std::uint64_t value) {
  Separate();
  AppendInteger(out_, value);
  return *this;
}

Writer& Writer::Bool(bool value) {
  Separate();
  out_ += value ? "true" : "false";
  return *this;
}

Writer& Writer::Null() {
  Separate();
  out_ += "null";
  return *this;
}

Writer& Writer::Raw(std::string_view json) {
  Separate();
  out_ += json;
  return *this;
}

}  // namespace json
