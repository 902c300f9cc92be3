// SPDX-License-Identifier: Apache-2.0
// Pipes for splice(2), used again and again, at most a fixed number.
#pragma once

#include <cstddef>
#include <vector>

#include "sys/inet.h"

namespace gate {

class Pipes {
 public:
  explicit Pipes(std::size_t bound) : bound_(bound) {}
  // An empty pipe, or one without descriptors: then bytes are copied.
  sys::SplicePipe Take();
  // `empty` false: it holds bytes of somebody and is closed.
  void Give(sys::SplicePipe pipe, bool empty);

 private:
  static constexpr std::size_t kKept = 16;
  // The first flows get pipes that hold much: the kernel lets one user have 64 MiB in pipes and makes further ones tiny.
  static constexpr std::size_t kWide = 16, kWideBytes = 1 << 20;
  const std::size_t bound_;
  std::size_t out_ = 0;
  std::vector<sys::SplicePipe> free_;
};

}  // namespace gate
