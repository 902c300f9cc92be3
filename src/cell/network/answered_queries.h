// SPDX-License-Identifier: Apache-2.0
// The last answers that a gate told of, by its ids: what a connection may be said to rest on.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "event/flow_events.h"

namespace cell {

struct Answer {
  event::LinkedQuery query;
  std::string json;  // of `query`, made when a connection first rests on it
};

// Bounded: the one remembered first makes room. Keeps its memory, so that a query costs none once it is full.
class AnsweredQueries {
 public:
  explicit AnsweredQueries(std::uint32_t bound) : bound_(bound) {}
  // One that is known by this id is replaced where it stands.
  void Remember(std::uint64_t id, const event::LinkedQuery& query);
  // Null: unknown, or forgotten. Valid until the next Remember.
  const Answer* Find(std::uint64_t id);
  std::size_t size() const { return slots_.size(); }

 private:
  struct Slot {
    std::uint64_t id;
    Answer answer;
  };
  void Set(Slot& slot, const event::LinkedQuery& query);
  std::uint32_t bound_, next_ = 0;  // next_: the slot that is used anew once all are taken
  std::vector<Slot> slots_;
  std::unordered_map<std::uint64_t, std::uint32_t> index_;
};

}  // namespace cell
