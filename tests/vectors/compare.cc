// SPDX-License-Identifier: Apache-2.0
// Merging and comparing what a record expects.
#include <fmt/format.h>

#include "json/reader.h"
#include "json/writer.h"
#include "vectors/kind.h"

namespace vectors {

namespace {

constexpr std::size_t kShown = 1500;  // bytes of a value in a failure

bool EqualNumbers(const json::Value& a, const json::Value& b) {
  using json::Kind;
  const auto as_double = [](const json::Value& value) {
    if (value.kind() == Kind::kUint) return static_cast<double>(value.unsigned_integer());
    if (value.kind() == Kind::kInt) return static_cast<double>(value.signed_integer());
    return value.number();
  };
  if (a.kind() == b.kind()) {
    if (a.kind() == Kind::kUint) return a.unsigned_integer() == b.unsigned_integer();
    if (a.kind() == Kind::kInt) return a.signed_integer() == b.signed_integer();
    return a.number() == b.number();
  }
  // 1 and 1.0 are one JSON number; two integers of different sign are not.
  return (a.kind() == Kind::kDouble || b.kind() == Kind::kDouble) && as_double(a) == as_double(b);
}

bool IsNumber(const json::Value& value) {
  using json::Kind;
  return value.kind() == Kind::kInt || value.kind() == Kind::kUint || value.kind() == Kind::kDouble;
}

void Append(json::Writer& writer, const json::Value& value) {
  using json::Kind;
  switch (value.kind()) {
    case Kind::kNull: writer.Null(); break;
    case Kind::kBool: writer.Bool(value.boolean()); break;
    case Kind::kInt: writer.Int(value.signed_integer()); break;
    case Kind::kUint: writer.Uint(value.unsigned_integer()); break;
    case Kind::kDouble: writer.Raw(value.number_text()); break;
    case Kind::kString: writer.String(value.string()); break;
    case Kind::kArray:
      writer.BeginArray();
      for (const json::Value& item : value.array()) Append(writer, item);
      writer.EndArray();
      break;
    case Kind::kObject:
      writer.BeginObject();
      for (const json::Member& member : value.object()) {
        writer.Key(member.name);
        Append(writer, member.value);
      }
      writer.EndObject();
      break;
  }
}

// Compares one member of the expectation with what was found; the empty string when they agree.
std::string Difference(std::string_view name, const json::Value& expected, const json::Value& actual) {
  const json::Value* found = actual.Find(name);
  if (found != nullptr && Equal(expected, *found)) return {};
  return fmt::format("{}: expected {}, found {}", name, base::Escape(ToText(expected), kShown),
                     found == nullptr ? "nothing" : base::Escape(ToText(*found), kShown));
}

void Note(std::string& faults, const std::string& fault) {
  if (fault.empty()) return;
  if (!faults.empty()) faults += "; ";
  faults += fault;
}

}  // namespace

Outcome Mismatch(std::string_view what, std::string_view expected, std::string_view found) {
  return Failed(fmt::format("{}: expected {}, found {}", what, base::Escape(expected, kShown),
                            base::Escape(found, kShown)));
}

bool Equal(const json::Value& a, const json::Value& b) {
  if (IsNumber(a) && IsNumber(b)) return EqualNumbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case json::Kind::kBool: return a.boolean() == b.boolean();
    case json::Kind::kString: return a.string() == b.string();
    case json::Kind::kArray: {
      const auto left = a.array(), right = b.array();
      if (left.size() != right.size()) return false;
      for (std::size_t i = 0; i < left.size(); ++i) {
        if (!Equal(left[i], right[i])) return false;
      }
      return true;
    }
    case json::Kind::kObject: {
      if (a.object().size() != b.object().size()) return false;
      for (const json::Member& member : a.object()) {
        const json::Value* other = b.Find(member.name);
        if (other == nullptr || !Equal(member.value, *other)) return false;
      }
      return true;
    }
    default: return true;  // null
  }
}

std::string ToText(const json::Value& value) {
  std::string text;
  json::Writer writer(text);
  Append(writer, value);
  return text;
}

bool EitherPasses(const json::Value& record) {
  return record.Find("questionable") != nullptr && record.Find("ours") == nullptr;
}

const json::Value* Expected(const json::Value& record, std::string_view name) {
  const json::Value* ours = record.Find("ours");
  if (const json::Value* member = ours == nullptr ? nullptr : ours->Find(name); member != nullptr) {
    return member->is_null() ? nullptr : member;
  }
  const json::Value* expect = record.Find("expect");
  return expect == nullptr ? nullptr : expect->Find(name);
}

Outcome Compare(const json::Value& record, std::string_view actual_json) {
  const auto actual = json::Parse(actual_json, {.max_bytes = 64u << 20, .max_depth = 512});
  if (!actual || !actual->root().is_object()) {
    return Failed(fmt::format("the judge gave no JSON object: {}", base::Escape(actual_json, kShown)));
  }
  if (EitherPasses(record)) return Passed();
  std::string faults;
  std::size_t compared = 0;
  for (const std::string_view part : {"expect", "ours"}) {
    const json::Value* members = record.Find(part);
    if (members == nullptr || !members->is_object()) continue;
    for (const json::Member& member : members->object()) {
      const json::Value* ours = record.Find("ours");
      if (part == "expect" && ours != nullptr && ours->Find(member.name) != nullptr) continue;
      ++compared;
      if (part == "ours" && member.value.is_null()) continue;
      Note(faults, Difference(member.name, member.value, actual->root()));
    }
  }
  if (compared == 0) return Failed("the record expects nothing");
  return faults.empty() ? Passed() : Failed(std::move(faults));
}

Outcome CompareMembers(const json::Value& record, std::string_view actual_json,
                       std::initializer_list<std::string_view> members) {
  const auto actual = json::Parse(actual_json, {.max_bytes = 64u << 20, .max_depth = 512});
  if (!actual || !actual->root().is_object()) {
    return Failed(fmt::format("the judge gave no JSON object: {}", base::Escape(actual_json, kShown)));
  }
  const json::Value* either = record.Find("either");
  if (either != nullptr && either->kind() == json::Kind::kBool && either->boolean()) return Passed();
  std::string faults;
  std::size_t compared = 0;
  for (const std::string_view name : members) {
    const json::Value* expected = record.Find(name);
    if (expected == nullptr) continue;
    ++compared;
    Note(faults, Difference(name, *expected, actual->root()));
  }
  if (compared == 0) return Failed("the record expects nothing");
  return faults.empty() ? Passed() : Failed(std::move(faults));
}

const json::Value* At(const json::Value& record, std::initializer_list<std::string_view> path) {
  const json::Value* value = &record;
  for (const std::string_view name : path) {
    value = value->Find(name);
    if (value == nullptr) return nullptr;
  }
  return value;
}

std::optional<std::string_view> TextAt(const json::Value& record, std::initializer_list<std::string_view> path) {
  const json::Value* value = At(record, path);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->string();
}

std::optional<base::Bytes> HexAt(const json::Value& record, std::initializer_list<std::string_view> path) {
  const auto text = TextAt(record, path);
  if (!text) return std::nullopt;
  return base::HexDecode(*text);
}

}  // namespace vectors
