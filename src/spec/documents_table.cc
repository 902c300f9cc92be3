// SPDX-License-Identifier: Apache-2.0
// The list of documents.
#include "spec/documents_table.h"

#include <algorithm>

#include "spec/cell_tables.h"
#include "spec/policy_tables.h"
#include "spec/schema.h"

namespace spec {
namespace {

constexpr Constraint kUrlKey{"base64url of a 32-byte Ed25519 public key", R"("pattern":"^[A-Za-z0-9_-]{43}=?$")"};
constexpr Constraint kStandardKey{"standard base64, padded, of a 32-byte Ed25519 public key",
                                  R"("pattern":"^[A-Za-z0-9+/]{43}=$")"};
constexpr const TypeShape* kStrings = &Codec<StringMap>::kType;

constexpr DocumentRow kDocuments[] = {
    {"cell-document", "Execution cell document", "What shall run, and everything it may do.",
     &Codec<CellDocument>::kType, nullptr},
    {"policy-pack", "Policy pack", "What a deployment demands of every document it runs.", &Codec<PolicyPack>::kType,
     nullptr},
    {"authorization-policy", "Authorization policy", "Who may run cells on this deployment.",
     &Codec<AuthorizationPolicy>::kType, nullptr},
    {"keys-file", "Verifying keys file", "Key id to public key, for keyset and event envelopes.", kStrings, &kUrlKey},
    {"authority-keys-file", "Authority keys file", "Role to public key, for derivation tokens.", kStrings,
     &kStandardKey},
    {"keyset-envelope", "Trust keyset envelope", "A signed list of keys, alone or in a chain.",
     &Codec<KeysetEnvelope>::kType, nullptr},
    {"derivation-token", "Authority derivation token", "A signature that bounds what a cell may get.",
     &Codec<AuthorityDerivation>::kType, nullptr},
};

void Collect(const TypeShape& type, std::vector<const ObjectShape*>& shapes) {
  if (type.element != nullptr) Collect(*type.element, shapes);
  if (type.object == nullptr) return;
  const std::size_t count = type.shape == Shape::kTagged ? type.names.size() : 1;
  for (std::size_t i = 0; i < count; ++i) {
    const ObjectShape* shape = type.object + i;
    if (std::find(shapes.begin(), shapes.end(), shape) != shapes.end()) continue;
    shapes.push_back(shape);
    for (const FieldRow& row : shape->fields) Collect(*row.type, shapes);
  }
}

}  // namespace

std::span<const DocumentRow> Documents() { return kDocuments; }

const DocumentRow* FindDocument(std::string_view name) {
  const auto found = std::find_if(std::begin(kDocuments), std::end(kDocuments),
                                  [&](const DocumentRow& row) { return row.name == name; });
  return found != std::end(kDocuments) ? found : nullptr;
}

std::vector<const ObjectShape*> ShapesBelow(const TypeShape& type) {
  std::vector<const ObjectShape*> shapes;
  Collect(type, shapes);
  return shapes;
}

std::span<const std::string_view> DocumentNames() {
  static const std::vector<std::string_view> kNames = [] {
    std::vector<std::string_view> names;
    for (const DocumentRow& row : kDocuments) names.push_back(row.name);
    return names;
  }();
  return kNames;
}

}  // namespace spec
