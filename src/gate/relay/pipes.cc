// SPDX-License-Identifier: Apache-2.0
// Pipes for splice(2).
#include "gate/relay/pipes.h"

#include <utility>

namespace gate {

sys::SplicePipe Pipes::Take() {
  if (out_ >= bound_) return {};
  sys::SplicePipe pipe;
  if (!free_.empty()) {
    pipe = std::move(free_.back());
    free_.pop_back();
  } else if (auto opened = sys::OpenPipe(out_ < kWide ? kWideBytes : 0)) {
    pipe = std::move(*opened);
  } else {
    return {};
  }
  ++out_;
  return pipe;
}

void Pipes::Give(sys::SplicePipe pipe, bool empty) {
  if (!pipe.read) return;
  --out_;
  if (empty && free_.size() < kKept) free_.push_back(std::move(pipe));
}

}  // namespace gate
