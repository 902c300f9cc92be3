// SPDX-License-Identifier: Apache-2.0
// Texts of /proc, in which names of the workload's choice stand: whatever they hold, parsing stays within them, and a name
// cannot pass for a field behind it.
#include <stdlib.h>
#include <string.h>

#include <cstdint>
#include <string>

// What runs in a cell is no library of the host.
#include "../guest/telemetry/proc_text.cc"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 1536) return 0;
  const auto* text = reinterpret_cast<const char*>(data);
  guest::ProcessStat stat;
  guest::ParseStat(text, size, &stat);
  if (stat.comm.size > sizeof stat.comm.bytes) abort();
  guest::ParseCursor(text, size);
  guest::ParseNumber(text, size);
  guest::ParseThreadGroup(text, size);
  guest::ForkCount whole, halves;
  whole.Feed(text, size);
  halves.Feed(text, size / 2);
  halves.Feed(text + size / 2, size - size / 2);
  if (whole.found() != halves.found() || whole.value() != halves.value()) abort();

  const std::string name(text, size < 15 ? size : 15);
  const std::string good = "7 (" + name + ") S 3 4 5 0 -1 64 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0 0 0 0 0\n";
  if (!guest::ParseStat(good.data(), good.size(), &stat)) abort();
  if (std::string(stat.comm.bytes, stat.comm.size) != name || stat.parent != 3 || stat.start != 99) abort();
  return 0;
}
