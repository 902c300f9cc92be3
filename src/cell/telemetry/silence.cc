// SPDX-License-Identifier: Apache-2.0
// One window, one judge.
#include "cell/telemetry/silence.h"

#include <algorithm>
#include <utility>

namespace cell {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kOurOwnDelay{1000};

milliseconds Elapsed(base::BootTime from, base::BootTime to) {
  return std::chrono::duration_cast<milliseconds>(std::max(to - from, base::BootTime{0}));
}

}  // namespace

std::optional<milliseconds> Silence::Heard(base::BootTime at) {
  if (at <= alive_) return std::nullopt;
  const milliseconds elapsed = Elapsed(alive_, at);
  alive_ = at;
  excused_ = false;
  if (!std::exchange(silent_, false)) return std::nullopt;
  return elapsed;
}

std::optional<milliseconds> Silence::Judge(base::BootTime now) {
  const base::BootTime due = alive_ + window_;
  if (silent_ || now < due) return std::nullopt;
  if (now - due >= kOurOwnDelay && !std::exchange(excused_, true)) {
    alive_ = now;
    return std::nullopt;
  }
  silent_ = true;
  return Elapsed(alive_, now);
}

}  // namespace cell
