// SPDX-License-Identifier: Apache-2.0
// A leaf as the cross-witness reads it, and counts of leaves that keep what a finding cites.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "event/draft.h"
#include "event/run_log.h"
#include "evidence/verify/jcs_scan.h"

namespace evidence {

// Views of the line, valid while it is.
struct WitnessLeaf {
  event::LeafIndex index = 0;
  event::Observer observer{};
  std::string_view type;
  std::uint64_t boot_ns = 0;
  std::optional<std::int64_t> wall_ms;  // since 1970; nullopt when `time` is unreadable
  const JcsScanner* json = nullptr;

  std::string_view Data(std::string_view name) const { return json->FindData(name); }
  // Text of a member of data; empty when it is none or has escapes.
  std::string_view Text(std::string_view name) const;
  // A number of data; 0 when there is none.
  std::uint64_t Number(std::string_view name) const;
};

// nullopt for a line that is no event of a listed observer; verification refuses such a log anyhow.
std::optional<WitnessLeaf> ReadWitnessLeaf(event::LeafIndex index, const JcsScanner& line);

// Unsigned members of objects that the scanner accepted; 0 when there is none.
std::uint64_t NumberIn(std::string_view object, std::string_view name);
// Sums that stay at the highest value instead of wrapping: figures of a hostile log.
std::uint64_t AddUp(std::uint64_t a, std::uint64_t b);

// Leaves of one kind: how many, and the first and the last of them.
struct Tally {
  std::uint64_t count = 0;
  event::LeafIndex first = 0, last = 0;

  void Note(event::LeafIndex leaf) {
    if (count++ == 0) first = leaf;
    last = leaf;
  }
  explicit operator bool() const { return count > 0; }
};

using Cites = std::vector<event::LeafIndex>;
// First and last, where there are any.
void Cite(Cites& cites, const Tally& tally);
void Cite(Cites& cites, const std::optional<event::LeafIndex>& leaf);

}  // namespace evidence
