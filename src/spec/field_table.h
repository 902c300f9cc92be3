// SPDX-License-Identifier: Apache-2.0
// The one description of a document: tables of members, from which decoder, declaration form, JSON Schema and reference
// page are made. Included by the files that hold tables and by those that walk them; everyone else uses the documents.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "json/value.h"
#include "json/writer.h"
#include "spec/cell_document.h"
#include "spec/document_error.h"

namespace spec {

enum class Presence : std::uint8_t {
  kRequired,     // must be given, not null
  kNullable,     // absent and null are the same; written as null
  kSkipNull,     // absent and null are the same; not written then
  kDefault,      // may be absent, null is refused; always written
  kSkipDefault,  // may be absent, null is refused; not written when absent, empty or false
};

enum class Shape : std::uint8_t { kString, kInteger, kBool, kEnum, kList, kMap, kObject, kTagged, kAny };

struct ObjectShape;

// What a value may be.
struct TypeShape {
  Shape shape;
  std::uint64_t max = 0;                         // kInteger: from 0 to max
  std::span<const std::string_view> names = {};  // kEnum; kTagged: values of the tag "kind"
  const TypeShape* element = nullptr;            // kList, kMap
  const ObjectShape* object = nullptr;           // kObject; kTagged: the first of names.size() shapes
};

// What a value must satisfy beyond its type, for people and for the schema. Judged by the validation of the document.
struct Constraint {
  std::string_view text;    // "a portable id"
  std::string_view schema;  // members of a JSON Schema object without the braces, or empty
};

class Decoder;

struct FieldRow {
  std::string_view name;
  Presence presence;
  const TypeShape* type;
  bool (*decode)(void* object, const json::Value& value, Decoder& decoder);
  void (*encode)(const void* object, std::string& out);
  bool (*absent)(const void* object);
  const Constraint* constraint;
  std::string_view meaning;  // one sentence without its full stop; may name the default
};

struct ObjectShape {
  std::string_view name;  // a JSON Schema definition name
  std::span<const FieldRow> fields;
};

// Holds the first fault; callers on the way out put their token before the pointer.
class Decoder {
 public:
  // Each sets the error and returns false.
  bool WrongType(const json::Value& found, const TypeShape& allowed);
  bool OutOfRange(const json::Value& found, const TypeShape& allowed);
  bool UnknownVariant(const json::Value& found, const TypeShape& allowed);
  bool Fail(std::string_view error_class, std::string message);
  bool Inside(std::string_view name);  // puts "/name" before the pointer
  bool Inside(std::size_t index);

  DocumentError TakeError() { return std::move(error_); }

 private:
  DocumentError error_;
};

// Members of `value` by the rows of `shape` into `object`; unknown and missing members are faults.
bool DecodeObject(const ObjectShape& shape, void* object, const json::Value& value, Decoder& decoder,
                  std::string_view tag = {});
// The declaration form of `object`. With `tag`, "kind" is written first.
void EncodeObject(const ObjectShape& shape, const void* object, std::string& out, std::string_view tag = {});

// "the string \"x\"", "null", "a list": what was found, safe to show.
std::string Describe(const json::Value& value);
// "an integer from 0 to 65535": what is allowed.
std::string Describe(const TypeShape& type);

// ---- How each C++ type is read and written. Specialised below and beside the tables.

// Specialise with `static constexpr std::string_view kNames[]` in the order of the enumerators.
template <class E>
struct EnumNames;

// Specialise with `static const ObjectShape kShape`.
template <class T>
struct ShapeOf;

template <class T>
struct Codec;

template <>
struct Codec<std::string> {
  static constexpr TypeShape kType{.shape = Shape::kString};
  static bool Decode(std::string& to, const json::Value& value, Decoder& decoder) {
    if (!value.is_string()) [[unlikely]]
      return decoder.WrongType(value, kType);
    to.assign(value.string());
    return true;
  }
  static void Encode(const std::string& from, std::string& out) { json::AppendString(out, from); }
};

template <class T>
requires std::is_unsigned_v<T> &&(!std::is_same_v<T, bool>)struct Codec<T> {
  static constexpr TypeShape kType{.shape = Shape::kInteger, .max = std::numeric_limits<T>::max()};
  static bool Decode(T& to, const json::Value& value, Decoder& decoder) {
    if (value.kind() == json::Kind::kUint && value.unsigned_integer() <= kType.max) [[likely]] {
      to = static_cast<T>(value.unsigned_integer());
      return true;
    }
    const bool integer = value.kind() == json::Kind::kUint || value.kind() == json::Kind::kInt;
    return integer ? decoder.OutOfRange(value, kType) : decoder.WrongType(value, kType);
  }
  static void Encode(T from, std::string& out) { json::Writer(out).Uint(from); }
};

template <>
struct Codec<bool> {
  static constexpr TypeShape kType{.shape = Shape::kBool};
  static bool Decode(bool& to, const json::Value& value, Decoder& decoder) {
    if (value.kind() != json::Kind::kBool) [[unlikely]]
      return decoder.WrongType(value, kType);
    to = value.boolean();
    return true;
  }
  static void Encode(bool from, std::string& out) { out += from ? "true" : "false"; }
};

template <class E>
requires std::is_enum_v<E>
struct Codec<E> {
  static constexpr TypeShape kType{.shape = Shape::kEnum, .names = EnumNames<E>::kNames};
  static bool Decode(E& to, const json::Value& value, Decoder& decoder) {
    if (!value.is_string()) [[unlikely]]
      return decoder.WrongType(value, kType);
    for (std::size_t i = 0; i < kType.names.size(); ++i) {
      if (kType.names[i] != value.string()) continue;
      to = static_cast<E>(i);
      return true;
    }
    return decoder.UnknownVariant(value, kType);
  }
  static void Encode(E from, std::string& out) { json::AppendString(out, kType.names[static_cast<std::size_t>(from)]); }
};

template <class T>
struct Codec<std::optional<T>> {
  static constexpr const TypeShape& kType = Codec<T>::kType;
  static bool Decode(std::optional<T>& to, const json::Value& value, Decoder& decoder) {
    return Codec<T>::Decode(to.emplace(), value, decoder);
  }
  static void Encode(const std::optional<T>& from, std::string& out) { Codec<T>::Encode(*from, out); }
};

template <class T>
struct Codec<std::vector<T>> {
  static constexpr TypeShape kType{.shape = Shape::kList, .element = &Codec<T>::kType};
  static bool Decode(std::vector<T>& to, const json::Value& value, Decoder& decoder) {
    if (!value.is_array()) [[unlikely]]
      return decoder.WrongType(value, kType);
    const auto items = value.array();
    to.resize(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!Codec<T>::Decode(to[i], items[i], decoder)) [[unlikely]]
        return decoder.Inside(i);
    }
    return true;
  }
  static void Encode(const std::vector<T>& from, std::string& out) {
    out += '[';
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (i != 0) out += ',';
      Codec<T>::Encode(from[i], out);
    }
    out += ']';
  }
};

