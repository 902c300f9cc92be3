// SPDX-License-Identifier: Apache-2.0
// What the host itself sees of a cell's processes and resources, once a second and at the end.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cell/network/companion.h"
#include "cell/recorder.h"
#include "probe/process_census.h"

namespace cell {

// No failure of it is one of the cell. Used by one thread.
class HostWatch final : public Companion {
 public:
  // `sample` reads the cell's cgroup leaf into the log. Listens to the kernel's process connector from now on, so make it
  // before the cell's first process. Everything outlives it.
  HostWatch(Recorder& recorder, const base::Clock& clock, std::function<void()> sample);

  // The cell's outermost process has come into being.
  void OnOuterProcess(pid_t pid);
  // Nothing of the cell lives any more: the last figures. Once.
  void TellEnd();

  // Companion.
  void Watch(std::vector<pollfd>& polls) override;
  void Act(std::span<const pollfd> polls) override;
  base::BootTime Deadline() const override;
  std::optional<std::string> failure() const override { return std::nullopt; }
  void Revoke() override {}

 private:
  void ReadCensus();
  void TellCensus();

  Recorder& recorder_;
  const base::Clock& clock_;
  const std::function<void()> sample_;
  base::Result<probe::ProcessCensus> census_;
  std::optional<base::Error> census_error_;  // of reading: what was counted before is told, and that it ended
  probe::CensusTotals told_;
  base::BootTime next_{0};                   // 0: the first Act sets it
  base::BootTime gather_until_{0};           // until then the connector is not listened to, if gathering_
  std::size_t slot_ = 0;
  bool watched_ = false, more_ = false, may_gather_ = false, gathering_ = false, ended_ = false;
};

// Several as one, asked in order; the first failure counts. None is owned, none is null.
class Companions final : public Companion {
 public:
  explicit Companions(std::vector<Companion*> all) : all_(std::move(all)) {}
  void Watch(std::vector<pollfd>& polls) override;
  void Act(std::span<const pollfd> polls) override;
  base::BootTime Deadline() const override;
  std::optional<std::string> failure() const override;
  Reason failure_reason() const override;
  void OnAgentFailed(const sandbox::CellEvent& event) override;
  void Revoke() override;

 private:
  std::vector<Companion*> all_;
};

}  // namespace cell
