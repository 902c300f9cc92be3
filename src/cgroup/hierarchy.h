// SPDX-License-Identifier: Apache-2.0
// What a leaf is in one hierarchy, and the file access that both share.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cgroup/leaf.h"
#include "plan/plan.h"

namespace cgroup {

// Same contract as Leaf's members.
class Hierarchy {
 public:
  virtual ~Hierarchy() = default;
  virtual int guard_directory() const { return -1; }
  virtual base::Result<std::vector<base::UniqueFd>> OpenTasks() const { return std::vector<base::UniqueFd>(); }
  virtual base::Result<> AddWorkload(pid_t pid) = 0;
  virtual base::Result<std::map<std::string, std::string>> ReadLimits() const = 0;
  virtual std::string probe_path() const = 0;
  virtual std::vector<std::string> paths() const = 0;
  virtual int oom_fd() const = 0;
  virtual base::Result<bool> OomKilled() const = 0;
  virtual base::Result<Leaf::Usage> ReadUsage() const = 0;
  virtual base::Result<> KillAll() { return {}; }
  virtual base::Result<> Remove(std::chrono::milliseconds deadline) = 0;
};

base::Result<std::unique_ptr<Hierarchy>> CreateV1(const plan::Plan& plan);
base::Result<std::unique_ptr<Hierarchy>> CreateV2(const plan::Plan& plan);
std::vector<std::string> PathsV1(const plan::Plan& plan);
std::vector<std::string> PathsV2(const plan::Plan& plan);

// A control file's text without its last line end. `directory` may be AT_FDCWD.
base::Result<std::string> ReadControl(int directory, const std::string& file);
// Its text as one number; "max" is nullopt.
base::Result<std::optional<std::uint64_t>> ReadNumber(int directory, const std::string& file);
// Value of `key` in a flat-keyed text ("oom_kill 3"); 0 when it isn't there.
std::uint64_t FlatKey(std::string_view text, std::string_view key);

// Writes a planned limit, reads it back and compares; kUnavailable when the kernel took something else, or nothing.
base::Result<> WriteLimit(int directory, const plan::CgroupWrite& write);

// Removes a leaf's directories in this order. Busy ones are tried again until `deadline`; then kDeadline with the
// processes that still live there. Absent ones are fine.
base::Result<> RemoveDirectories(const std::vector<std::string>& paths, std::chrono::milliseconds deadline);

}  // namespace cgroup
