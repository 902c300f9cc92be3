// SPDX-License-Identifier: Apache-2.0
// `cellos verify`: judges the evidence of a run offline (evidence.md §8). Total on hostile input, bounded memory.
#pragma once

#include <string>
#include <vector>

#include "evidence/verify/report.h"
#include "evidence/verify/run_files.h"
#include "evidence/verify/trust.h"

namespace evidence {

// A run directory or a bundle (ustar archive of one).
Report VerifyRun(const std::string& path, const std::vector<TrustedKey>& keys);

// A C2SP tlog-proof with a run-key certificate as `extra`, and the file that holds the leaf without LF.
Report VerifyProof(const std::string& proof_path, const std::string& leaf_path, const std::vector<TrustedKey>& keys);
// The same of texts in memory.
Report VerifyProofText(std::string_view proof, std::string_view leaf, const std::vector<TrustedKey>& keys);

}  // namespace evidence
