// SPDX-License-Identifier: Apache-2.0
// What a claim of the witness in the cell says, held against the frame that it was made from.
#pragma once

#include <string_view>

#include "base/result.h"
#include "evidence/verify/log_checker.h"

namespace evidence {

// The supervisor reads no frame: it logs what the gate says a frame says. Here `frame`, with its header, is decoded and
// compared with the claimed leaf of the agent that names it. kInvalid: the frame does not decode (evidence.md §1: such
// frames are not kept), or the member in which they differ. Claims that come in no frame are passed.
base::Result<> CheckClaimAgainstFrame(const LeafFacts& facts, const JcsScanner& leaf, std::string_view frame);

}  // namespace evidence
