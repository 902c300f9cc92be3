// SPDX-License-Identifier: Apache-2.0
// Why a document was refused, as a value: neutral class, place, and a sentence that is safe to show.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace spec {

// `error_class` is a stable neutral name of static storage ("unknown_member", "bad_identifier"). `pointer` is the
// RFC 6901 pointer of the member at fault. `message` says what was found and what is allowed; escaped and capped.
struct DocumentError {
  std::string_view error_class;
  std::string pointer;
  std::string message;

  // "<what>: <pointer>: <message>", kind kInvalid.
  base::Error ToError(std::string_view what) const;
};

// One finding of a judgement that reports all of them at once.
struct Violation {
  std::string rule;     // name of the rule, e.g. "maxMemoryMaxBytes" or "controls.egressRules"
  std::string pointer;  // RFC 6901, into the cell document
  std::string message;
};

}  // namespace spec
