// SPDX-License-Identifier: Apache-2.0
// Which cgroup hierarchy a leaf can be made in: v2 where it is delegated, else the writable controllers of v1.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/encoding.h"
#include "sys/file.h"
#include "sys/host_facts.h"

namespace sys {
namespace {

constexpr std::size_t kMountinfoBytes = 1 << 20;
constexpr const char* kDelegate = "systemd-run --user --scope -p Delegate=yes cellos run …";
constexpr std::array<const char*, 3> kLimiting = {"memory", "cpu", "pids"};

std::string_view Next(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return piece;
}

// The kernel writes space, tab, newline and backslash of a path as three octal digits (proc(5)).
std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Where cgroup `path` is below a mount that shows the hierarchy from `root` on.
std::optional<std::string> Locate(const std::string& mount_point, const std::string& root, std::string_view path) {
  if (path.starts_with("/..")) return std::nullopt;  // outside of our cgroup namespace
  if (root != "/") {
    if (!path.starts_with(root)) return std::nullopt;
    path.remove_prefix(root.size());
    if (!path.empty() && path.front() != '/') return std::nullopt;
  }
  return path == "/" || path.empty() ? mount_point : mount_point + std::string(path);
}

bool Writable(const std::string& path) { return faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0; }
bool Exists(const std::string& path) { return faccessat(AT_FDCWD, path.c_str(), F_OK, AT_EACCESS) == 0; }

bool HasWord(std::string_view text, std::string_view word) {
  while (!text.empty()) {
    if (Next(text, ' ') == word) return true;
  }
  return false;
}

std::string ReadLine(const std::string& path) {
  auto text = ReadFile(AT_FDCWD, path, 64 * 1024);
  if (!text) return {};
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

bool IsCgroup2(const std::string& path) {
  struct statfs status {};
  return statfs(path.c_str(), &status) == 0 && static_cast<unsigned long>(status.f_type) == CGROUP2_SUPER_MAGIC;
}

std::vector<std::string> LimitingControllers(const std::string& line) {
  std::vector<std::string> found;
  for (const char* controller : kLimiting) {
    if (HasWord(line, controller)) found.emplace_back(controller);
  }
  return found;
}

// Only processes of a cgroup without children that have controllers may be limited, so the parent has to be empty once
// we have left it; the root cgroup is free of that rule (cgroup-v2.rst, "no internal process constraint").
bool OnlyProcess(const std::string& directory) {
  return ReadLine(directory + "/cgroup.procs") == std::to_string(getpid());
}

base::CgroupFacts JudgeV2(std::string directory, bool own) {
  base::CgroupFacts facts;
  // A supervisor that moved into its child before runs several cells: the parent is still the same.
  if (own && directory.ends_with("/supervisor") && Writable(directory + "/../cgroup.subtree_control")) {
    directory.resize(directory.size() - std::string_view("/supervisor").size());
    own = false;
  }
  const auto refuse = [&](std::string why) {
    facts.why_not = std::move(why);
    return facts;
  };
  if (!Writable(directory) || !Writable(directory + "/cgroup.procs") ||
      !Writable(directory + "/cgroup.subtree_control")) {
    return refuse(fmt::format("cgroup {} is not delegated to this user; try: {}", directory, kDelegate));
  }
  const std::vector<std::string> available = LimitingControllers(ReadLine(directory + "/cgroup.controllers"));
  if (available.empty()) {
    return refuse(fmt::format("cgroup {} offers none of memory, cpu, pids; try: {}", directory, kDelegate));
  }
  const bool enabled = LimitingControllers(ReadLine(directory + "/cgroup.subtree_control")) == available;
  const bool root = !Exists(directory + "/cgroup.type");
  if (!enabled && !root && own) {
    if (!OnlyProcess(directory)) {
      return refuse(fmt::format("cgroup {} holds other processes too, so no limits can be set below it; try: {}",
                                directory, kDelegate));
    }
    facts.must_move_self = true;
  }
  facts.hierarchy = base::CgroupHierarchy::kV2;
  facts.parents[""] = directory;
  facts.controllers = available;
  // The root cgroup has no interface files of its controllers; its children do.
  facts.limits_swap = root ? true : !Exists(directory + "/memory.max") || Exists(directory + "/memory.swap.max");
  return facts;
}

struct V1Controller {
  const char* name;
  const char* file;  // a file its directory must have for the controller to be of use
};
constexpr std::array<V1Controller, 4> kV1 = {{{"memory", "memory.limit_in_bytes"},
                                              {"cpu", "cpu.cfs_quota_us"},
                                              {"cpuacct", "cpuacct.usage"},
                                              {"pids", "cgroup.procs"}}};

base::CgroupFacts JudgeV1(const std::map<std::string, std::string>& own) {
  base::CgroupFacts facts;
  for (const V1Controller& controller : kV1) {
    const auto found = own.find(controller.name);
    if (found == own.end()) continue;
    const std::string& directory = found->second;
    // The cell's first process writes itself into the leaf's `tasks`: whether that is given to us is seen by our own.
    if (!Writable(directory) || !Writable(directory + "/tasks") || !Exists(directory + "/" + controller.file)) continue;
    facts.parents[controller.name] = directory;
    facts.controllers.emplace_back(controller.name);
  }
  std::erase(facts.controllers, "");
  const bool limits = std::any_of(kLimiting.begin(), kLimiting.end(), [&](const char* name) {
    return std::find(facts.controllers.begin(), facts.controllers.end(), name) != facts.controllers.end();
  });
  if (!limits) {
    facts = {};
    facts.why_not = "no cgroup controller of memory, cpu or pids can be written by this user; run as root, or have an "
                    "administrator give this user a cgroup in each controller";
    return facts;
  }
  facts.hierarchy = base::CgroupHierarchy::kV1;
  const auto memory = facts.parents.find("memory");
  facts.limits_swap = memory != facts.parents.end() && Exists(memory->second + "/memory.memsw.limit_in_bytes");
  return facts;
}

}  // namespace

std::map<std::string, std::string> OwnCgroupDirectories(std::string_view proc_cgroup, std::string_view mountinfo) {
  // Controller ("" for v2) -> our path in that hierarchy.
  std::map<std::string, std::string, std::less<>> paths;
  while (!proc_cgroup.empty()) {
    std::string_view line = Next(proc_cgroup, '\n');
    Next(line, ':');
    std::string_view controllers = Next(line, ':');
    if (controllers.empty()) paths[""] = line;
    while (!controllers.empty()) paths[std::string(Next(controllers, ','))] = line;
  }
  std::map<std::string, std::string> directories;
  while (!mountinfo.empty()) {
    const std::string_view line = Next(mountinfo, '\n');
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    std::string_view type_and_options = line.substr(dash + 3);
    const std::string_view type = Next(type_and_options, ' ');
    if (type != "cgroup" && type != "cgroup2") continue;
    std::string_view head = line;
    for (int skipped = 0; skipped < 3; ++skipped) Next(head, ' ');
    const std::string root = Unescape(Next(head, ' '));
    const std::string mount_point = Unescape(Next(head, ' '));
    if (!mount_point.starts_with('/')) continue;
    const auto add = [&](std::string_view controller) {
      const auto own = paths.find(controller);
      if (own == paths.end()) return;
      auto directory = Locate(mount_point, root, own->second);
      if (directory) directories.insert_or_assign(std::string(controller), std::move(*directory));
    };
    if (type == "cgroup2") {
      add("");
      continue;
    }
    Next(type_and_options, ' ');
    std::string_view options = Next(type_and_options, ' ');
    while (!options.empty()) {
      const std::string_view option = Next(options, ',');
      if (!option.empty() && option != "rw" && option != "ro") add(option);
    }
  }
  return directories;
}

base::CgroupFacts DetectCgroups(const std::string& parent) {
  if (!parent.empty()) {
    if (!IsCgroup2(parent)) {
      base::CgroupFacts facts;
      facts.why_not = fmt::format("CELLOS_CGROUP_PARENT {} is not a cgroup v2 directory", base::Escape(parent));
      return facts;
    }
    return JudgeV2(parent, false);
  }
  const auto proc_cgroup = ReadFile(AT_FDCWD, "/proc/self/cgroup", kMountinfoBytes);
  const auto mountinfo = ReadFile(AT_FDCWD, "/proc/self/mountinfo", kMountinfoBytes);
  if (!proc_cgroup || !mountinfo) {
    base::CgroupFacts facts;
    facts.why_not = "/proc/self/cgroup or /proc/self/mountinfo can't be read; mount /proc";
    return facts;
  }
  const auto own = OwnCgroupDirectories(*proc_cgroup, *mountinfo);
  base::CgroupFacts v2;
  if (const auto found = own.find(""); found != own.end()) {
    v2 = JudgeV2(found->second, true);
    if (v2.hierarchy != base::CgroupHierarchy::kNone) return v2;
  }
  base::CgroupFacts v1 = JudgeV1(own);
  if (v1.hierarchy != base::CgroupHierarchy::kNone) return v1;
  if (!v2.why_not.empty()) v1.why_not = v2.why_not;
  if (own.empty()) v1.why_not = "no cgroup hierarchy is mounted here";
  return v1;
}

}  // namespace sys
