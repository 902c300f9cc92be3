// SPDX-License-Identifier: Apache-2.0
// The canonical scanner and the walkers.
#include "evidence/verify/jcs_scan.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/encoding.h"
#include "event/checkpoint_text.h"

namespace evidence {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;

// Bytes at `at` that are printable ASCII without quote and backslash, eight at a time.
const char* SkipPlain(const char* at, const char* end) {
  while (end - at >= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    const std::uint64_t quote = word ^ (kOnes * '"'), slash = word ^ (kOnes * '\\');
    const std::uint64_t stops = ((quote - kOnes) & ~quote) | ((slash - kOnes) & ~slash) | (word - kOnes * 0x20) | word;
    if ((stops & kHighs) != 0) {
      // A borrow can only flag bytes above a true stop, so the lowest one is right.
      if constexpr (std::endian::native == std::endian::little) return at + std::countr_zero(stops & kHighs) / 8;
      break;
    }
    at += 8;
  }
  while (at != end) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
    ++at;
  }
  return at;
}

// Length of the well-formed UTF-8 sequence at `at`, whose first byte is not ASCII; 0 when it is none.
std::size_t Utf8Length(const char* at, const char* end) {
  const auto byte = [&](int i) { return static_cast<unsigned char>(at[i]); };
  const std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || static_cast<std::size_t>(end - at) < length) return 0;
  unsigned low = 0x80, high = 0xbf;
  if (byte(0) == 0xe0) low = 0xa0;
  if (byte(0) == 0xed) high = 0x9f;
  if (byte(0) == 0xf0) low = 0x90;
  if (byte(0) == 0xf4) high = 0x8f;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(static_cast<int>(i)) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// Length of the shortest escape at `at` (a backslash): what JCS writes, nothing else. 0 when it is none.
std::size_t EscapeLength(const char* at, const char* end) {
  if (end - at < 2) return 0;
  if (std::strchr("\"\\bfnrt", at[1]) != nullptr && at[1] != '\0') return 2;
  if (at[1] != 'u' || end - at < 6 || std::memcmp(at + 2, "00", 2) != 0) return 0;
  const char high = at[4], low = at[5];
  const bool digit = (low >= '0' && low <= '9') || (low >= 'a' && low <= 'f');
  if ((high != '0' && high != '1') || !digit) return 0;
  const bool has_short_form = high == '0' && std::strchr("89acd", low) != nullptr;
  return has_short_form ? 0 : 6;
}

char Unescaped(char letter) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return letter;
  }
}

// Order by UTF-16 code units of two raw names that have neither escapes nor anything from U+E000 on.
bool PlainLess(std::string_view a, std::string_view b) {
  if (!a.empty() && !b.empty() && a[0] != b[0])
    return static_cast<unsigned char>(a[0]) < static_cast<unsigned char>(b[0]);
  return a < b;
}

std::string Unescape(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out += raw[i];
    } else if (raw[i + 1] == 'u') {
      const char low = raw[i + 5];
      out += static_cast<char>((raw[i + 4] - '0') * 16 + (low <= '9' ? low - '0' : low - 'a' + 10));
      i += 5;
    } else {
      out += Unescaped(raw[++i]);
    }
  }
  return out;
}

std::u16string Utf16Of(std::string_view text) {
  std::u16string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    char32_t point = length == 1 ? lead : lead & (0x7f >> length);
    for (std::size_t k = 1; k < length; ++k) point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3f);
    if (point < 0x10000) {
      out += static_cast<char16_t>(point);
    } else {
      out += static_cast<char16_t>(0xd800 + ((point - 0x10000) >> 10));
      out += static_cast<char16_t>(0xdc00 + ((point - 0x10000) & 0x3ff));
    }
    i += length;
  }
  return out;
}

// Where one value of accepted text ends.
std::size_t ValueEnd(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '"':
        for (++i; i < text.size() && text[i] != '"'; ++i) {
          if (text[i] == '\\') ++i;
        }
        if (depth == 0) return std::min(i + 1, text.size());
        break;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (depth == 0) return i;
        if (--depth == 0) return i + 1;
        break;
      case ',':
        if (depth == 0) return i;
        break;
      default:
        break;
    }
  }
  return text.size();
}

}  // namespace

bool JcsScanner::TakeString(std::string_view& raw, bool& special) {
  special = false;
  if (at_ == end_ || *at_ != '"') return false;
  const char* const begin = ++at_;
  for (;;) {
    at_ = SkipPlain(at_, end_);
    if (at_ == end_) return false;
    const auto byte = static_cast<unsigned char>(*at_);
    if (byte == '"') break;
    std::size_t length = 0;
    if (byte == '\\') {
      length = EscapeLength(at_, end_);
      special = true;
    } else if (byte >= 0x80) {
      length = Utf8Length(at_, end_);
      // From U+E000 on the orders of UTF-8 and UTF-16 differ.
      special |= byte >= 0xee;
    }
    if (length == 0) return false;
    at_ += length;
  }
  raw = {begin, static_cast<std::size_t>(at_ - begin)};
  ++at_;
  return true;
}

bool JcsScanner::TakeKey() {
  Level& level = levels_[depth_];
  const bool first = level.value == nullptr;
  const std::string_view previous = level.key;
  const bool previous_special = level.key_special;
  if (!TakeString(level.key, level.key_special)) return false;
  if (!first) {
    const bool ordered = previous_special || level.key_special
                             ? Utf16Of(Unescape(previous)) < Utf16Of(Unescape(level.key))
                             : PlainLess(previous, level.key);
    if (!ordered) return false;
  }
  if (at_ == end_ || *at_ != ':') return false;
  level.value = ++at_;
  return true;
}

