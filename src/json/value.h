// SPDX-License-Identifier: Apache-2.0
// A parsed JSON value: plain, trivially destructible, owned by the Tree it came from.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace json {

enum class Kind : std::uint8_t { kNull, kBool, kInt, kUint, kDouble, kString, kArray, kObject };

struct Member;

// One value. Integers that fit i64 are kInt when negative and kUint otherwise; kUint holds up to 2^64-1. Every other
// number is a kDouble (nearest), with its text kept.
class Value {
 public:
  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_object() const { return kind_ == Kind::kObject; }
  bool is_array() const { return kind_ == Kind::kArray; }

  // Each is valid for its own kind only.
  bool boolean() const { return scalar_.boolean; }
  std::int64_t signed_integer() const { return scalar_.integer; }
  std::uint64_t unsigned_integer() const { return scalar_.natural; }
  double number() const { return scalar_.real; }
  std::string_view string() const { return {text_, size_}; }
  std::span<const Value> array() const { return {items_, size_}; }
  inline std::span<const Member> object() const;

  // The text of a number as it was written; empty for values that were built.
  std::string_view number_text() const { return {text_, kind_ == Kind::kDouble ? size_ : 0}; }

  // Member `name` of an object; nullptr when it has none or this is no object.
  const Value* Find(std::string_view name) const;
  // Member as string, or `otherwise` when absent or of another type.
  std::string_view StringOr(std::string_view name, std::string_view otherwise) const;

  static Value Null() { return {}; }
  static Value Bool(bool value);
  static Value Int(std::int64_t value);  // negative only; use Uint for the rest
  static Value Uint(std::uint64_t value);
  static Value Double(double value, std::string_view text);
  static Value String(std::string_view text);
  static Value Array(std::span<const Value> items);
  static Value Object(std::span<const Member> members);

 private:
  Kind kind_ = Kind::kNull;
  std::uint32_t size_ = 0;
  union {
    const char* text_ = nullptr;
    const Value* items_;
    const Member* members_;
  };
  union {
    bool boolean;
    std::int64_t integer;
    std::uint64_t natural;
    double real;
  } scalar_{.natural = 0};
};

struct Member {
  std::string_view name;
  Value value;
};

inline std::span<const Member> Value::object() const { return {members_, size_}; }

}  // namespace json
