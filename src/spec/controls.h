// SPDX-License-Identifier: Apache-2.0
// Whether a valid document can be run with exactly what it says: what is not understood, or needs a part that this
// build does not have, is refused. Nothing is ever run with less.
#pragma once

#include <string>
#include <vector>

#include "spec/cell_document.h"
#include "spec/document_error.h"

namespace spec {

// Parts that a document can ask for. What is false here is refused where a document needs it.
struct SupportedFeatures {
  bool egress = true;            // a gate for authority.egressRules
  bool dns = true;               // a DNS proxy for authority.dnsAuthority
  bool doq = false;              // DNS over QUIC upstream
  bool cdn = true;               // authority.cdnAuthority
  bool telemetry = true;         // the in-cell witness
  bool runtime_secrets = true;   // the two socket deliveries
  bool http_export = false;
  bool s3_export = false;
};

// All findings at once; `rule` is "controls.<what>", the pointer names the member. The document was validated and,
// where it has a token, bounded by its leaf.
std::vector<Violation> JudgeControls(const CellDocument& document, const SupportedFeatures& features = {});

// What runs, but not as a reader might expect: names that no rule of DNS lets be asked, patterns of a whole
// top-level domain, images and sources that a
// native cell does not fetch. One sentence each, starting with the pointer.
std::vector<std::string> AdmissionWarnings(const CellDocument& document);

}  // namespace spec
