// SPDX-License-Identifier: Apache-2.0
// Construction of values and look-up of members.
#include "json/value.h"

namespace json {

const Value* Value::Find(std::string_view name) const {
  if (kind_ != Kind::kObject) return nullptr;
  for (const Member& member : object()) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

std::string_view Value::StringOr(std::string_view name, std::string_view otherwise) const {
  const Value* value = Find(name);
  return value != nullptr && value->is_string() ? value->string() : otherwise;
}

Value Value::Bool(bool value) {
  Value made;
  made.kind_ = Kind::kBool;
  made.scalar_.boolean = value;
  return made;
}

Value Value::Int(std::int64_t value) {
  Value made;
  made.kind_ = Kind::kInt;
  made.scalar_.integer = value;
  return made;
}

Value Value::Uint(std::uint64_t value) {
  Value made;
  made.kind_ = Kind::kUint;
  made.scalar_.natural = value;
  return made;
}

Value Value::Double(double value, std::string_view text) {
  Value made;
  made.kind_ = Kind::kDouble;
  made.size_ = static_cast<std::uint32_t>(text.size());
  made.text_ = text.data();
  made.scalar_.real = value;
  return made;
}

Value Value::String(std::string_view text) {
  Value made;
  made.kind_ = Kind::kString;
  made.size_ = static_cast<std::uint32_t>(text.size());
  made.text_ = text.data();
  return made;
}

Value Value::Array(std::span<const Value> items) {
  Value made;
  made.kind_ = Kind::kArray;
  made.size_ = static_cast<std::uint32_t>(items.size());
  made.items_ = items.data();
  return made;
}

Value Value::Object(std::span<const Member> members) {
  Value made;
  made.kind_ = Kind::kObject;
  made.size_ = static_cast<std::uint32_t>(members.size());
  made.members_ = members.data();
  return made;
}

}  // namespace json
