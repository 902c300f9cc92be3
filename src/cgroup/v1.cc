// SPDX-License-Identifier: Apache-2.0
// cgroup v1: one leaf in each writable controller (Documentation/admin-guide/cgroup-v1).
#include <fcntl.h>
#include <sys/eventfd.h>

#include <algorithm>

#include <fmt/format.h>

#include "cgroup/hierarchy.h"
#include "sys/file.h"
#include "sys/poll.h"

namespace cgroup {
namespace {

struct Mounted {
  std::string parent;                    // our own cgroup in this mount
  std::string path;                      // the leaf
  std::vector<std::string> controllers;  // that share the mount: often cpu and cpuacct
  base::UniqueFd directory;
};

// One row for each distinct mount, in the order of the controllers.
std::vector<Mounted> Rows(const plan::Plan& plan) {
  std::vector<Mounted> rows;
  for (const std::string& controller : plan.facts.cgroup.controllers) {
    const auto parent = plan.facts.cgroup.parents.find(controller);
    if (parent == plan.facts.cgroup.parents.end()) continue;
    const auto same = std::find_if(rows.begin(), rows.end(),
                                   [&](const Mounted& row) { return row.parent == parent->second; });
    if (same != rows.end()) {
      same->controllers.push_back(controller);
      continue;
    }
    rows.push_back({parent->second, parent->second + "/" + plan.cgroup.leaf_name, {controller}, {}});
  }
  return rows;
}

class V1 final : public Hierarchy {
 public:
  V1(std::vector<Mounted> rows, std::vector<plan::CgroupWrite> writes)
      : rows_(std::move(rows)), writes_(std::move(writes)) {}

  ~V1() override {
    (void)RemoveDirectories(paths(), std::chrono::milliseconds(0));
  }

  base::Result<> Make() {
    for (Mounted& row : rows_) {
      TRY(sys::MkdirAt(AT_FDCWD, row.path, 0755));
      ++made_;
      row.directory = TRY(sys::OpenAt(AT_FDCWD, row.path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    }
    return WatchMemory();
  }

  base::Result<std::vector<base::UniqueFd>> OpenTasks() const override {
    std::vector<base::UniqueFd> tasks;
    for (const Mounted& row : rows_) {
      tasks.push_back(TRY(sys::OpenAt(row.directory.get(), "tasks", O_WRONLY | O_NOCTTY)));
    }
    return tasks;
  }

  base::Result<> AddWorkload(pid_t pid) override {
    TRY(CheckMember(pid));
    // Only now, so that building the cell can't run into its limits.
    for (const plan::CgroupWrite& write : writes_) {
      const Mounted* row = RowOf(write.controller);
      if (row == nullptr) {
        return base::Fail(base::ErrorKind::kInternal, fmt::format("{} was planned without its controller", write.file));
      }
      TRY(WriteLimit(row->directory.get(), write));
    }
    return {};
  }

  base::Result<std::map<std::string, std::string>> ReadLimits() const override {
    std::map<std::string, std::string> values;
    for (const plan::CgroupWrite& write : writes_) {
      values[write.file] = TRY(ReadControl(RowOf(write.controller)->directory.get(), write.file));
    }
    return values;
  }

  std::string probe_path() const override {
    const Mounted* memory = RowOf("memory");
    return memory != nullptr ? memory->path : rows_.empty() ? std::string() : rows_.front().path;
  }

  std::vector<std::string> paths() const override {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < made_; ++i) all.push_back(rows_[i].path);
    return all;
  }

  int oom_fd() const override { return oom_event_.get(); }

  base::Result<bool> OomKilled() const override {
    const Mounted* memory = RowOf("memory");
    if (memory == nullptr) return false;
    if (oom_event_) (void)sys::ReadCounter(oom_event_.get());
    return FlatKey(TRY(ReadControl(memory->directory.get(), "memory.oom_control")), "oom_kill") > 0;
  }

  base::Result<Leaf::Usage> ReadUsage() const override {
    Leaf::Usage usage;
    if (const Mounted* row = RowOf("cpuacct"); row != nullptr) {
      usage.cpu_usec = TRY(ReadNumber(row->directory.get(), "cpuacct.usage")).value_or(0) / 1000;
    }
    if (const Mounted* row = RowOf("memory"); row != nullptr) {
      usage.memory_peak_bytes = TRY(ReadNumber(row->directory.get(), "memory.max_usage_in_bytes"));
    }
    return usage;  // v1 keeps no highest count of processes
  }

  base::Result<> Remove(std::chrono::milliseconds deadline) override {
    TRY(RemoveDirectories(paths(), deadline));
    made_ = 0;
    return {};
  }

 private:
  const Mounted* RowOf(std::string_view controller) const {
    for (const Mounted& row : rows_) {
      if (std::find(row.controllers.begin(), row.controllers.end(), controller) != row.controllers.end()) return &row;
    }
    return nullptr;
  }

  // The kernel writes to the eventfd whenever the leaf runs out of memory.
  base::Result<> WatchMemory() {
    const Mounted* memory = RowOf("memory");
    if (memory == nullptr) return {};
    const base::UniqueFd control = TRY(sys::OpenAt(memory->directory.get(), "memory.oom_control", O_RDONLY));
    oom_event_ = TRY(sys::EventFd());
    return sys::WriteControl(memory->directory.get(), "cgroup.event_control",
                             fmt::format("{} {}", oom_event_.get(), control.get()));
  }

  base::Result<> CheckMember(pid_t pid) const {
    const std::string text = TRY(ReadControl(AT_FDCWD, fmt::format("/proc/{}/cgroup", pid)));
    for (const Mounted& row : rows_) {
      const std::string leaf = "/" + std::string(row.path.substr(row.path.rfind('/') + 1));
      for (const std::string& controller : row.controllers) {
        std::string_view rest = text;
        bool member = false;
        while (!rest.empty() && !member) {
          const std::string_view line = rest.substr(0, rest.find('\n'));
          rest.remove_prefix(std::min(line.size() + 1, rest.size()));
          const std::size_t first = line.find(':'), second = line.find(':', first + 1);
          if (second == std::string_view::npos) continue;
          const std::string list = fmt::format(",{},", line.substr(first + 1, second - first - 1));
          member = list.find(fmt::format(",{},", controller)) != std::string::npos && line.ends_with(leaf);
        }
        if (member) continue;
        return base::Fail(base::ErrorKind::kInternal,
                          fmt::format("process {} was not born in the {} leaf {}", pid, controller, row.path));
      }
    }
    return {};
  }

  std::vector<Mounted> rows_;
  std::vector<plan::CgroupWrite> writes_;
  std::size_t made_ = 0;
  base::UniqueFd oom_event_;
};

}  // namespace

std::vector<std::string> PathsV1(const plan::Plan& plan) {
  std::vector<std::string> paths;
  for (const Mounted& row : Rows(plan)) paths.push_back(row.path);
  return paths;
}

base::Result<std::unique_ptr<Hierarchy>> CreateV1(const plan::Plan& plan) {
  auto leaf = std::make_unique<V1>(Rows(plan), plan.cgroup.writes);
  TRY_WITH("making the cell's cgroup", leaf->Make());
  return leaf;
}

}  // namespace cgroup
