// SPDX-License-Identifier: Apache-2.0
// Ids of the first and of the newest leaves, for events that name other events.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace event {

// Bounded memory: the life-cycle events at the start, and what was written lately.
class RecentIds {
 public:
  static constexpr std::size_t kFirst = 512;
  static constexpr std::size_t kLast = 1024;

  // Of leaf 0, 1, 2, … in this order.
  void Push(std::string_view id) {
    if (count_ < kFirst) {
      first_.emplace_back(id);
    } else if (last_.size() < kLast) {
      last_.emplace_back(id);
    } else {
      last_[(count_ - kFirst) % kLast].assign(id);
    }
    ++count_;
  }

  // Empty when it is not kept.
  std::string Of(std::uint64_t index) const {
    if (index >= count_) return {};
    if (index < first_.size()) return first_[index];
    if (count_ - index > last_.size()) return {};
    return last_[(index - kFirst) % kLast];
  }

 private:
  std::uint64_t count_ = 0;
  std::vector<std::string> first_, last_;
};

}  // namespace event
