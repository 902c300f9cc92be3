// SPDX-License-Identifier: Apache-2.0
// Comparing capabilities: what is part of what.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "spec/cell_document.h"

namespace spec {

// Equal for the purpose of a grant: host by ASCII case-insensitive equality, port, and protocol byte for byte, where
// absent is not "tcp". The justification is not compared; there are no wildcards.
bool SameGrant(const EgressRule& a, const EgressRule& b);

// What the first has beyond the second.
struct CapabilityExcess {
  bool egress = false, secrets = false;
  bool IsNone() const { return !egress && !secrets; }
};
CapabilityExcess Excess(const Capability& claimed, const Capability& declared);
CapabilityExcess Excess(const Capability& claimed, const Authority& declared);

// egressRules and secretRefs of an authority; absent is empty.
Capability CapabilityOf(const Authority& authority);

// Pointers of what `document` asks for beyond the leaf of its derivation token: egress rules and secrets of its
// authority, and the members elsewhere that name such a secret (identity, ingress, export targets). Empty without a
// token.
std::vector<std::string> BeyondLeaf(const CellDocument& document);
// The document with the egress rules and secrets of its authority cut to the leaf; the same document without a token.
// Members elsewhere are not cut: where BeyondLeaf names one, the document cannot be run.
CellDocument BoundByLeaf(CellDocument document);

}  // namespace spec