bool JcsScanner::TakeInteger() {
  const bool negative = *at_ == '-';
  if (negative) ++at_;
  const char* const begin = at_;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(at_, end_, value);
  if (error != std::errc() || end == begin) return false;
  at_ = end;
  if (*begin == '0' && (end - begin > 1 || negative)) return false;
  return !negative || value <= (std::uint64_t{1} << 63);
}

bool JcsScanner::TakeLiteral() {
  for (const std::string_view word : {"true", "false", "null"}) {
    if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word)) {
      at_ += word.size();
      return true;
    }
  }
  return false;
}

// Steps into the container at `at_`.
bool JcsScanner::Open() {
  if (depth_ == kMaxDepth) return false;
  const bool object = *at_++ == '{';
  if (depth_ == 1 && object && levels_[1].key == "data") data_is_object_ = in_data_ = true;
  levels_[++depth_] = {.object = object};
  return true;
}

// Steps out of the container when it ends at `at_`.
bool JcsScanner::Close() {
  if (at_ == end_ || *at_ != (levels_[depth_].object ? '}' : ']')) return false;
  ++at_;
  if (--depth_ == 1) in_data_ = false;
  return true;
}

void JcsScanner::RecordValue() {
  if (record_ == Record::kNothing || (depth_ != 1 && !(depth_ == 2 && in_data_))) return;
  const Level& level = levels_[depth_];
  (depth_ == 1 ? members_ : data_).push_back({level.key, {level.value, static_cast<std::size_t>(at_ - level.value)}});
}

bool JcsScanner::Scan(std::string_view text, Record record) {
  at_ = text.data();
  end_ = at_ + text.size();
  depth_ = 0;
  record_ = record;
  data_is_object_ = in_data_ = false;
  members_.clear();
  data_.clear();
  if (text.empty() || text[0] != '{') return false;
  for (;;) {
    // A value starts here.
    if (at_ == end_) return false;
    bool ended = true;
    if (*at_ == '{' || *at_ == '[') {
      if (!Open()) return false;
      ended = Close();
      if (!ended && levels_[depth_].object && !TakeKey()) return false;
    } else if (*at_ == '"') {
      std::string_view raw;
      bool special;
      if (!TakeString(raw, special)) return false;
    } else if (*at_ == '-' || (*at_ >= '0' && *at_ <= '9')) {
      if (!TakeInteger()) return false;
    } else if (!TakeLiteral()) {
      return false;
    }
    // A value has ended here: the next one, or the end of what holds it.
    while (ended) {
      RecordValue();
      if (depth_ == 0) return at_ == end_;
      if (at_ != end_ && *at_ == ',') {
        ++at_;
        if (levels_[depth_].object && !TakeKey()) return false;
        break;
      }
      if (!Close()) return false;
    }
  }
}

std::string_view JcsScanner::FindIn(const std::vector<JsonMember>& members, std::string_view name) {
  for (const JsonMember& member : members) {
    if (member.name == name) return member.value;
  }
  return {};
}

JsonArray::JsonArray(std::string_view array) {
  if (IsArray(array)) rest_ = array.substr(1, array.size() - 2);
}

bool JsonArray::Next(std::string_view& element) {
  if (rest_.empty()) return false;
  const std::size_t end = ValueEnd(rest_);
  element = rest_.substr(0, end);
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  return true;
}

JsonObject::JsonObject(std::string_view object) {
  if (IsObject(object)) rest_ = object.substr(1, object.size() - 2);
}

bool JsonObject::Next(JsonMember& member) {
  if (rest_.empty()) return false;
  const std::size_t name_end = ValueEnd(rest_);
  if (name_end < 2 || name_end >= rest_.size()) return false;
  member.name = rest_.substr(1, name_end - 2);
  rest_.remove_prefix(name_end + 1);
  const std::size_t end = ValueEnd(rest_);
  member.value = rest_.substr(0, end);
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  return true;
}

bool IsObject(std::string_view value) { return value.size() >= 2 && value.front() == '{'; }
bool IsArray(std::string_view value) { return value.size() >= 2 && value.front() == '['; }
bool IsString(std::string_view value) { return value.size() >= 2 && value.front() == '"'; }

std::string_view FindMember(std::string_view object, std::string_view name) {
  JsonObject members(object);
  for (JsonMember member; members.Next(member);) {
    if (member.name == name) return member.value;
  }
  return {};
}

std::optional<std::string> StringOf(std::string_view value) {
  if (!IsString(value)) return std::nullopt;
  return Unescape(value.substr(1, value.size() - 2));
}

std::optional<std::string_view> PlainStringOf(std::string_view value) {
  if (!IsString(value)) return std::nullopt;
  const std::string_view content = value.substr(1, value.size() - 2);
  if (content.contains('\\')) return std::nullopt;
  return content;
}

std::optional<std::uint64_t> UintOf(std::string_view value) {
  if (auto number = event::ParseDecimal(value)) return *number;
  return std::nullopt;
}

std::optional<std::int32_t> Int32Of(std::string_view value) {
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (value.empty() || error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return number;
}

}  // namespace evidence
