// SPDX-License-Identifier: Apache-2.0
// A JSON object put together member by member; Take writes it with its members in JCS order.
#include "event/json_object.h"

#include <algorithm>
#include <charconv>

#include "json/canonical.h"
#include "json/writer.h"

namespace event {
namespace {

constexpr std::size_t kMostOfOneByte = 6;                    // escaping makes at most six bytes of one
constexpr std::size_t kUsualText = 768, kUsualMembers = 24;  // what an event's data take without growing

}  // namespace

Object::Object() {
  text_.reserve(kUsualText);
  places_.reserve(kUsualMembers);
  text_.push_back('{');
}

void Object::Begin(std::string_view name) {
  if (!places_.empty()) {
    if (name < places_.back().name) sorted_ = false;
    text_.push_back(',');
  }
  places_.push_back({name, text_.size()});
  text_.push_back('"');
  text_.append(name);
  text_.append("\":");
}

Object& Object::Add(std::string_view name, std::string_view text) {
  Begin(name);
  json::AppendString(text_, text);
  return *this;
}

Object& Object::Add(std::string_view name, const std::vector<std::string>& texts) { return Raw(name, ArrayOf(texts)); }

Object& Object::AddCut(std::string_view name, std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes / kMostOfOneByte) return Add(name, text);
  std::string quoted = Quoted(CutUtf8(text, max_bytes));
  if (text.size() <= max_bytes && quoted.size() <= max_bytes + 2) return Raw(name, quoted);
  MarkTruncated();
  if (quoted.size() > max_bytes + 2) quoted = Quoted(CutUtf8(text, max_bytes / kMostOfOneByte));
  quoted.insert(quoted.size() - 1, "…");
  return Raw(name, quoted);
}

Object& Object::AddCut(std::string_view name, const std::vector<std::string>& json_values, std::size_t max_bytes) {
  Begin(name);
  const std::size_t start = text_.size();
  text_.push_back('[');
  for (const std::string& value : json_values) {
    if (text_.size() - start + value.size() > max_bytes) {
      MarkTruncated();
      break;
    }
    if (text_.back() != '[') text_.push_back(',');
    text_.append(value);
  }
  text_.push_back(']');
  return *this;
}

Object& Object::Raw(std::string_view name, std::string_view json) {
  Begin(name);
  text_.append(json);
  return *this;
}

Object& Object::Number(std::string_view name, std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  return Raw(name, {digits, static_cast<std::size_t>(end - digits)});
}

Object& Object::Number(std::string_view name, std::int64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  return Raw(name, {digits, static_cast<std::size_t>(end - digits)});
}

std::string Object::Take() {
  if (truncated_) Add("truncated", true);
  text_.push_back('}');
  if (sorted_) return std::move(text_);
  // Each member's text runs to the comma before the next one, the last to the closing brace.
  std::vector<std::pair<std::string_view, std::string_view>> members;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const std::size_t end = (i + 1 < places_.size() ? places_[i + 1].begin : text_.size()) - 1;
    members.emplace_back(places_[i].name, std::string_view(text_).substr(places_[i].begin, end - places_[i].begin));
  }
  std::ranges::sort(members, {}, [](const auto& member) { return member.first; });
  std::string sorted = "{";
  sorted.reserve(text_.size());
  for (const auto& member : members) {
    if (sorted.size() > 1) sorted.push_back(',');
    sorted.append(member.second);
  }
  sorted.push_back('}');
  return sorted;
}

std::string Quoted(std::string_view text) {
  std::string out;
  json::AppendString(out, text);
  return out;
}

std::string_view CutUtf8(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  while (max_bytes > 0 && (static_cast<unsigned char>(text[max_bytes]) & 0xC0) == 0x80) --max_bytes;
  return text.substr(0, max_bytes);
}

std::string ArrayOf(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out.push_back(',');
    json::AppendString(out, text);
  }
  out.push_back(']');
  return out;
}

std::string ArrayOfRaw(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const std::string& value : values) {
    if (out.size() > 1) out.push_back(',');
    out.append(value);
  }
  out.push_back(']');
  return out;
}

std::string ObjectOf(const std::map<std::string, std::string>& members) {
  std::vector<std::pair<std::string_view, std::string_view>> sorted(members.begin(), members.end());
  std::ranges::sort(sorted, [](const auto& a, const auto& b) { return json::Utf16Less(a.first, b.first); });
  std::string out = "{";
  for (const auto& [name, text] : sorted) {
    if (out.size() > 1) out.push_back(',');
    json::AppendString(out, name);
    out.push_back(':');
    json::AppendString(out, text);
  }
  out.push_back('}');
  return out;
}

}  // namespace event
