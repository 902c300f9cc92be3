// SPDX-License-Identifier: Apache-2.0
// Judging and ordering of grants.
#include "plan/grants.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/encoding.h"
#include "plan/paths.h"

namespace plan {
namespace {

// Host trees that no grant may show, whole or in part.
constexpr std::array<std::string_view, 4> kRefusedSources = {"/proc", "/sys", "/dev", "/run/cellos"};
// Trees of the cell that no grant may cover or reach into.
constexpr std::array<std::string_view, 4> kOwnTrees = {"/proc", "/sys", "/dev", "/run/cellos"};
constexpr std::array<std::string_view, 6> kOwnEtcFiles = {"/etc/passwd",   "/etc/group",         "/etc/hosts",
                                                          "/etc/hostname", "/etc/nsswitch.conf", "/etc/resolv.conf"};

struct Asked {
  const spec::PathGrant* path;
  std::string place;  // "authority.filesystem.readable[0]"
  bool read_only;
};

std::vector<Asked> AllAsked(const spec::CellDocument& document) {
  std::vector<Asked> all;
  const auto& filesystem = document.spec.authority.filesystem;
  if (!filesystem || !filesystem->grant) return all;
  const auto add = [&all](const std::vector<spec::PathGrant>& list, std::string_view name, bool read_only) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      all.push_back({&list[i], fmt::format("authority.filesystem.{}[{}]", name, i), read_only});
    }
  };
  add(filesystem->grant->readable, "readable", true);
  add(filesystem->grant->writable, "writable", false);
  return all;
}

std::unexpected<base::Error> Refuse(const Asked& asked, std::string_view member, std::string_view path,
                                    std::string_view why) {
  return base::Fail(base::ErrorKind::kDenied,
                    fmt::format("{}: {} {} {}", asked.place, member, base::Escape(path), why));
}

// What the workload could write to is no record of what it did.
base::Result<> JudgeSinks(const Asked& asked, const base::ResolvedPath& source, const base::HostFacts& facts) {
  for (const base::ResolvedPath& sink : facts.event_sinks) {
    const bool same = sink.inode != 0 && sink.inode == source.inode && sink.device == source.device;
    if (!same && !IsAtOrBelow(sink.canonical, source.canonical) && !IsAtOrBelow(source.canonical, sink.canonical)) continue;
    return Refuse(asked, "source", source.canonical,
                  fmt::format("would let the workload change {}, where events go; name a place outside the writable grants",
                              base::Escape(sink.asked)));
  }
  return {};
}

base::Result<> JudgeSource(const Asked& asked, const base::ResolvedPath& source, const base::HostFacts& facts) {
  if (!CleanPath(asked.path->source)) {
    return Refuse(asked, "source", asked.path->source, "is no absolute path without \"..\"");
  }
  const std::string& path = source.canonical;
  if (path == "/") return Refuse(asked, "source", path, "is the whole host; grant the directories that are needed");
  for (const std::string_view tree : kRefusedSources) {
    if (IsAtOrBelow(path, tree)) return Refuse(asked, "source", path, "belongs to the kernel or to cellos; no cell sees it");
  }
  for (const std::string& state : facts.state_directories) {
    if (IsAtOrBelow(path, state)) return Refuse(asked, "source", path, "lies in a state directory, which holds keys and evidence");
  }
  for (const std::string& missing : facts.missing_state_directories) {
    // Whoever makes it first chooses the keys of every run that uses it.
    if (asked.read_only || !IsAtOrBelow(missing, path)) continue;
    const std::string place = base::Escape(missing);
    return Refuse(asked, "source", path,
                  fmt::format("would let the workload make {0}, where other runs look for their keys; make it before: mkdir "
                              "-p -m 700 {0}", place));
  }
  if (!asked.read_only) TRY(JudgeSinks(asked, source, facts));
  if (source.kind == base::FileKind::kOther) {
    return Refuse(asked, "source", path, "is a socket, FIFO or device; only directories and regular files are granted");
  }
  return {};
}

