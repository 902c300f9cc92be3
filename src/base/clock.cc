// SPDX-License-Identifier: Apache-2.0
// The system clocks and RFC 3339 output.
#include "base/clock.h"

#include <fmt/format.h>
#include <time.h>

namespace base {
namespace {

std::chrono::nanoseconds Read(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

class MachineClock final : public Clock {
 public:
  WallTime Wall() const override {
    return WallTime(std::chrono::duration_cast<std::chrono::milliseconds>(Read(CLOCK_REALTIME)));
  }
  BootTime Boot() const override { return Read(CLOCK_BOOTTIME); }
};

std::string FormatTo(WallTime time, bool millis) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<milliseconds>(time - day));
  auto text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                          static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                          clock.minutes().count(), clock.seconds().count());
  if (millis) text += fmt::format(".{:03}", clock.subseconds().count());
  return text + "Z";
}

}  // namespace

const Clock& SystemClock() {
  static const MachineClock clock;
  return clock;
}

std::string FormatMillis(WallTime time) { return FormatTo(time, true); }
std::string FormatSeconds(WallTime time) { return FormatTo(time, false); }

}  // namespace base
