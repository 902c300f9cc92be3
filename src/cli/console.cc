// SPDX-License-Identifier: Apache-2.0
// Printing without streams or locale.
#include "cli/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>

#include "sys/file.h"

namespace cli {

void PrintRaw(int fd, std::string_view text) { (void)sys::WriteAll(fd, text); }

bool PrintOut(std::string_view text) { return sys::WriteAll(STDOUT_FILENO, text).has_value(); }

void PrintError(std::string_view message) {
  std::string line("cellos: ");
  line.append(message).append("\n");
  PrintRaw(STDERR_FILENO, line);
}

int Fail(const base::Error& error) {
  PrintError(error.message);
  return kFailed;
}

int FailUsage(const base::Error& error) {
  PrintError(error.message);
  return kUsage;
}

bool IsTerminal(int fd) { return ::isatty(fd) == 1; }

std::string HumanBytes(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string HumanDuration(std::uint64_t milliseconds) {
  if (milliseconds < 1000) return fmt::format("{} ms", milliseconds);
  if (milliseconds < 60'000) return fmt::format("{:.1f} s", static_cast<double>(milliseconds) / 1000);
  const auto seconds = milliseconds / 1000;
  if (seconds < 3600) return fmt::format("{}m {}s", seconds / 60, seconds % 60);
  return fmt::format("{}h {}m", seconds / 3600, seconds / 60 % 60);
}

}  // namespace cli
