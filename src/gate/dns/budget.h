// SPDX-License-Identifier: Apache-2.0
// The budget of names: how many distinct names, and how many bytes of labels, may go upstream in a sliding minute.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace gate::dns {

class Budget {
 public:
  Budget(std::uint32_t names_per_minute, std::uint32_t label_bytes_per_minute)
      : names_(names_per_minute), label_bytes_(label_bytes_per_minute) {}

  // Whether `canonical` may be asked upstream now. A name let through within the last minute stays known, costs
  // nothing, and its minute begins anew.
  bool Spend(std::string_view canonical, base::BootTime now);

 private:
  struct Entry {
    std::string name;
    base::BootTime last;
  };
  using Order = std::list<Entry>;  // the longest unasked first
  std::uint32_t names_, label_bytes_;
  std::uint64_t bytes_in_use_ = 0;
  Order order_;
  std::unordered_map<std::string_view, Order::iterator> known_;  // keys lie in order_
};

}  // namespace gate::dns
