// SPDX-License-Identifier: Apache-2.0
// cgroup v2: a leaf with children `guard` (the cell's own processes, no limits) and `work` (the workload).
#include <fcntl.h>
#include <sys/inotify.h>

#include <array>

#include <fmt/format.h>

#include "cgroup/hierarchy.h"
#include "sys/file.h"
#include "sys/poll.h"

namespace cgroup {
namespace {

// "+memory +pids" to hand the controllers on to the children of a directory.
std::string Enable(const plan::Plan& plan) {
  std::string words;
  for (const std::string& controller : plan.facts.cgroup.controllers) {
    words.append(words.empty() ? "+" : " +").append(controller);
  }
  return words;
}

std::string Parent(const plan::Plan& plan) {
  const auto parent = plan.facts.cgroup.parents.find("");
  return parent == plan.facts.cgroup.parents.end() ? std::string() : parent->second;
}

class V2 final : public Hierarchy {
 public:
  V2(std::string parent, const plan::Plan& plan)
      : parent_(std::move(parent)), leaf_(parent_ + "/" + plan.cgroup.leaf_name), plan_(plan) {}

  ~V2() override { (void)RemoveDirectories(paths(), std::chrono::milliseconds(0)); }

  base::Result<> Make() {
    if (plan_.facts.cgroup.must_move_self) TRY(MoveSelf());
    const std::string enable = Enable(plan_);
    TRY(sys::WriteControl(AT_FDCWD, parent_ + "/cgroup.subtree_control", enable));
    for (const std::string& path : {leaf_, leaf_ + "/guard", leaf_ + "/work"}) {
      TRY(sys::MkdirAt(AT_FDCWD, path, 0755));
      made_.insert(made_.begin(), path);
      if (path == leaf_) TRY(sys::WriteControl(AT_FDCWD, leaf_ + "/cgroup.subtree_control", enable));
    }
    guard_ = TRY(sys::OpenAt(AT_FDCWD, leaf_ + "/guard", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    work_ = TRY(sys::OpenAt(AT_FDCWD, leaf_ + "/work", O_PATH | O_DIRECTORY | O_NOFOLLOW));
    for (const plan::CgroupWrite& write : plan_.cgroup.writes) TRY(WriteLimit(work_.get(), write));
    return WatchMemory();
  }

  int guard_directory() const override { return guard_.get(); }

  base::Result<> AddWorkload(pid_t pid) override {
    return sys::WriteControl(work_.get(), "cgroup.procs", std::to_string(pid));
  }

  base::Result<std::map<std::string, std::string>> ReadLimits() const override {
    std::map<std::string, std::string> values;
    for (const plan::CgroupWrite& write : plan_.cgroup.writes) {
      values[write.file] = TRY(ReadControl(work_.get(), write.file));
    }
    return values;
  }

  std::string probe_path() const override { return leaf_ + "/work"; }
  std::vector<std::string> paths() const override { return made_; }
  int oom_fd() const override { return events_.get(); }

  base::Result<bool> OomKilled() const override {
    DrainEvents();
    const auto text = ReadControl(work_.get(), "memory.events");
    if (!text && text.error().os_errno == ENOENT) return false;  // no memory controller
    if (!text) return std::unexpected(text.error());
    return FlatKey(*text, "oom_kill") > 0;
  }

  base::Result<Leaf::Usage> ReadUsage() const override {
    Leaf::Usage usage;
    usage.cpu_usec = FlatKey(TRY(ReadControl(work_.get(), "cpu.stat")), "usage_usec");
    // Both peaks are younger than the hierarchy (memory 5.19, pids 6.6) and may be missing.
    if (const auto peak = ReadNumber(work_.get(), "memory.peak")) usage.memory_peak_bytes = *peak;
    if (const auto peak = ReadNumber(work_.get(), "pids.peak")) usage.pids_peak = *peak;
    return usage;
  }

  base::Result<> KillAll() override {
    const auto killed = sys::WriteControl(AT_FDCWD, leaf_ + "/cgroup.kill", "1");
    if (!killed && killed.error().os_errno == ENOENT) return {};  // before 5.14: PID 1 is killed anyway
    return killed;
  }

  base::Result<> Remove(std::chrono::milliseconds deadline) override {
    TRY(RemoveDirectories(made_, deadline));
    made_.clear();
    return {};
  }

 private:
  // A cgroup whose children have controllers may hold no process itself, so we go into a child of our own.
  base::Result<> MoveSelf() {
    const std::string child = parent_ + "/supervisor";
    const auto made = sys::MkdirAt(AT_FDCWD, child, 0755);
    if (!made && made.error().kind != base::ErrorKind::kExists) return made;
    return sys::WriteControl(AT_FDCWD, child + "/cgroup.procs", "0");
  }

  base::Result<> WatchMemory() {
    const std::string file = leaf_ + "/work/memory.events";
    if (!sys::StatAt(AT_FDCWD, file)) return {};
    events_ = TRY(sys::Inotify());
    TRY(sys::InotifyWatch(events_.get(), file, IN_MODIFY));
    return {};
  }

  void DrainEvents() const {
    if (!events_) return;
    std::array<char, 4096> buffer;
    while (true) {
      const auto count = sys::Read(events_.get(), buffer);
      if (!count || *count == 0) return;
    }
  }

  std::string parent_, leaf_;
  plan::Plan plan_;
  std::vector<std::string> made_;  // innermost first
  base::UniqueFd guard_, work_, events_;
};

}  // namespace

std::vector<std::string> PathsV2(const plan::Plan& plan) {
  const std::string leaf = Parent(plan) + "/" + plan.cgroup.leaf_name;
  return {leaf + "/work", leaf + "/guard", leaf};
}

base::Result<std::unique_ptr<Hierarchy>> CreateV2(const plan::Plan& plan) {
  auto leaf = std::make_unique<V2>(Parent(plan), plan);
  TRY_WITH("making the cell's cgroup", leaf->Make());
  return leaf;
}

}  // namespace cgroup