base::Result<std::string> JudgeTarget(const Asked& asked, const base::ResolvedPath& source,
                                      const base::HostFacts& facts) {
  const auto target = CleanPath(asked.path->target);
  if (!target) return Refuse(asked, "target", asked.path->target, "is no absolute path without \"..\"");
  // Below /usr nothing can be made; what is there already may be granted in its own place.
  if (Below(*target, "/usr").value_or("") != "" && source.canonical == *target) return *target;
  if (IsControlTarget(*target, facts)) {
    return Refuse(asked, "target", *target, "covers what the cell itself needs; choose another target");
  }
  return *target;
}

// Depth-first by text would put /a-b between /a and /a/c; by number of parts every outer path comes first.
bool OuterFirst(const PlannedGrant& a, const PlannedGrant& b) {
  const auto depth = [](std::string_view path) { return std::count(path.begin(), path.end(), '/'); };
  const auto left = depth(a.target), right = depth(b.target);
  return left != right ? left < right : a.target < b.target;
}

const base::ResolvedPath& Source(const PlannedGrant& grant, const base::HostFacts& facts) {
  return facts.grants[grant.index];
}

void Hide(const PlannedGrant& grant, std::string_view relative, base::FileKind kind, std::vector<Mount>& mounts) {
  mounts.push_back({.kind = Mount::Kind::kMask,
                    .target = Join(grant.target, relative),
                    .mode = kind == base::FileKind::kDirectory ? 0755u : 0444u,
                    .read_only = true});
}

// Directories on the way to a protected path: each a mount of its own, or it could be renamed and replaced whole.
void PinParents(const PlannedGrant& grant, std::string_view relative, std::vector<std::string>& pinned,
                std::vector<Mount>& mounts) {
  for (std::size_t slash = relative.find('/'); slash != std::string_view::npos; slash = relative.find('/', slash + 1)) {
    std::string target = Join(grant.target, relative.substr(0, slash));
    if (std::find(pinned.begin(), pinned.end(), target) != pinned.end()) continue;
    mounts.push_back({.kind = Mount::Kind::kPin, .target = target});
    pinned.push_back(std::move(target));
  }
}

void HideServices(const PlannedGrant& grant, const base::HostFacts& facts, std::vector<std::string>& pinned,
                  std::vector<Mount>& mounts, std::vector<std::string>& warnings) {
  const auto hide = [&](std::string_view relative, base::FileKind kind) {
    // Renamed away with all above it, the place would be free for another: the next run would take its keys from there.
    if (!grant.read_only) PinParents(grant, relative, pinned, mounts);
    Hide(grant, relative, kind, mounts);
  };
  for (const base::BeneathGrant& socket : facts.service_sockets) {
    if (socket.grant != grant.index) continue;
    const std::string path = Join(Source(grant, facts).canonical, socket.relative);
    if (socket.is_link) continue;  // leads out of the grant: nothing is there in the cell
    hide(socket.relative, socket.kind);
    warnings.push_back(fmt::format("{} is a service of this host and stays hidden in the grant of {}", path,
                                   Source(grant, facts).canonical));
  }
  for (const std::string& path : facts.state_directories) {
    const auto state = Below(path, Source(grant, facts).canonical);
    if (state) hide(*state, base::FileKind::kDirectory);
  }
}

void Protect(const PlannedGrant& grant, const std::vector<PlannedGrant>& grants, const base::HostFacts& facts,
             std::vector<std::string>& pinned, std::vector<Mount>& mounts, std::vector<std::string>& warnings) {
  const std::string& source = Source(grant, facts).canonical;
  const auto add = [&](std::string_view relative, std::uint64_t device, std::uint64_t inode) {
    PinParents(grant, relative, pinned, mounts);
    mounts.push_back({.kind = Mount::Kind::kReadOnly,
                      .target = Join(grant.target, relative),
                      .read_only = true,
                      .device = device,
                      .inode = inode});
  };
  for (const base::BeneathGrant& file : facts.protected_files) {
    if (file.grant != grant.index) continue;
    const std::string path = Join(source, file.relative);
    const bool granted = std::any_of(grants.begin(), grants.end(), [&](const PlannedGrant& other) {
      return !other.read_only && Source(other, facts).canonical == path;
    });
    if (granted) continue;
    if (file.is_link) {
      warnings.push_back(fmt::format("{} is a symbolic link and can be replaced from inside the cell", path));
      continue;
    }
    add(file.relative, file.device, file.inode);
  }
  // A readable grant inside this writable one keeps its promise wherever it shows.
  for (const PlannedGrant& other : grants) {
    const auto relative = Below(Source(other, facts).canonical, source);
    if (!other.read_only || !relative || relative->empty()) continue;
    add(*relative, Source(other, facts).device, Source(other, facts).inode);
  }
}

}  // namespace

