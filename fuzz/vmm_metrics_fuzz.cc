// SPDX-License-Identifier: Apache-2.0
// What a VMM writes into the FIFO of its metrics, and answers on its API socket.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "json/canonical.h"
#include "probe/vmm_api.h"
#include "probe/vmm_metrics.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto status = probe::ParseStatusLine(bytes); status && (*status < 100 || *status > 999)) std::abort();
  probe::MetricsLines lines;
  probe::MetricsTotals totals;
  // In two pieces: a line does not depend on where it was cut.
  lines.Add(bytes.substr(0, size / 2));
  std::size_t count = 0;
  const auto take = [&] {
    while (auto line = lines.Next()) {
      ++count;
      if (!*line) continue;
      if (const auto metrics = totals.Add(**line); metrics && !json::IsCanonicalJcs(*metrics)) std::abort();
    }
  };
  take();
  lines.Add(bytes.substr(size / 2));
  take();
  if (count != static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'))) std::abort();
  if (!json::IsCanonicalJcs(totals.ToJson())) std::abort();
  return 0;
}
