// SPDX-License-Identifier: Apache-2.0
// Random numbers for ids, letters and sockets: getrandom(2), fetched in blocks.
#pragma once

#include <array>
#include <cstdint>

namespace gate::dns {

class Entropy {
 public:
  // Ends the process when the kernel gives none: a gate whose ids can be guessed must not serve.
  std::uint64_t Next64();
  std::uint16_t Next16() { return static_cast<std::uint16_t>(Next64()); }
  std::uint32_t Below(std::uint32_t bound) { return static_cast<std::uint32_t>(Next64() % bound); }

 private:
  std::array<std::uint64_t, 512> block_{};
  std::size_t used_ = block_.size();
};

}  // namespace gate::dns
