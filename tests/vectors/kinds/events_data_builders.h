// SPDX-License-Identifier: Apache-2.0
// For the vectors of event data: arguments of a record, and the builders that take them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event/cell_ref.h"
#include "event/draft.h"
#include "json/canonical.h"
#include "json/value.h"

namespace vectors {

using json::Kind;
using json::Value;

// The arguments of one record; a null one counts as not given.
class Arguments {
 public:
  explicit Arguments(const Value* object) : object_(object) {}

  const Value* Get(std::string_view name) const {
    const Value* value = object_ == nullptr ? nullptr : object_->Find(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  std::optional<std::string> Text(std::string_view name) const {
    const Value* value = Get(name);
    return value != nullptr && value->is_string() ? std::optional(std::string(value->string())) : std::nullopt;
  }
  std::string TextOr(std::string_view name, std::string otherwise = {}) const {
    return Text(name).value_or(std::move(otherwise));
  }
  std::optional<std::uint64_t> Natural(std::string_view name) const {
    const Value* value = Get(name);
    return value != nullptr && value->kind() == Kind::kUint ? std::optional(value->unsigned_integer()) : std::nullopt;
  }
  std::optional<std::int32_t> Integer(std::string_view name) const {
    const Value* value = Get(name);
    if (value == nullptr) return std::nullopt;
    if (value->kind() == Kind::kInt) return static_cast<std::int32_t>(value->signed_integer());
    return static_cast<std::int32_t>(value->unsigned_integer());
  }
  std::optional<std::int64_t> Integer64(std::string_view name) const {
    const Value* value = Get(name);
    if (value == nullptr) return std::nullopt;
    return value->kind() == Kind::kInt ? value->signed_integer() : static_cast<std::int64_t>(value->unsigned_integer());
  }
  std::optional<bool> Flag(std::string_view name) const {
    const Value* value = Get(name);
    return value != nullptr && value->kind() == Kind::kBool ? std::optional(value->boolean()) : std::nullopt;
  }
  Arguments In(std::string_view name) const { return Arguments(Get(name)); }
  std::span<const Value> Items(std::string_view name) const {
    const Value* value = Get(name);
    return value != nullptr && value->is_array() ? value->array() : std::span<const Value>();
  }
  std::vector<std::string> Texts(std::string_view name) const {
    std::vector<std::string> texts;
    for (const Value& item : Items(name)) texts.emplace_back(item.string());
    return texts;
  }
  std::string Json(std::string_view name) const {
    const Value* value = Get(name);
    return value == nullptr ? "null" : json::Sorted(*value);
  }
  bool given() const { return object_ != nullptr; }

 private:
  const Value* object_;
};

event::CellRef CellOf(const Arguments& args);

// A builder of event data by the name that records give it.
struct Builder {
  std::string_view name;
  event::Draft (*build)(const Arguments&);
};
// nullptr: none of that name.
const Builder* FindBuilder(std::string_view name);

// Data that is compared alone: the flat shape of host probes, the silence of an agent. nullopt: another builder's.
std::optional<std::string> TelemetryData(std::string_view builder, const Arguments& args);

struct StampedGuest {
  std::string data, time;
};
// A guest's declaration under its host's stamp; type, source and id are the caller's.
base::Result<StampedGuest> StampGuest(const Arguments& args);

}  // namespace vectors
