// SPDX-License-Identifier: Apache-2.0
// Walks the tables: decoding with the place of the first fault, and the declaration form.
#include "spec/field_table.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "json/canonical.h"
#include "json/reader.h"

namespace spec {
namespace {

constexpr std::size_t kShownBytes = 80;  // of any value in a message

// Index of the row named `name`, searched from `guess` on: documents mostly follow the order of declaration.
std::size_t FindRow(std::span<const FieldRow> rows, std::string_view name, std::size_t guess) {
  for (std::size_t i = guess; i < rows.size(); ++i) {
    if (rows[i].name == name) return i;
  }
  for (std::size_t i = 0; i < guess; ++i) {
    if (rows[i].name == name) return i;
  }
  return rows.size();
}

std::string Names(std::span<const FieldRow> rows) {
  std::string names;
  for (const FieldRow& row : rows) names.append(names.empty() ? "" : ", ").append(row.name);
  return names;
}

bool NullIsAbsent(Presence presence) { return presence == Presence::kNullable || presence == Presence::kSkipNull; }

}  // namespace

std::string Describe(const json::Value& value) {
  switch (value.kind()) {
    case json::Kind::kNull:
      return "null";
    case json::Kind::kBool:
      return value.boolean() ? "true" : "false";
    case json::Kind::kString:
      return fmt::format("the string \"{}\"", base::Escape(value.string(), kShownBytes));
    case json::Kind::kArray:
      return fmt::format("a list of {}", value.array().size());
    case json::Kind::kObject:
      return "an object";
    case json::Kind::kDouble:
      return fmt::format("the number {}", base::Escape(value.number_text(), kShownBytes));
    default: {
      std::string number = "the number ";
      json::AppendNumber(number, value);
      return number;
    }
  }
}

std::string Describe(const TypeShape& type) {
  switch (type.shape) {
    case Shape::kString:
      return "a string";
    case Shape::kInteger:
      return fmt::format("an integer from 0 to {}", type.max);
    case Shape::kBool:
      return "true or false";
    case Shape::kEnum:
      return fmt::format("one of {}", fmt::join(type.names, ", "));
    case Shape::kList:
      return "a list";
    case Shape::kMap:
    case Shape::kObject:
    case Shape::kTagged:
      return "an object";
    case Shape::kAny:
      break;
  }
  return "any value";
}

bool Decoder::Fail(std::string_view error_class, std::string message) {
  error_ = {error_class, {}, std::move(message)};
  return false;
}

bool Decoder::WrongType(const json::Value& found, const TypeShape& allowed) {
  return Fail("wrong_type", fmt::format("found {}; allowed is {}", Describe(found), Describe(allowed)));
}

bool Decoder::OutOfRange(const json::Value& found, const TypeShape& allowed) {
  return Fail("out_of_range", fmt::format("found {}; allowed is {}", Describe(found), Describe(allowed)));
}

bool Decoder::UnknownVariant(const json::Value& found, const TypeShape& allowed) {
  return Fail("unknown_variant", fmt::format("found {}; allowed is {}", Describe(found), Describe(allowed)));
}

bool Decoder::Inside(std::string_view name) {
  std::string pointer;
  json::AppendPointerToken(pointer, name);
  error_.pointer.insert(0, pointer);
  return false;
}

bool Decoder::Inside(std::size_t index) {
  error_.pointer.insert(0, fmt::format("/{}", index));
  return false;
}

bool DecodeObject(const ObjectShape& shape, void* object, const json::Value& value, Decoder& decoder,
                  std::string_view tag) {
  const auto rows = shape.fields;
  std::uint64_t seen = 0;
  std::size_t guess = 0;
  for (const json::Member& member : value.object()) {
    const std::size_t index = FindRow(rows, member.name, guess);
    if (index == rows.size()) [[unlikely]] {
      if (!tag.empty() && member.name == tag) continue;
      decoder.Fail("unknown_member", fmt::format("found a member that is not known here; allowed are {}", Names(rows)));
      return decoder.Inside(member.name);
    }
    const FieldRow& row = rows[index];
    guess = index + 1;
    if (member.value.is_null() && NullIsAbsent(row.presence)) continue;
    if (!row.decode(object, member.value, decoder)) [[unlikely]]
      return decoder.Inside(member.name);
    seen |= std::uint64_t{1} << index;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].presence != Presence::kRequired || (seen >> i & 1) != 0) continue;
    decoder.Fail("missing_field", fmt::format("found nothing; required is {}", Describe(*rows[i].type)));
    return decoder.Inside(rows[i].name);
  }
  return true;
}

void EncodeObject(const ObjectShape& shape, const void* object, std::string& out, std::string_view tag) {
  out += '{';
  bool first = true;
  if (!tag.empty()) {
    out += "\"kind\":";
    json::AppendString(out, tag);
    first = false;
  }
  for (const FieldRow& row : shape.fields) {
    const bool absent = row.absent(object);
    if (absent && (row.presence == Presence::kSkipNull || row.presence == Presence::kSkipDefault)) continue;
    if (!first) out += ',';
    first = false;
    json::AppendString(out, row.name);
    out += ':';
    if (absent && row.presence == Presence::kNullable) {
      out += "null";
    } else {
      row.encode(object, out);
    }
  }
  out += '}';
}

base::Error DocumentError::ToError(std::string_view what) const {
  return {base::ErrorKind::kInvalid,
          fmt::format("{}: {}: {}", what, pointer.empty() ? "document" : base::Escape(pointer), message)};
}

}  // namespace spec
