// SPDX-License-Identifier: Apache-2.0
// Which paths may be granted: one normal form, and nothing that carries a control of ours or of the kernel.
#include "spec/controls_filesystem.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "spec/primitives.h"

namespace spec {
namespace {

constexpr std::size_t kMaxGrants = 256;      // of each kind
constexpr std::size_t kMaxPathBytes = 4095;  // PATH_MAX without its NUL

struct ReservedPath {
  std::string_view path;  // and all below it
  std::string_view why;
};

// Of the host: would hand the cell the host's processes, devices, kernel settings or our own state.
constexpr ReservedPath kSources[] = {
    {"/proc", "the host's processes and kernel settings"},
    {"/sys", "the host's devices and kernel settings"},
    {"/dev", "the host's devices"},
    {"/run/cellos", "the supervisor's own state"},
};
// Of the cell: mounts that belong to the cell itself.
constexpr ReservedPath kTargets[] = {
    {"/proc", "the cell's own /proc"},
    {"/sys", "no part of a cell"},
    {"/dev", "the cell's own devices"},
    {"/run/cellos", "what the cell is told about itself"},
};
constexpr std::string_view kWholeTargets[] = {"/", "/run", "/etc"};  // only as a whole: they hold files of ours

bool IsAtOrBelow(std::string_view path, std::string_view base) {
  return path.starts_with(base) && (path.size() == base.size() || path[base.size()] == '/');
}

// Absolute, no empty, "." or ".." component, no slash at the end, no control or deceptive character.
bool IsNormal(std::string_view path) {
  if (path == "/") return true;
  if (path.size() > kMaxPathBytes || !IsAbsolutePath(path) || path.ends_with('/')) return false;
  return !path.contains("//") && !path.contains("/./") && !path.ends_with("/.");
}

class Judge {
 public:
  Judge(std::string pointer, std::vector<Violation>& out) : pointer_(std::move(pointer)), out_(out) {}

  void Path(const PathGrant& grant) {
    if (!IsNormal(grant.source))
      return Refuse("source", grant.source, "an absolute path in normal form, without '.' and '..'");
    if (!IsNormal(grant.target))
      return Refuse("target", grant.target, "an absolute path in normal form, without '.' and '..'");
    if (grant.source == "/") return Refuse("source", grant.source, "a part of the host, not all of it");
    for (const ReservedPath& reserved : kSources) {
      if (IsAtOrBelow(grant.source, reserved.path)) {
        return Refuse("source", grant.source, fmt::format("a path outside {} ({})", reserved.path, reserved.why));
      }
    }
    for (const ReservedPath& reserved : kTargets) {
      if (IsAtOrBelow(grant.target, reserved.path)) {
        return Refuse("target", grant.target, fmt::format("a path outside {} ({})", reserved.path, reserved.why));
      }
    }
    for (const std::string_view whole : kWholeTargets) {
      if (grant.target == whole)
        return Refuse("target", grant.target, fmt::format("a path below {}, not it as a whole", whole));
    }
  }

 private:
  void Refuse(std::string_view what, std::string_view found, std::string_view allowed) {
    out_.push_back({fmt::format("controls.filesystem.{}", what), pointer_,
                    fmt::format("found {} \"{}\"; allowed is {}", what, base::Escape(found, 120), allowed)});
  }

  std::string pointer_;
  std::vector<Violation>& out_;
};

void JudgeList(const std::vector<PathGrant>& grants, std::string_view member, std::vector<Violation>& out) {
  const std::string list = fmt::format("/spec/authority/filesystem/{}", member);
  if (grants.size() > kMaxGrants) {
    out.push_back(
        {"controls.filesystem.count", list, fmt::format("found {} paths; allowed are {}", grants.size(), kMaxGrants)});
    return;
  }
  for (std::size_t i = 0; i < grants.size(); ++i) Judge(fmt::format("{}/{}", list, i), out).Path(grants[i]);
}

}  // namespace

void JudgeFilesystem(const FilesystemAuthority& filesystem, std::vector<Violation>& out) {
  if (!filesystem.grant) {
    out.push_back({"controls.filesystem", "/spec/authority/filesystem",
                   "found a shape that is not understood, so it cannot be granted; understood is {\"readable\":[P…],"
                   "\"writable\":[P…]}, P an absolute path or {\"source\":P,\"target\":P}"});
    return;
  }
  JudgeList(filesystem.grant->readable, "readable", out);
  JudgeList(filesystem.grant->writable, "writable", out);
  if (!out.empty()) return;
  std::vector<std::string_view> targets;
  for (const PathGrant& grant : filesystem.grant->readable) targets.push_back(grant.target);
  for (const PathGrant& grant : filesystem.grant->writable) targets.push_back(grant.target);
  std::sort(targets.begin(), targets.end());
  const auto twice = std::adjacent_find(targets.begin(), targets.end());
  if (twice == targets.end()) return;
  out.push_back({"controls.filesystem.target", "/spec/authority/filesystem",
                 fmt::format("found target \"{}\" twice; allowed is once", base::Escape(*twice, 120))});
}

}  // namespace spec
