// SPDX-License-Identifier: Apache-2.0
// What a log says of a cell's network: the gate's decisions and ends, questions and answers, the kernel's counters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "evidence/witness/leaf.h"
#include "evidence/witness/table_reading.h"

namespace evidence {

// One thing that does not fit, with what shows it.
struct Mismatch {
  Cites cites;
  std::string text;
};
// Bounded: the first are kept, all are counted.
struct Mismatches {
  static constexpr std::size_t kKept = 64;
  std::vector<Mismatch> kept;
  std::uint64_t count = 0;
  void Note(Cites cites, std::string text);
};

class NetworkFacts {
 public:
  // Answers and open flows that are remembered at a time; what refers to one beyond is counted as `unchecked`.
  static constexpr std::size_t kRemembered = 65536;
  void Take(const WitnessLeaf& leaf);

  // gate.flow
  Tally tcp, udp, allowed;          // decisions told one by one; of tcp those of the relay
  std::uint64_t suppressed = 0;     // denials that were only counted, of any kind
  Tally suppressed_rows;
  Tally closed;
  std::uint64_t bytes_out = 0, bytes_in = 0, flows_reset = 0;
  std::size_t open() const { return open_.size(); }
  Mismatches closed_unopened;
  // gate.dns
  Tally queries;
  std::uint64_t suppressed_queries = 0;
  // Flows under a rule that names a name: the answer that opened the address.
  Tally named, answers;             // flows that cite a question, and the questions they cite
  Mismatches unanswered;
  std::uint64_t unchecked = 0;
  // The same of flows that cite no answer, which can be judged only when the whole log was seen.
  void FinishNames();
  // kernel.nflog, host.nftables
  Tally logged;
  struct Reading {
    event::LeafIndex leaf = 0;
    TableReading rows;
  };
  std::optional<Reading> reading;   // the last that is whole
  // `reading`, where nothing came after it that it may not have counted, nor another that can't be read.
  const TableReading* Final() const;
  std::optional<event::LeafIndex> cut_reading;  // the last, where it is not

 private:
  void TakeFlow(const WitnessLeaf& leaf);
  void TakeClosed(const WitnessLeaf& leaf);
  void TakeQuery(const WitnessLeaf& leaf);
  void TakeTable(const WitnessLeaf& leaf);
  void TakePolicy(const WitnessLeaf& leaf);
  void CheckName(const WitnessLeaf& leaf);
  struct Answer {
    event::LeafIndex leaf = 0;
    std::size_t name = 0;  // hash of it
  };
  std::unordered_map<std::string, Answer> answers_;           // by query id
  std::unordered_map<std::string, event::LeafIndex> open_;    // flows by id
  std::vector<bool> names_;                                   // rule -> its host is a name
  std::unordered_map<std::uint64_t, Tally> nameless_;         // rule -> flows that it let through without an answer
  event::LeafIndex last_of_gate_ = 0;
  bool answers_full_ = false, open_full_ = false;
};

}  // namespace evidence
