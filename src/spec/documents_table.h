// SPDX-License-Identifier: Apache-2.0
// The documents by name, for what walks their tables.
#pragma once

#include <span>
#include <vector>

#include "spec/field_table.h"

namespace spec {

struct DocumentRow {
  std::string_view name;  // as in `cellos schema NAME`
  std::string_view title;
  std::string_view about;   // one sentence
  const TypeShape* type;    // kObject, or kMap for files of keys
  const Constraint* entry;  // of the values of a map
};

std::span<const DocumentRow> Documents();
const DocumentRow* FindDocument(std::string_view name);

// Every object shape that `type` leads to, each once, outermost first.
std::vector<const ObjectShape*> ShapesBelow(const TypeShape& type);

}  // namespace spec
