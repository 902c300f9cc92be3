// SPDX-License-Identifier: Apache-2.0
// Answers that were allowed and relayed, kept as long as their smallest TTL says and never longer. Bounded: the answer
// that was used longest ago makes room.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "gate/dns/message.h"

namespace gate::dns {

// What makes two questions alike: name, type, EDNS and DO, and the flags RD, AD, CD.
class QuestionKey {
 public:
  // nullopt for a question with options, further bytes or other flags: it is asked for itself alone.
  static std::optional<QuestionKey> Of(const Question& question);
  std::string_view text() const { return {bytes_, size_}; }

 private:
  std::size_t size_ = 0;
  char bytes_[kMaxNameText + 3];
};

// An allowed answer and all that is told of it.
struct Served {
  struct Credited {
    base::IpAddress address;
    std::uint32_t ttl_s = 0;
  };
  std::vector<std::uint8_t> message;     // as relayed, of any size
  std::vector<Credited> credits;
  std::vector<std::string> aliases;      // CNAME links in order, canonical
  std::uint32_t ttl_s = 0;               // of the whole answer; 0: not to be kept
  std::uint32_t targets = 0;
  std::uint8_t rcode = 0;
  std::uint8_t resolver = 0xff;
};

class Cache {
 public:
  static constexpr std::size_t kMaxBytes = 4u << 20;       // of all messages together
  static constexpr std::uint32_t kMaxNegativeTtl = 300;    // of answers without an address or record (RFC 2308 §5)
  explicit Cache(std::size_t max_entries) : max_entries_(max_entries) {}

  // Null: nothing, or over. `age_s` is how long it lay here; every TTL in it is to be shortened by it.
  const Served* Find(std::string_view key, base::BootTime now, std::uint32_t* age_s);
  // Truncated answers, failures (rcode other than 0 and 3) and answers without life are not kept.
  void Keep(std::string_view key, const Served& served, base::BootTime now);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    Served served;
    base::BootTime stored;
  };
  using Order = std::list<Entry>;  // used longest ago first
  void Drop(Order::iterator entry);

  std::size_t max_entries_, bytes_ = 0;
  Order order_;
  std::unordered_map<std::string_view, Order::iterator> entries_;  // keys lie in order_
};

}  // namespace gate::dns