// A map from string to T, sorted by key.
template <class T>
struct Codec<std::vector<std::pair<std::string, T>>> {
  static constexpr TypeShape kType{.shape = Shape::kMap, .element = &Codec<T>::kType};
  static bool Decode(std::vector<std::pair<std::string, T>>& to, const json::Value& value, Decoder& decoder) {
    if (!value.is_object()) [[unlikely]]
      return decoder.WrongType(value, kType);
    for (const json::Member& member : value.object()) {
      auto& [key, item] = to.emplace_back();
      key.assign(member.name);
      if (!Codec<T>::Decode(item, member.value, decoder)) [[unlikely]]
        return decoder.Inside(member.name);
    }
    std::sort(to.begin(), to.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return true;
  }
  static void Encode(const std::vector<std::pair<std::string, T>>& from, std::string& out) {
    out += '{';
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (i != 0) out += ',';
      json::AppendString(out, from[i].first);
      out += ':';
      Codec<T>::Encode(from[i].second, out);
    }
    out += '}';
  }
};

template <class T>
requires requires { ShapeOf<T>::kShape; }
struct Codec<T> {
  static constexpr TypeShape kType{.shape = Shape::kObject, .object = &ShapeOf<T>::kShape};
  static bool Decode(T& to, const json::Value& value, Decoder& decoder) {
    if (!value.is_object()) [[unlikely]]
      return decoder.WrongType(value, kType);
    return DecodeObject(ShapeOf<T>::kShape, &to, value, decoder);
  }
  static void Encode(const T& from, std::string& out) { EncodeObject(ShapeOf<T>::kShape, &from, out); }
};

// ---- Rows

template <auto M>
struct MemberOf;
template <class C, class T, T C::*M>
struct MemberOf<M> {
  using Class = C;
  using Type = T;
  static bool Decode(void* object, const json::Value& value, Decoder& decoder) {
    return Codec<T>::Decode(static_cast<C*>(object)->*M, value, decoder);
  }
  static void Encode(const void* object, std::string& out) { Codec<T>::Encode(static_cast<const C*>(object)->*M, out); }
  static bool Absent(const void* object) {
    const T& member = static_cast<const C*>(object)->*M;
    if constexpr (requires { member.has_value(); }) {
      return !member.has_value();
    } else if constexpr (std::is_same_v<T, bool>) {
      return !member;
    } else if constexpr (requires { member.empty(); } && !std::is_same_v<T, std::string>) {
      return member.empty();
    } else {
      return false;
    }
  }
};

template <auto M>
constexpr FieldRow Row(std::string_view name, Presence presence, std::string_view meaning,
                       const Constraint* constraint = nullptr) {
  using Member = MemberOf<M>;
  return {name,       presence, &Codec<typename Member::Type>::kType, Member::Decode, Member::Encode, Member::Absent,
          constraint, meaning};
}

}  // namespace spec
