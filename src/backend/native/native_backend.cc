// SPDX-License-Identifier: Apache-2.0
// Order: leaf, cell at its barrier, workload into the leaf, read-back. Destruction goes the other way round.
#include "backend/native/native_backend.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "cgroup/leaf.h"
#include "net/table.h"
#include "sandbox/effective_controls.h"
#include "sandbox/launch.h"
#include "sys/file.h"

namespace backend {
namespace {

using std::chrono::milliseconds;

base::Error AtStep(base::Error error, std::string_view step) {
  if (error.step.empty()) error.step = step;
  return error;
}

class NativeCell final : public LiveCell {
 public:
  NativeCell(cgroup::Leaf leaf, sandbox::Cell cell, sandbox::EffectiveControls controls)
      : leaf_(std::move(leaf)), cell_(std::move(cell)), controls_(std::move(controls)) {}

  const sandbox::EffectiveControls& controls() const override { return controls_; }
  base::UniqueFd TakeTerminal() override { return cell_.TakeTerminal(); }
  base::Result<> OpenBarrier(std::span<const std::string_view> secret_environment) override {
    return cell_.OpenBarrier(secret_environment);
  }
  base::UniqueFd TakeDenials() override { return cell_.TakeDenials(); }
  base::UniqueFd TakeNetfilter() override { return cell_.TakeNetfilter(); }
  base::UniqueFd TakeFlowLog() override { return cell_.TakeFlowLog(); }
  int event_fd() const override { return cell_.event_fd(); }
  base::Result<std::optional<sandbox::CellEvent>> ReadEvent() override { return cell_.ReadEvent(); }
  int oom_fd() const override { return leaf_.oom_fd(); }
  base::Result<bool> OomKilled() override { return leaf_.OomKilled(); }
  base::Result<> Signal(int signal) override { return cell_.Signal(signal); }

  base::Result<> Kill(milliseconds deadline) override {
    auto emptied = leaf_.KillAll();
    auto dead = cell_.Kill(deadline);
    return dead ? std::move(emptied) : std::move(dead);
  }

  pid_t workload_pid() const override { return cell_.workload_pid(); }
  int root_directory() const override { return cell_.root_directory(); }
  std::string probe_path() const override { return leaf_.exists() ? leaf_.probe_path() : std::string(); }
  base::Result<cgroup::Leaf::Usage> ReadUsage() const override { return leaf_.ReadUsage(); }

  std::vector<std::string> Destroy(milliseconds deadline) override {
    std::vector<std::string> leftovers;
    const auto note = [&](base::Result<> step) {
      if (!step) leftovers.push_back(std::move(step).error().message);
    };
    note(Kill(deadline));
    note(leaf_.Remove(deadline));
    return leftovers;
  }

 private:
  cgroup::Leaf leaf_;  // outlives the cell: removed after everything in it is dead
  sandbox::Cell cell_;
  sandbox::EffectiveControls controls_;
};

class NativeBackend final : public Backend {
 public:
  base::Result<std::unique_ptr<LiveCell>> Create(CreateOptions options) override {
    const plan::Plan& plan = *options.plan;
    Anchor anchor{.cgroup_paths = cgroup::Leaf::PlannedPaths(plan)};
    TRY(options.on_anchor(anchor));
    auto leaf = cgroup::Leaf::Create(plan);
    if (!leaf) return std::unexpected(AtStep(std::move(leaf).error(), "cgroup"));

    auto tasks = leaf->OpenTasks();
    if (!tasks) return std::unexpected(AtStep(std::move(tasks).error(), "cgroup"));
    const auto meanwhile = [&](pid_t outer) -> base::Result<> {
      anchor.outer_pid = outer;
      TRY(options.on_anchor(anchor));
      return options.meanwhile ? options.meanwhile() : base::Result<>();
    };
    auto cell = sandbox::Cell::Launch({.plan = &plan,
                                       .streams = std::move(options.streams),
                                       .host_uid = options.host_uid,
                                       .host_gid = options.host_gid,
                                       .cgroup_guard = leaf->guard_directory(),
                                       .cgroup_tasks = std::move(*tasks),
                                       .gate_channel = options.gate_channel,
                                       .agent_channel = options.agent_channel,
                                       .ttl_deadline = options.ttl_deadline,
                                       .phase_deadline = options.phase_deadline,
                                       .meanwhile = meanwhile});
    if (!cell) return std::unexpected(std::move(cell).error());

    auto controls = Enforce(*leaf, *cell, plan);
    if (!controls) return std::unexpected(AtStep(std::move(controls).error(), "controls"));
    return std::make_unique<NativeCell>(std::move(*leaf), std::move(*cell), std::move(*controls));
  }

 private:
  // Written from outside by one who may lower it, the value becomes the least that the workload can set for itself
  // (proc(5)). An ordinary user's cell can go back to the caller's own value.
  static base::Result<> PinOomScore(pid_t workload, int score) {
    if (::geteuid() != 0) return {};
    return sys::WriteControl(AT_FDCWD, "/proc/" + std::to_string(workload) + "/oom_score_adj", std::to_string(score));
  }

  static base::Result<sandbox::EffectiveControls> Enforce(cgroup::Leaf& leaf, const sandbox::Cell& cell,
                                                          const plan::Plan& plan) {
    TRY(leaf.AddWorkload(cell.workload_pid()));
    TRY(PinOomScore(cell.workload_pid(), plan.oom_score_adj));
    auto limits = TRY(leaf.ReadLimits());
    auto controls =
        TRY(sandbox::ReadEffectiveControls(cell.workload_pid(), cell.workload_pidfd(), plan, std::move(limits)));
    if (plan.telemetry) controls.agent = TRY(sandbox::ReadAgentControls(cell.agent_pid(), cell.agent_pidfd()));
    if (plan.network && plan.network->network) {
      const net::TableReading table = TRY(net::ReadTable(cell.netfilter(), plan.network->table));
      controls.SetRules(plan.network->table, table.canonical, TRY(net::CanonicalRules(plan.network->nft_batch)));
    }
    TRY(sandbox::CheckAgainstPlan(controls, plan));
    return controls;
  }
};

}  // namespace

std::unique_ptr<Backend> MakeNativeBackend() { return std::make_unique<NativeBackend>(); }

}  // namespace backend
