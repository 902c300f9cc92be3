// SPDX-License-Identifier: Apache-2.0
// What `cellos verify` found, and how it is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace evidence {

// In the order of precedence of evidence.md §8.
enum class Verdict : std::uint8_t { kUsage, kInvalid, kUnanchored, kContradiction, kIncomplete, kVerified };
// "verified, incomplete" and so on; empty for kUsage.
std::string_view ToString(Verdict verdict);
int ExitStatus(Verdict verdict);

struct Check {
  enum class Result : std::uint8_t { kPassed, kFailed, kWarning, kNotChecked };
  std::string name;
  Result result = Result::kPassed;
  std::string detail;
};
std::string_view ToString(Check::Result result);

// Texts that came from the evidence are verified unless said otherwise; they are escaped when told.
struct Report {
  Verdict verdict = Verdict::kUsage;
  std::string input;          // path as given
  std::string fault;          // kInvalid, kUsage: what does not hold, or what could not be read
  std::vector<Check> checks;  // in the order made

  // Filled as far as the checks got.
  std::string run_id, cell_id, deployment;
  std::string anchored_by;         // key id and how it was given; empty when unanchored
  std::string deployment_key_ids;  // of leaf 0, for whoever has to fetch the right key
  bool keys_given = false;
  bool sealed = false, cut = false, proof = false;
  std::uint64_t proven = 0;  // leaves; of a proof the tree's size
  std::uint64_t leaf = 0;    // of a proof
  std::string root;          // base64
  std::string from, to;      // time of the first and the last proven leaf
  std::string backend, reason_code, exit_code, signal;
  std::uint64_t agree = 0, gap = 0, contradiction = 0;
  std::vector<std::uint64_t> contradictions;  // the first of them
  std::vector<std::string> losses;            // why the run is incomplete, each with its count

  // Several lines for a person; the first says the verdict.
  std::string ToText() const;
  // One JSON object.
  std::string ToJson() const;
};

}  // namespace evidence
