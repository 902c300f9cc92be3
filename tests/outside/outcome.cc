// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>

#include "world.h"

namespace outside {

std::uint64_t Outcome::Out(const std::string& address, std::uint16_t port) const {
  std::uint64_t sum = 0;
  for (const auto& [key, count] : packets) {
    const auto& [to, protocol, at] = key;
    if (to == address && (port == 0 || at == port)) sum += count.packets;
  }
  return sum;
}

std::chrono::steady_clock::time_point Outcome::LastOut(const std::string& address) const {
  std::chrono::steady_clock::time_point last{};
  for (const auto& [key, count] : packets) {
    if (std::get<0>(key) == address) last = std::max(last, count.last);
  }
  return last;
}

std::vector<Seen> Outcome::To(const std::string& address, std::uint16_t port) const {
  std::vector<Seen> found;
  for (const Seen& seen : connections) {
    if (seen.address == address && (port == 0 || seen.port == port)) found.push_back(seen);
  }
  return found;
}

std::string Outcome::Datagrams(const std::string& address) const {
  std::string bytes;
  for (const auto& [to, got] : datagrams) {
    if (to == address) bytes += got;
  }
  return bytes;
}

std::size_t Outcome::Asked(std::string_view name, std::string_view type) const {
  const std::string wanted = Lower(name);
  std::size_t count = 0;
  for (const DnsAsked& question : asked) {
    const std::string got = Lower(question.name);
    const bool same = wanted.starts_with('.') ? got.ends_with(wanted) : got == wanted;
    if (same && (type.empty() || DnsType(type) == question.type)) ++count;
  }
  return count;
}

std::string Outcome::Told() const {
  std::string told;
  for (const auto& [key, count] : packets) {
    const auto& [to, protocol, port] = key;
    const bool neighbour = to.starts_with("ff02:") || to.starts_with("fe80:") || to.starts_with("2001:db8:ffff:");
    if (neighbour && (protocol == IPPROTO_ICMPV6 || protocol == IPPROTO_HOPOPTS)) continue;
    told += to + " protocol " + std::to_string(protocol) + " port " + std::to_string(port) + ": " +
            std::to_string(count.packets) + "\n";
  }
  return told;
}

}  // namespace outside
