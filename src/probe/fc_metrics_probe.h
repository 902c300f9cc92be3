// SPDX-License-Identifier: Apache-2.0
// host.fc_metrics: what a Firecracker VMM writes of itself into a FIFO of ours (telemetry.md §4.2).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "event/cell_ref.h"
#include "probe/host_probe.h"
#include "probe/vmm_metrics.h"

namespace probe {

struct FcMetricsTarget {
  int directory = -1;                          // of the VMM's sockets: ours alone, 0700; not owned, duplicated
  std::string api_socket;                      // its name in there
  std::string fifo;                            // name of the FIFO to make in there; what PUT /metrics names to the VMM
  std::string endpoint;                        // `inputs.endpoint`: "unix:///run/firecracker/c1.sock/metrics"
  std::optional<uid_t> writer = std::nullopt;  // who owns the FIFO, where the VMM is not our own user
  std::string spec_signature_hash;
  std::chrono::milliseconds deadline{250};  // of one FlushMetrics
};

// Each Sample asks the VMM to flush and takes every line that is there, those that it wrote by itself among them. One
// line is one reading: `output.metrics` is the line, `output.totals` the sums of all increments up to it. What fails is
// an event with `sampleError`.
class FcMetricsProbe : public HostProbe {
 public:
  // Makes the FIFO, 0600, and opens its read side, which stays open. kDenied when the directory is open to others,
  // kExists when something of that name is there.
  static base::Result<FcMetricsProbe> Create(event::CellRef cell, FcMetricsTarget target);
  FcMetricsProbe(FcMetricsProbe&&) = default;
  FcMetricsProbe& operator=(FcMetricsProbe&&) = delete;
  ~FcMetricsProbe() override;  // removes the FIFO

  std::string_view name() const override { return "host.fc_metrics"; }
  // At least one; at most kMaxLines, the rest stays in the FIFO for the next time. Blocks for target.deadline at most.
  static constexpr std::size_t kMaxLines = 8;
  std::vector<event::Draft> SampleAll(const base::Clock& clock) override;
  // The last of SampleAll: of further lines only their sums remain.
  event::Draft Sample(const base::Clock& clock) override;

 private:
  FcMetricsProbe(event::CellRef cell, FcMetricsTarget target, base::UniqueFd directory, base::UniqueFd fifo)
      : cell_(std::move(cell)), target_(std::move(target)), directory_(std::move(directory)), fifo_(std::move(fifo)) {}
  struct Reading {
    std::string output = "{}", error;
  };
  std::string Flush();
  base::Result<bool> Fill();
  std::optional<base::Result<std::string>> NextLine(std::string& failed);
  Reading Read(const base::Result<std::string>& line);
  event::Draft ToEvent(const Reading& reading, const base::Clock& clock) const;

  event::CellRef cell_;
  FcMetricsTarget target_;
  base::UniqueFd directory_, fifo_;
  MetricsLines lines_;
  MetricsTotals totals_;
};

}  // namespace probe
