// SPDX-License-Identifier: Apache-2.0
// The decision whether a document may run, in the fixed order of documents.md §5.3; no private key is touched.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cell/run.h"
#include "event/cell_ref.h"
#include "event/draft.h"
#include "spec/cell_document.h"
#include "spec/document_error.h"

namespace cell {

struct Admission {
  std::optional<spec::CellDocument> document;  // as given; absent when it could not be decoded or is not valid
  std::optional<spec::CellDocument> bounded;   // its authority cut to the leaf of its derivation token: what is planned
  std::string refusal;                         // empty: admitted; else the reason of admission.v1.refused
  std::string message;                         // one sentence for a human
  std::vector<spec::Violation> violations;     // all of them at once
  std::vector<event::Draft> events;            // keysets, authorization, policy: for the log, in order
  std::optional<std::string> spec_digest;      // of everything that could be decoded, valid or not: verifiers take it anew
  std::optional<std::string> policy_pack_digest;
  std::optional<bool> derivation_verified;     // set when the document has a token
  bool universal_token = false;                // accepted in permissive mode
  std::vector<std::string> warnings;
  std::optional<base::Error> plan_error;       // set later, when an admitted document can't be planned on this machine

  bool admitted() const { return refusal.empty(); }
};

// Judges `request`. Reads the control files that its settings name, and nothing else of the machine.
Admission Admit(const RunRequest& request, const base::Clock& clock);

// Who events of this document are about.
event::CellRef CellRefOf(const spec::CellDocument& document, const std::string& run_id);

}  // namespace cell
