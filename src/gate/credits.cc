// SPDX-License-Identifier: Apache-2.0
// Answered addresses and the names they were answered for.
#include <algorithm>
#include <functional>
#include <utility>

#include "gate/grants.h"

namespace gate {
namespace {

constexpr std::size_t kStaleEndsKept = 64;

}  // namespace

std::size_t Credits::Hash::operator()(const base::IpAddress& address) const {
  const std::string_view bytes(reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size());
  return std::hash<std::string_view>()(bytes) + (address.v6 ? 1 : 0);
}

std::size_t Credits::Held::Find(std::string_view name, std::uint32_t tag) const {
  for (std::size_t i = 0; i < tags.size(); ++i) {
    if (tags[i] == tag && credits[i].name == name) return i;
  }
  return tags.size();
}

void Credits::Remember(const base::IpAddress& address, Credit credit) {
  if (bound_ == 0) return;
  const base::BootTime until = credit.until;
  const auto tag = static_cast<std::uint32_t>(std::hash<std::string_view>()(credit.name));
  Held* held = &by_address_[address];
  if (const std::size_t same = held->Find(credit.name, tag); same != held->tags.size()) {
    Credit& known = held->credits[same];
    if (until < known.until) return;
    known.query = credit.query;
    known.until = until;
  } else if (held->credits.size() >= kNamesPerAddress) {
    const auto first = std::ranges::min_element(held->credits, {}, &Credit::until);
    held->tags[static_cast<std::size_t>(first - held->credits.begin())] = tag;
    *first = std::move(credit);
  } else {
    if (size_ >= bound_) DropFirstEnding();
    held = &by_address_[address];  // dropping may have taken the entry away
    held->credits.push_back(std::move(credit));
    held->tags.push_back(tag);
    ++size_;
  }
  ends_.push_back({until, address});
  std::push_heap(ends_.begin(), ends_.end(), std::greater<>());
  if (ends_.size() <= 2 * size_ + kStaleEndsKept) return;
  ends_.clear();
  for (const auto& [key, held_there] : by_address_) {
    for (const Credit& kept : held_there.credits) ends_.push_back({kept.until, key});
  }
  std::make_heap(ends_.begin(), ends_.end(), std::greater<>());
}

std::span<const Credit> Credits::Of(const base::IpAddress& address) const {
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return {};
  return found->second.credits;
}

void Credits::Forget(const base::IpAddress& address, base::BootTime until) {
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return;
  std::vector<Credit>& credits = found->second.credits;
  const auto ending = std::find_if(credits.begin(), credits.end(),
                                   [&](const Credit& credit) { return credit.until == until; });
  if (ending == credits.end()) return;
  found->second.tags.erase(found->second.tags.begin() + (ending - credits.begin()));
  credits.erase(ending);
  --size_;
  if (credits.empty()) by_address_.erase(found);
}

void Credits::DropFirstEnding() {
  for (const std::size_t before = size_; size_ == before && !ends_.empty();) {
    const End first = ends_.front();
    std::pop_heap(ends_.begin(), ends_.end(), std::greater<>());
    ends_.pop_back();
    Forget(first.address, first.until);
  }
}

void Credits::Sweep(base::BootTime now) {
  while (!ends_.empty() && ends_.front().until + kRememberEnded < now) {
    const End first = ends_.front();
    std::pop_heap(ends_.begin(), ends_.end(), std::greater<>());
    ends_.pop_back();
    Forget(first.address, first.until);
  }
}

}  // namespace gate
