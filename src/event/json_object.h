// SPDX-License-Identifier: Apache-2.0
// A JSON object put together member by member; Take writes it with its members in JCS order.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace event {

// Names are ASCII, so that byte order is UTF-16 order, and each is added once. A std::optional that holds nothing adds
// no member.
class Object {
 public:
  Object();

  Object& Add(std::string_view name, std::string_view text);
  Object& Add(std::string_view name, const std::string& text) { return Add(name, std::string_view(text)); }
  Object& Add(std::string_view name, const char* text) { return Add(name, std::string_view(text)); }
  Object& Add(std::string_view name, std::same_as<bool> auto value) { return Raw(name, value ? "true" : "false"); }
  Object& Add(std::string_view name, std::unsigned_integral auto value)
    requires(!std::same_as<decltype(value), bool>)
  {
    return Number(name, value);
  }
  Object& Add(std::string_view name, std::signed_integral auto value) { return Number(name, value); }
  Object& Add(std::string_view name, const std::vector<std::string>& texts);
  template <class T>
  Object& Add(std::string_view name, const std::optional<T>& value) {
    return value ? Add(name, *value) : *this;
  }
  // As Add, but null when absent.
  template <class T>
  Object& AddOrNull(std::string_view name, const std::optional<T>& value) {
    return value ? Add(name, *value) : Raw(name, "null");
  }
  // Text that may be long: cut at a UTF-8 boundary, so that it takes about `max_bytes` in JSON, and "…"; the object then
  // says `truncated`.
  Object& AddCut(std::string_view name, std::string_view text, std::size_t max_bytes = kMaxText);
  Object& AddCut(std::string_view name, const std::optional<std::string>& text, std::size_t max_bytes = kMaxText) {
    return text ? AddCut(name, std::string_view(*text), max_bytes) : *this;
  }
  // A list that may be long: ends before it would pass `max_bytes`, the object then says `truncated`.
  Object& AddCut(std::string_view name, const std::vector<std::string>& json_values, std::size_t max_bytes = kMaxList);
  // Take adds the member `truncated` true.
  void MarkTruncated() { truncated_ = true; }
  static constexpr std::size_t kMaxText = 4096;
  static constexpr std::size_t kMaxList = 40960;

  // `json` is one complete value in JCS form.
  Object& Raw(std::string_view name, std::string_view json);

  // The whole object; ends its use.
  std::string Take();
  // Bytes written so far.
  std::size_t size() const { return text_.size(); }

 private:
  struct Place {
    std::string_view name;  // static storage, as every member name here
    std::size_t begin;
  };
  void Begin(std::string_view name);
  Object& Number(std::string_view name, std::uint64_t value);
  Object& Number(std::string_view name, std::int64_t value);
  template <std::integral T>
  Object& Number(std::string_view name, T value) {
    if constexpr (std::signed_integral<T>) return Number(name, static_cast<std::int64_t>(value));
    return Number(name, static_cast<std::uint64_t>(value));
  }

  std::string text_;
  std::vector<Place> places_;
  bool sorted_ = true;
  bool truncated_ = false;
};

// `text` as one JSON string.
std::string Quoted(std::string_view text);
// Begin of `text` that is at most `max_bytes` long and ends at a UTF-8 boundary.
std::string_view CutUtf8(std::string_view text, std::size_t max_bytes);

// JSON array of strings, in the order given.
std::string ArrayOf(const std::vector<std::string>& texts);
// JSON array of complete values.
std::string ArrayOfRaw(const std::vector<std::string>& values);

// Object for names that are not static: sorted by UTF-16 code units.
std::string ObjectOf(const std::map<std::string, std::string>& members);

}  // namespace event
