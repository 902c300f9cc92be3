// SPDX-License-Identifier: Apache-2.0
// The leaf as its callers see it: what both hierarchies have in common, and who does the rest.
#include "cgroup/leaf.h"

#include "cgroup/hierarchy.h"

namespace cgroup {

struct Leaf::State {
  std::unique_ptr<Hierarchy> hierarchy;  // empty: no leaf
};

Leaf::Leaf(std::unique_ptr<State> state) : state_(std::move(state)) {}
Leaf::Leaf(Leaf&&) noexcept = default;
Leaf& Leaf::operator=(Leaf&&) noexcept = default;

Leaf::~Leaf() {
  // A late remover must not hang; whoever cares for the outcome calls Remove before.
  if (state_ && state_->hierarchy) (void)state_->hierarchy->Remove(std::chrono::milliseconds(100));
}

base::Result<Leaf> Leaf::Create(const plan::Plan& plan) {
  auto state = std::make_unique<State>();
  switch (plan.cgroup.hierarchy) {
    case base::CgroupHierarchy::kNone:
      break;
    case base::CgroupHierarchy::kV1:
      state->hierarchy = TRY(CreateV1(plan));
      break;
    case base::CgroupHierarchy::kV2:
      state->hierarchy = TRY(CreateV2(plan));
      break;
  }
  return Leaf(std::move(state));
}

std::vector<std::string> Leaf::PlannedPaths(const plan::Plan& plan) {
  switch (plan.cgroup.hierarchy) {
    case base::CgroupHierarchy::kNone:
      break;
    case base::CgroupHierarchy::kV1:
      return PathsV1(plan);
    case base::CgroupHierarchy::kV2:
      return PathsV2(plan);
  }
  return {};
}

bool Leaf::exists() const { return state_ && state_->hierarchy; }

int Leaf::guard_directory() const { return exists() ? state_->hierarchy->guard_directory() : -1; }

base::Result<std::vector<base::UniqueFd>> Leaf::OpenTasks() const {
  if (!exists()) return std::vector<base::UniqueFd>();
  return state_->hierarchy->OpenTasks();
}

base::Result<> Leaf::AddWorkload(pid_t pid) { return exists() ? state_->hierarchy->AddWorkload(pid) : base::Result<>(); }

base::Result<std::map<std::string, std::string>> Leaf::ReadLimits() const {
  if (!exists()) return std::map<std::string, std::string>();
  return state_->hierarchy->ReadLimits();
}

std::string Leaf::probe_path() const { return exists() ? state_->hierarchy->probe_path() : std::string(); }

std::vector<std::string> Leaf::paths() const {
  return exists() ? state_->hierarchy->paths() : std::vector<std::string>();
}

int Leaf::oom_fd() const { return exists() ? state_->hierarchy->oom_fd() : -1; }

base::Result<bool> Leaf::OomKilled() const { return exists() ? state_->hierarchy->OomKilled() : base::Result<bool>(false); }

base::Result<Leaf::Usage> Leaf::ReadUsage() const {
  return exists() ? state_->hierarchy->ReadUsage() : base::Result<Usage>(Usage{});
}

base::Result<> Leaf::KillAll() { return exists() ? state_->hierarchy->KillAll() : base::Result<>(); }

base::Result<> Leaf::Remove(std::chrono::milliseconds deadline) {
  if (!exists()) return {};
  TRY(state_->hierarchy->Remove(deadline));
  state_->hierarchy.reset();
  return {};
}

}  // namespace cgroup
