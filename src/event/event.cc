// SPDX-License-Identifier: Apache-2.0
// A CloudEvent as consumers of the published format know it.
#include "event/event.h"

#include <algorithm>
#include <array>

#include "event/published_numbers.h"
#include "json/canonical.h"
#include "json/reader.h"
#include "json/writer.h"

namespace event {
namespace {

using base::ErrorKind;
using base::Fail;

constexpr std::array<std::string_view, 8> kMembers = {"specversion", "id",   "source", "type", "datacontenttype",
                                                      "data",        "time", "traceparent"};

void AppendMember(std::string& out, std::string_view name, const std::optional<std::string>& text) {
  out.append(out.size() > 1 ? ",\"" : "\"").append(name).append("\":");
  if (text) {
    json::AppendString(out, *text);
  } else {
    out.append("null");
  }
}

void AppendData(std::string& out, std::string_view data) {
  out.append(out.size() > 1 ? ",\"data\":" : "\"data\":").append(data);
}

// End of the string that begins at `from` with its opening quote: the place after the closing one.
std::size_t SkipString(std::string_view text, std::size_t from) {
  for (std::size_t i = from + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return text.size();
}

std::size_t SkipSpace(std::string_view text, std::size_t from) {
  while (from < text.size() && std::string_view(" \t\r\n").contains(text[from])) ++from;
  return from;
}

// End of the value that begins at `from`: the place of the comma or bracket after it.
std::size_t SkipValue(std::string_view text, std::size_t from) {
  std::size_t depth = 0;
  std::size_t i = from;
  while (i < text.size()) {
    const char c = text[i];
    if (c == '"') {
      i = SkipString(text, i);
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) return i;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++i;
  }
  return i;
}

std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && std::string_view(" \t\r\n").contains(text.back())) text.remove_suffix(1);
  return text;
}

std::string Unescaped(std::string_view quoted) {
  if (!quoted.contains('\\')) return std::string(quoted.substr(1, quoted.size() - 2));
  const auto tree = json::Parse(quoted, {.max_bytes = kMaxEventBytes});
  return tree && tree->root().is_string() ? std::string(tree->root().string()) : std::string(quoted);
}

base::Result<std::string> TextOf(const RawMember& member) {
  if (member.value.starts_with('"')) return Unescaped(member.value);
  return Fail(ErrorKind::kInvalid, "event: member \"" + member.name + "\" is not a string");
}

base::Result<std::string> Required(const RawObject& object, std::string_view name) {
  if (const RawMember* member = object.Find(name)) return TextOf(*member);
  return Fail(ErrorKind::kInvalid, "event: member \"" + std::string(name) + "\" is missing");
}

base::Result<> ReadOptional(const RawObject& object, std::string_view name, std::optional<std::string>& into) {
  const RawMember* member = object.Find(name);
  if (member == nullptr || member->value == "null") return {};
  auto text = TextOf(*member);
  if (!text) return std::unexpected(std::move(text).error());
  into = std::move(*text);
  return {};
}

}  // namespace

std::string Event::ToText() const {
  std::string out = "{";
  AppendMember(out, "specversion", specversion);
  AppendMember(out, "id", id);
  AppendMember(out, "source", source);
  AppendMember(out, "type", type);
  AppendMember(out, "datacontenttype", datacontenttype);
  AppendData(out, data);
  AppendMember(out, "time", time);
  AppendMember(out, "traceparent", traceparent);
  return out + "}";
}

std::string Event::ToSortedText() const {
  std::string out = "{";
  AppendData(out, data);
  AppendMember(out, "datacontenttype", datacontenttype);
  AppendMember(out, "id", id);
  AppendMember(out, "source", source);
  AppendMember(out, "specversion", specversion);
  AppendMember(out, "time", time);
  AppendMember(out, "traceparent", traceparent);
  AppendMember(out, "type", type);
  return out + "}";
}

const RawMember* RawObject::Find(std::string_view name) const {
  const auto found = std::ranges::find(members, name, &RawMember::name);
  return found == members.end() ? nullptr : &*found;
}

std::optional<RawObject> SplitObject(std::string_view text) {
  std::size_t at = SkipSpace(text, 0);
  if (at >= text.size() || text[at] != '{') return std::nullopt;
  RawObject object;
  at = SkipSpace(text, at + 1);
  while (at < text.size() && text[at] == '"') {
    const std::size_t name_end = SkipString(text, at);
    std::string name = Unescaped(text.substr(at, name_end - at));
    at = SkipSpace(text, SkipSpace(text, name_end) + 1);
    const std::size_t value_end = SkipValue(text, at);
    object.repeated = object.repeated || object.Find(name) != nullptr;
    object.members.push_back({std::move(name), TrimEnd(text.substr(at, value_end - at))});
    if (value_end >= text.size() || text[value_end] != ',') break;
    at = SkipSpace(text, value_end + 1);
  }
  return object;
}

bool IsEventMember(std::string_view name) { return std::ranges::find(kMembers, name) != kMembers.end(); }

base::Result<Event> ReadEvent(const RawObject& object, Numbers numbers) {
  for (const std::string_view name : kMembers) {
    if (std::ranges::count(object.members, name, &RawMember::name) > 1) {
      return Fail(ErrorKind::kInvalid, "event: member \"" + std::string(name) + "\" is given twice");
    }
  }
  Event event;
  event.specversion = TRY(Required(object, "specversion"));
  event.id = TRY(Required(object, "id"));
  event.source = TRY(Required(object, "source"));
  event.type = TRY(Required(object, "type"));
  TRY(ReadOptional(object, "datacontenttype", event.datacontenttype));
  TRY(ReadOptional(object, "time", event.time));
  TRY(ReadOptional(object, "traceparent", event.traceparent));
  if (const RawMember* data = object.Find("data")) {
    const auto tree = json::Parse(data->value, {.max_bytes = kMaxEventBytes, .max_depth = kMaxEventDepth,
                                                .duplicates = json::Duplicates::kKeepLast});
    if (!tree) return std::unexpected(json::ToError(tree.error(), "event data"));
    event.data = numbers == Numbers::kNearest ? json::Sorted(tree->root()) : SortedAsPublished(tree->root());
  }
  return event;
}

base::Result<Event> ReadEvent(std::string_view text, Numbers numbers) {
  const auto tree = json::Parse(text, {.max_bytes = kMaxEventBytes, .max_depth = kMaxEventDepth,
                                       .duplicates = json::Duplicates::kKeepLast});
  if (!tree) return std::unexpected(json::ToError(tree.error(), "event"));
  const auto object = SplitObject(text);
  if (!object) return Fail(ErrorKind::kInvalid, "event: not a JSON object");
  return ReadEvent(*object, numbers);
}

}  // namespace event