bool IsControlTarget(std::string_view target, const base::HostFacts& facts) {
  if (target == "/" || target == "/run" || target == "/etc" || IsAtOrBelow(target, "/usr")) return true;
  if (std::find(kOwnEtcFiles.begin(), kOwnEtcFiles.end(), target) != kOwnEtcFiles.end()) return true;
  const auto in_tree = [target](std::string_view tree) { return IsAtOrBelow(target, tree); };
  if (std::any_of(kOwnTrees.begin(), kOwnTrees.end(), in_tree)) return true;
  if (IsAtOrBelow(target, "/var/tmp")) return true;  // a link to /tmp
  const auto shown = [target](const auto& entry) { return IsAtOrBelow(target, "/etc/" + entry.first); };
  if (std::any_of(facts.etc_entries.begin(), facts.etc_entries.end(), shown)) return true;
  return std::any_of(facts.root_links.begin(), facts.root_links.end(),
                     [target](const auto& link) { return IsAtOrBelow(target, "/" + link.first); });
}

base::Result<std::vector<PlannedGrant>> JudgeGrants(const spec::CellDocument& document, const base::HostFacts& facts) {
  const std::vector<Asked> all = AllAsked(document);
  if (all.size() != facts.grants.size()) {
    return base::Fail(base::ErrorKind::kInternal, "the facts were gathered for another document; gather them again");
  }
  std::vector<PlannedGrant> grants;
  for (std::size_t i = 0; i < all.size(); ++i) {
    TRY(JudgeSource(all[i], facts.grants[i], facts));
    PlannedGrant grant{i, TRY(JudgeTarget(all[i], facts.grants[i], facts)), all[i].read_only};
    for (const PlannedGrant& earlier : grants) {
      if (earlier.target == grant.target) {
        return Refuse(all[i], "target", grant.target, "is granted twice; give each grant a target of its own");
      }
    }
    grants.push_back(std::move(grant));
  }
  std::sort(grants.begin(), grants.end(), OuterFirst);
  return grants;
}

void AddGrantMounts(const std::vector<PlannedGrant>& grants, const base::HostFacts& facts, std::vector<Mount>& mounts,
                    std::vector<std::string>& warnings) {
  for (const PlannedGrant& grant : grants) {
    const base::ResolvedPath& source = Source(grant, facts);
    mounts.push_back({.kind = Mount::Kind::kGrant,
                      .target = grant.target,
                      .source = source.canonical,
                      .read_only = grant.read_only,
                      .grant = grant.index,
                      .device = source.device,
                      .inode = source.inode});
    std::vector<std::string> pinned;
    HideServices(grant, facts, pinned, mounts, warnings);
    if (!grant.read_only && source.kind == base::FileKind::kDirectory) {
      Protect(grant, grants, facts, pinned, mounts, warnings);
    }
  }
}

std::optional<std::string> SeenThroughGrant(std::string_view host_path, const std::vector<PlannedGrant>& grants,
                                            const base::HostFacts& facts) {
  const PlannedGrant* best = nullptr;
  for (const PlannedGrant& grant : grants) {
    const std::string& source = Source(grant, facts).canonical;
    if (!IsAtOrBelow(host_path, source)) continue;
    if (best == nullptr || source.size() > Source(*best, facts).canonical.size()) best = &grant;
  }
  if (best == nullptr) return std::nullopt;
  return Join(best->target, *Below(host_path, Source(*best, facts).canonical));
}

}  // namespace plan
