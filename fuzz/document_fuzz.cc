// SPDX-License-Identifier: Apache-2.0
// Cell documents: decoding and every judgement are total, and the declaration form of a document is a fixed point.
#include <cstdint>
#include <cstdlib>

#include "base/encoding.h"
#include "spec/capability.h"
#include "spec/controls.h"
#include "spec/derivation.h"
#include "spec/document.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = spec::DecodeCellDocument(base::AsText({data, size}));
  if (!document) {
    Require(!document.error().error_class.empty() && !document.error().message.empty());
    Require(document.error().message.size() < 4096);
    return 0;
  }
  const std::string form = spec::DocumentDeclarationForm(*document);
  const auto again = spec::DecodeCellDocument(form);
  Require(again.has_value() || form.size() > spec::kMaxDocumentBytes);
  if (again) Require(spec::DocumentDeclarationForm(*again) == form);
  const auto valid = spec::ValidateCellDocument(*document);
  if (!valid) {
    Require(valid.error().message.size() < 4096);
    return 0;
  }
  for (const spec::Violation& violation : spec::JudgeControls(*document))
    Require(violation.pointer.starts_with("/spec"));
  spec::AdmissionWarnings(*document);
  const auto bounded = spec::BoundByLeaf(*document);
  if (document->spec.authority.authority_derivation) {
    const spec::Capability& leaf = document->spec.authority.authority_derivation->leaf_capability;
    Require(spec::Excess(spec::CapabilityOf(bounded.spec.authority), leaf).IsNone());
    spec::JudgeDerivation(*document, {}, true);
  }
  return 0;
}
