// SPDX-License-Identifier: Apache-2.0
// Counts every packet that arrives on a link, by destination and protocol: a SYN that nobody answers is counted too.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

namespace outside {

struct PacketCount {
  std::uint64_t packets = 0;
  std::chrono::steady_clock::time_point last{};
};
// Destination as inet_ntop writes it, IP protocol, destination port (0: none).
using PacketCounts = std::map<std::tuple<std::string, int, std::uint16_t>, PacketCount>;

class PacketCounter {
 public:
  ~PacketCounter();
  // In the calling thread's net namespace.
  std::string Open(const char* link);
  int fd() const { return fd_; }
  void Drain();
  void Forget();
  std::chrono::steady_clock::duration Quiet();  // since the last packet
  PacketCounts Counts();
  std::uint64_t lost();  // packets that the socket had no room for: the counts are then too low

 private:
  void Count(const unsigned char* packet, std::size_t size);

  int fd_ = -1;
  std::mutex mutex_;
  PacketCounts packets_;
  std::chrono::steady_clock::time_point last_{};
  std::uint64_t lost_ = 0;
};

}  // namespace outside
