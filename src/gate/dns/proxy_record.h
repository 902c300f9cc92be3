// SPDX-License-Identifier: Apache-2.0
// The one way a name gets into a record.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include "wire/gate_record.h"

namespace gate::dns {

inline void PutName(std::string_view name, wire::GateRecord* record) {
  if (name.empty()) name = "(unknown)";
  std::memcpy(record->name, name.data(), std::min(name.size(), sizeof record->name - 1));
}

}  // namespace gate::dns
