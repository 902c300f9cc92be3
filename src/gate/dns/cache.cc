// SPDX-License-Identifier: Apache-2.0
// Keys and lives of kept answers.
#include "gate/dns/cache.h"

#include <algorithm>
#include <cstring>

namespace gate::dns {

std::optional<QuestionKey> QuestionKey::Of(const Question& question) {
  constexpr std::uint16_t kKnown = kFlagRd | kFlagAd | kFlagCd;
  if (!question.plain || (question.flags & ~kKnown) != 0) return std::nullopt;
  QuestionKey key;
  const std::string_view name = question.name();
  std::memcpy(key.bytes_, name.data(), name.size());
  char* rest = key.bytes_ + name.size();
  rest[0] = static_cast<char>(question.type >> 8);
  rest[1] = static_cast<char>(question.type);
  rest[2] = static_cast<char>((question.edns ? 1 : 0) | (question.dnssec_ok ? 2 : 0) |
                              ((question.flags & kFlagRd) != 0 ? 4 : 0) | ((question.flags & kFlagAd) != 0 ? 8 : 0) |
                              ((question.flags & kFlagCd) != 0 ? 16 : 0));
  key.size_ = name.size() + 3;
  return key;
}

const Served* Cache::Find(std::string_view key, base::BootTime now, std::uint32_t* age_s) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  const Order::iterator entry = found->second;
  const auto age = std::chrono::floor<std::chrono::seconds>(now - entry->stored).count();
  if (age < 0 || age >= entry->served.ttl_s) {
    Drop(entry);
    return nullptr;
  }
  *age_s = static_cast<std::uint32_t>(age);
  order_.splice(order_.end(), order_, entry);
  return &entry->served;
}

void Cache::Keep(std::string_view key, const Served& served, base::BootTime now) {
  const bool negative = served.rcode == kRcodeNxdomain || served.credits.empty();
  const bool keepable = served.rcode == kRcodeNoError || served.rcode == kRcodeNxdomain;
  const bool truncated = served.message.size() > 2 && (served.message[2] & 2) != 0;
  const bool large = served.message.size() > kMaxBytes / 16;
  if (!keepable || truncated || large || served.ttl_s == 0 || max_entries_ == 0) return;
  if (const auto old = entries_.find(key); old != entries_.end()) Drop(old->second);
  while (entries_.size() >= max_entries_ || bytes_ + served.message.size() > kMaxBytes) Drop(order_.begin());
  order_.push_back({std::string(key), served, now});
  Entry& entry = order_.back();
  entry.served.message.shrink_to_fit();
  if (negative) entry.served.ttl_s = std::min(entry.served.ttl_s, kMaxNegativeTtl);
  bytes_ += entry.served.message.size();
  entries_.emplace(entry.key, std::prev(order_.end()));
}

void Cache::Drop(Order::iterator entry) {
  bytes_ -= entry->served.message.size();
  entries_.erase(entry->key);
  order_.erase(entry);
}

}  // namespace gate::dns
