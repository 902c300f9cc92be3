// SPDX-License-Identifier: Apache-2.0
// Append-only writer of compact JSON; the caller gives members in the order they shall have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "json/value.h"

namespace json {

// Appends `text` as a JSON string: \" \\ \b \f \n \r \t, other code points below 0x20 as \u00xx, all else raw.
void AppendString(std::string& out, std::string_view text);

class Writer {
 public:
  // Appends to `out`, which must outlive the writer.
  explicit Writer(std::string& out) : out_(out) {}

  Writer& BeginObject();
  Writer& EndObject();
  Writer& BeginArray();
  Writer& EndArray();
  Writer& Key(std::string_view name);
  Writer& String(std::string_view text);
  Writer& Int(std::int64_t value);
  Writer& Uint(std::uint64_t value);
  Writer& Bool(bool value);
  Writer& Null();
  // `json` is one complete value, written as it stands.
  Writer& Raw(std::string_view json);

  // Member in one call.
  Writer& Member(std::string_view name, std::string_view text) { return Key(name).String(text); }
  Writer& Member(std::string_view name, const char* text) { return Key(name).String(text); }
  Writer& Member(std::string_view name, std::uint64_t value) { return Key(name).Uint(value); }
  Writer& Member(std::string_view name, bool value) { return Key(name).Bool(value); }

 private:
  void Separate();
  std::string& out_;
  bool comma_ = false;
};

}  // namespace json
