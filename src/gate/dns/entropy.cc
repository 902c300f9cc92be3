// SPDX-License-Identifier: Apache-2.0
// Blocks of getrandom(2).
#include "gate/dns/entropy.h"

#include <sys/syscall.h>

#include <cstdlib>

#include "sys/call.h"

namespace gate::dns {

std::uint64_t Entropy::Next64() {
  if (used_ == block_.size()) {
    // Never short below 256 bytes; above, only a signal handler could cut it, and then the rest is asked for again.
    for (std::size_t got = 0; got < sizeof block_;) {
      const long count = sys::Raw("getrandom", SYS_getrandom, reinterpret_cast<char*>(block_.data()) + got,
                                  sizeof block_ - got, 0);
      if (count <= 0) std::abort();
      got += static_cast<std::size_t>(count);
    }
    used_ = 0;
  }
  const std::uint64_t value = block_[used_];
  block_[used_++] = 0;  // what was handed out is not kept
  return value;
}

}  // namespace gate::dns
