// SPDX-License-Identifier: Apache-2.0
// Counts every packet that arrives on a link, by destination and protocol: a SYN that nobody answers is counted too.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

namespace outside {

class PacketCounter {
 public:
  ~PacketCounter();
  // In the calling thread's net namespace.
  std::string Open(const char* link);
  int fd() const { return fd_; }
  void Drain();
  void Forget();
  // Packets for `address` (as inet_ntop writes it) with this destination port (0: any) and protocol (0: any).
  std::uint64_t Packets(const std::string& address, std::uint16_t port = 0, int protocol = 0);
  // All packets but those to the link's own ends and neighbours' protocols; for a test that nothing left at all.
  std::string Told();
  std::uint64_t lost();

 private:
  using Key = std::tuple<std::string, int, std::uint16_t>;
  void Count(const unsigned char* packet, std::size_t size);

  int fd_ = -1;
  std::mutex mutex_;
  std::map<Key, std::uint64_t> packets_;
  std::uint64_t lost_ = 0;
};

}  // namespace outside
