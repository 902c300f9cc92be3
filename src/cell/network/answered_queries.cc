// SPDX-License-Identifier: Apache-2.0
// A ring of slots and where each id stands in it.
#include "cell/network/answered_queries.h"

#include <utility>

namespace cell {

void AnsweredQueries::Remember(std::uint64_t id, const event::LinkedQuery& query) {
  if (const auto known = index_.find(id); known != index_.end()) {
    return Set(slots_[known->second], query);
  }
  if (slots_.size() < bound_) {
    index_.emplace(id, static_cast<std::uint32_t>(slots_.size()));
    slots_.push_back({id, {query, {}}});
    return;
  }
  Slot& slot = slots_[next_];
  auto node = index_.extract(slot.id);
  node.key() = id;
  index_.insert(std::move(node));
  slot.id = id;
  Set(slot, query);
  next_ = (next_ + 1) % bound_;
}

void AnsweredQueries::Set(Slot& slot, const event::LinkedQuery& query) {
  slot.answer.query = query;
  slot.answer.json.clear();
}

const Answer* AnsweredQueries::Find(std::uint64_t id) {
  const auto known = index_.find(id);
  if (known == index_.end()) return nullptr;
  Answer& answer = slots_[known->second].answer;
  if (answer.json.empty()) answer.json = event::ToJson(answer.query);
  return &answer;
}

}  // namespace cell
