// SPDX-License-Identifier: Apache-2.0
// What a cell was refused, told to those it concerns: the workload (/run/cellos/denials), the summary, `--json`.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "cell/run_outcome.h"

namespace cell {

struct Denial {
  std::string what;         // "tracker.example", "192.0.2.1:443/tcp"; printable
  std::string rule_ref;     // which rule decided
  std::string reason_code;
  std::string hint;         // what would grant it, or what to change; may be empty
  std::uint64_t count = 1;  // more than one: told together
};

// The words of a reason for a person: "no rule".
std::string_view ReasonInWords(std::string_view reason_code);

// Counts denials by what, rule and reason; the first 1,000 different ones are told apart, all are counted.
class DenialTally {
 public:
  void Add(const Denial& denial);
  std::uint64_t total() const { return total_; }
  // Most frequent first.
  std::vector<DenialLine> Lines() const;

 private:
  std::map<std::tuple<std::string, std::string, std::string>, std::size_t> index_;
  std::vector<DenialLine> lines_;
  std::uint64_t total_ = 0;
};

// The workload's own view: JSON lines in a file of the cell that only this descriptor writes. Holds the last 1,000, and
// at most 1,100 while it runs over.
class DenialFile {
 public:
  DenialFile() = default;
  explicit DenialFile(base::UniqueFd file) : file_(std::move(file)) {}
  // What can't be written is left out: the cell's own scratch space may be full.
  void Add(const Denial& denial, base::WallTime at);

 private:
  void Rewrite();
  base::UniqueFd file_;
  std::deque<std::string> lines_;
  std::size_t in_file_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace cell
