// SPDX-License-Identifier: Apache-2.0
// A reader for one object, written for exactly that.
#include "gate/secrets/request.h"

#include <algorithm>
#include <cstdint>

#include "base/encoding.h"

namespace gate {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool Take(char wanted) {
    SkipSpace();
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool AtEnd() {
    SkipSpace();
    return text_.empty();
  }
  std::optional<std::string> String() {
    if (!Take('"')) return std::nullopt;
    std::string out;
    while (!text_.empty()) {
      const char c = Next();
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
      if (c != '\\') {
        out.push_back(c);
      } else if (!Escape(&out)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  char Next() {
    const char c = text_.front();
    text_.remove_prefix(1);
    return c;
  }
  void SkipSpace() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t' || text_.front() == '\r')) {
      text_.remove_prefix(1);
    }
  }
  bool Escape(std::string* out) {
    if (text_.empty()) return false;
    const char c = Next();
    if (c == 'u') return Unicode(out);
    constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
    const auto at = kFrom.find(c);
    if (at == kFrom.npos) return false;
    out->push_back(kTo[at]);
    return true;
  }
  std::optional<std::uint32_t> Hex4() {
    if (text_.size() < 4) return std::nullopt;
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = Next();
      const char lower = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9') {
        value = value * 16 + static_cast<std::uint32_t>(c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        value = value * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
      } else {
        return std::nullopt;
      }
    }
    return value;
  }
  bool Unicode(std::string* out) {
    auto point = Hex4();
    if (!point || (*point >= 0xdc00 && *point < 0xe000)) return false;
    if (*point >= 0xd800 && *point < 0xdc00) {
      if (!text_.starts_with("\\u")) return false;
      text_.remove_prefix(2);
      const auto low = Hex4();
      if (!low || *low < 0xdc00 || *low >= 0xe000) return false;
      point = 0x10000 + ((*point - 0xd800) << 10) + (*low - 0xdc00);
    }
    AppendUtf8(*point, out);
    return true;
  }
  static void AppendUtf8(std::uint32_t point, std::string* out) {
    const auto push = [out](std::uint32_t byte) { out->push_back(static_cast<char>(byte)); };
    if (point < 0x80) return push(point);
    if (point < 0x800) {
      push(0xc0 | point >> 6);
    } else if (point < 0x10000) {
      push(0xe0 | point >> 12);
      push(0x80 | (point >> 6 & 0x3f));
    } else {
      push(0xf0 | point >> 18);
      push(0x80 | (point >> 12 & 0x3f));
      push(0x80 | (point >> 6 & 0x3f));
    }
    push(0x80 | (point & 0x3f));
  }

  std::string_view text_;
};

}  // namespace

std::optional<SecretLine> ParseSecretLine(std::string_view line) {
  if (line.size() >= kMaxSecretLine || !base::IsUtf8(line)) return std::nullopt;
  Reader reader(line);
  std::optional<std::string> token, key;
  if (!reader.Take('{')) return std::nullopt;
  for (int member = 0; member < 2; ++member) {
    if (member != 0 && !reader.Take(',')) return std::nullopt;
    const auto name = reader.String();
    if (!name || !reader.Take(':')) return std::nullopt;
    std::optional<std::string>* into = *name == "token" ? &token : *name == "key" ? &key : nullptr;
    if (into == nullptr || into->has_value()) return std::nullopt;
    *into = reader.String();
    if (!*into) return std::nullopt;
  }
  if (!reader.Take('}') || !reader.AtEnd()) return std::nullopt;
  return SecretLine{std::move(*token), std::move(*key)};
}

std::string FormatSecretReply(std::string_view member, std::string_view text) {
  std::string reply;
  reply.reserve(text.size() + 64);
  reply.append("{\"").append(member).append("\":\"");
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      reply.append({'\\', c});
    } else if (byte < 0x20 || byte == 0x7f) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      reply.append("\\u00").append({kDigits[byte >> 4], kDigits[byte & 15]});
    } else {
      reply.push_back(c);
    }
  }
  return reply.append("\"}\n");
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  const std::size_t size = std::max(a.size(), b.size());
  std::size_t different = a.size() ^ b.size();
  for (std::size_t i = 0; i < size; ++i) {
    const auto at = [i](std::string_view text) {
      return text.empty() ? 0u : static_cast<unsigned>(static_cast<unsigned char>(text[i % text.size()]));
    };
    different |= at(a) ^ at(b);
  }
  return different == 0;
}

}  // namespace gate
