// SPDX-License-Identifier: Apache-2.0
// The private root: system, generated /etc, devices, scratch space, grants, /proc.
#include "plan/mounts.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "base/encoding.h"
#include "json/writer.h"
#include "plan/paths.h"

namespace plan {
namespace {

using Kind = Mount::Kind;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kRootBytes = 1 << 20, kRootInodes = 512;  // generated files and mount points only

constexpr std::array<std::string_view, 6> kDevices = {"null", "zero", "full", "random", "urandom", "tty"};
struct DeviceLink {
  std::string_view name, text;
};
constexpr std::array<DeviceLink, 4> kDeviceLinks = {{{"fd", "/proc/self/fd"},
                                                     {"stdin", "/proc/self/fd/0"},
                                                     {"stdout", "/proc/self/fd/1"},
                                                     {"stderr", "/proc/self/fd/2"}}};
// What the host's kernel would tell or take through /proc. Where one does not exist its mask is left out.
constexpr std::array<std::string_view, 5> kProcReadOnly = {"sys", "sysrq-trigger", "irq", "bus", "fs"};
constexpr std::array<std::string_view, 5> kProcMaskedFiles = {"kcore", "keys", "timer_list", "sched_debug", "kallsyms"};
constexpr std::array<std::string_view, 2> kProcMaskedDirectories = {"acpi", "scsi"};

// Adds mounts, and before each the directories on its way that the cell's own tree lacks.
class Tree {
 public:
  explicit Tree(std::vector<Mount>& mounts) : mounts_(mounts) { made_.insert("/"); }

  void Directory(const std::string& path, std::uint32_t mode = 0755) {
    if (made_.contains(path)) return;
    Directory(std::string(Parent(path)));
    made_.insert(path);
    mounts_.push_back({.kind = Kind::kDirectory, .target = path, .mode = mode});
  }
  void File(const std::string& path, std::string content) {
    if (made_.contains(path)) return;
    Directory(std::string(Parent(path)));
    made_.insert(path);
    mounts_.push_back({.kind = Kind::kFile, .target = path, .content = std::move(content), .mode = 0444});
  }
  void Link(const std::string& path, std::string_view text) {
    Directory(std::string(Parent(path)));
    made_.insert(path);
    mounts_.push_back({.kind = Kind::kLink, .target = path, .source = std::string(text)});
  }
  void Add(Mount mount) { mounts_.push_back(std::move(mount)); }

 private:
  std::vector<Mount>& mounts_;
  std::set<std::string> made_;
};

void AddSystem(Tree& tree, const base::HostFacts& facts) {
  tree.Add({.kind = Kind::kTmpfs, .target = "/", .mode = 0755, .size_bytes = kRootBytes, .inodes = kRootInodes});
  tree.Directory("/usr");
  tree.Add({.kind = Kind::kBind, .target = "/usr", .source = "/usr", .read_only = true});
  for (const auto& [name, text] : facts.root_links) {
    const std::string path = "/" + name;
    if (!text.empty()) {
      tree.Link(path, text);
      continue;
    }
    tree.Directory(path);
    tree.Add({.kind = Kind::kBind, .target = path, .source = path, .read_only = true, .optional = true});
  }
  tree.Link("/var/tmp", "/tmp");
}

void AddEtc(Tree& tree, const Plan& plan) {
  const auto file = [&tree](std::string_view name, std::string content) {
    tree.File(fmt::format("/etc/{}", name), std::move(content));
  };
  file("passwd", fmt::format("root:x:0:0:root:/:/usr/sbin/nologin\n"
                             "cell:x:{}:{}:cell:/workspace:/bin/sh\n"
                             "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
                             kCellUid, kCellGid));
  file("group", fmt::format("root:x:0:\ncell:x:{}:\nnogroup:x:65534:\n", kCellGid));
  file("hosts", fmt::format("127.0.0.1 localhost {0}\n::1 localhost ip6-localhost ip6-loopback\n", plan.hostname));
  file("hostname", plan.hostname + "\n");
  file("nsswitch.conf",
       "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\n"
       "services: files\nethers: files\nrpc: files\nnetgroup: files\n");
  // An answer comes from the address that was asked; any would do, since every one leads to the gate.
  const bool network = plan.network && plan.network->network;
  file("resolv.conf", network ? "nameserver 192.0.0.8\noptions edns0\n" : "# This cell was granted no names.\n");
  for (const auto& [name, canonical] : plan.facts.etc_entries) {
    const std::string path = "/etc/" + name;
    // What lies in /usr is there already.
    if (IsAtOrBelow(canonical, "/usr")) {
      tree.Link(path, canonical);
      continue;
    }
    const bool is_file = name == "ld.so.cache" || name == "ca-certificates.conf" || name == "localtime";
    is_file ? tree.File(path, "") : tree.Directory(path);
    tree.Add({.kind = Kind::kBind, .target = path, .source = canonical, .read_only = true});
  }
}

void AddDevices(Tree& tree, bool terminal) {
  for (const std::string_view name : kDevices) {
    const std::string path = fmt::format("/dev/{}", name);
    tree.File(path, "");
    tree.Add({.kind = Kind::kDevice, .target = path, .source = path});
  }
  for (const DeviceLink& link : kDeviceLinks) tree.Link(fmt::format("/dev/{}", link.name), link.text);
  if (!terminal) return;
  tree.Directory("/dev/pts");
  tree.Add({.kind = Kind::kDevpts, .target = "/dev/pts", .mode = 0620});
  tree.Link("/dev/ptmx", "pts/ptmx");
}

std::string CellFile(const spec::CellDocument& document, const std::vector<PlannedGrant>& grants, const Plan& plan) {
  std::string text;
  json::Writer out(text);
  const auto targets = [&](bool read_only) {
    out.BeginArray();
    for (const PlannedGrant& grant : grants) {
      if (grant.read_only == read_only) out.String(grant.target);
    }
    out.EndArray();
  };
  const spec::Authority& authority = document.spec.authority;
  out.BeginObject().Key("authority").BeginObject();
  if (plan.network && plan.network->network) {
    out.Key("dnsAuthority").BeginObject().Key("hostnameAllowlist").BeginArray();
    for (const NetworkName& name : plan.network->names) out.String(name.pattern);
    out.EndArray().EndObject();
  }
  out.Key("egressRules").BeginArray();
  static const std::vector<spec::EgressRule> kNoRules;
  for (const spec::EgressRule& rule : authority.egress_rules ? *authority.egress_rules : kNoRules) {
    out.BeginObject().Member("host", rule.host).Member("port", std::uint64_t{rule.port});
    if (rule.protocol) out.Member("protocol", *rule.protocol);
    out.EndObject();
  }
  out.EndArray().Key("filesystem").BeginObject().Key("readable");
  targets(true);
  out.Key("writable");
  targets(false);
  out.EndObject().Key("secretRefs").BeginArray();
  static const std::vector<std::string> kNoSecrets;
  for (const std::string& name : authority.secret_refs ? *authority.secret_refs : kNoSecrets) out.String(name);
  out.EndArray().EndObject();
  out.Member("cellId", plan.cell_id).Member("runId", plan.run_id).EndObject();
  return text + "\n";
}

bool IsGrantTarget(const std::vector<PlannedGrant>& grants, std::string_view path) {
  return std::any_of(grants.begin(), grants.end(), [path](const PlannedGrant& grant) { return grant.target == path; });
}
bool LiesInGrant(const std::vector<PlannedGrant>& grants, std::string_view path) {
  return std::any_of(grants.begin(), grants.end(),
                     [path](const PlannedGrant& grant) { return IsAtOrBelow(path, grant.target); });
}

// Scratch space is divided, since each tmpfs has a size of its own: half for the place where the work is done.
struct Scratch {
  std::string target;
  std::uint64_t parts;
  std::uint32_t mode;
  bool no_exec = false;
};

void AddScratch(Tree& tree, const std::vector<PlannedGrant>& grants, std::uint64_t bytes, const Plan& plan) {
  std::vector<Scratch> places = {
      {"/tmp", 1, 01777}, {"/dev/shm", 1, 01777, true}, {"/workspace", 2, 0755}};
  std::erase_if(places, [&](const Scratch& place) { return IsGrantTarget(grants, place.target); });
  const auto covers = [&](const Scratch& place) { return IsAtOrBelow(plan.working_directory, place.target); };
  const bool own_place = !LiesInGrant(grants, plan.working_directory) &&
                         std::none_of(places.begin(), places.end(), covers);
  if (own_place) places.push_back({plan.working_directory, 2, 0755});
  std::uint64_t parts = 0;
  for (const Scratch& place : places) parts += place.parts;
  for (const Scratch& place : places) {
    const std::uint64_t share = bytes / parts * place.parts / kPage * kPage;
    tree.Directory(place.target);
    // Size 0 would mean "no limit" to tmpfs, and its root takes one inode.
    tree.Add({.kind = Kind::kTmpfs,
              .target = place.target,
              .mode = place.mode,
              .read_only = share < 2 * kPage,
              .no_exec = place.no_exec,
              .size_bytes = std::max(share, kPage),
              .inodes = std::max<std::uint64_t>(share / kPage, 2)});
  }
  if (!LiesInGrant(grants, plan.working_directory)) tree.Directory(plan.working_directory);
}

void AddGrants(Tree& tree, const std::vector<PlannedGrant>& grants, Plan& plan) {
  // Mount points: in the cell's own tree they are made; inside another grant they have to be there.
  for (const PlannedGrant& grant : grants) {
    const auto holds = [&grant](const PlannedGrant& other) {
      return other.target != grant.target && IsAtOrBelow(grant.target, other.target);
    };
    if (IsAtOrBelow(grant.target, "/usr") || std::any_of(grants.begin(), grants.end(), holds)) continue;
    const bool directory = plan.facts.grants[grant.index].kind == base::FileKind::kDirectory;
    directory ? tree.Directory(grant.target) : tree.File(grant.target, "");
  }
  AddGrantMounts(grants, plan.facts, plan.mounts, plan.warnings);
}

void AddProc(Tree& tree) {
  tree.Add({.kind = Kind::kProc, .target = "/proc"});
  for (const std::string_view name : kProcReadOnly) {
    tree.Add({.kind = Kind::kReadOnly, .target = fmt::format("/proc/{}", name), .read_only = true, .optional = true});
  }
  const auto mask = [&tree](std::string_view name, std::uint32_t mode) {
    tree.Add({.kind = Kind::kMask,
              .target = fmt::format("/proc/{}", name),
              .mode = mode,
              .read_only = true,
              .optional = true});
  };
  for (const std::string_view name : kProcMaskedFiles) mask(name, 0444);
  for (const std::string_view name : kProcMaskedDirectories) mask(name, 0755);
}

}  // namespace

base::Result<> PlanWorkingDirectory(const spec::CellDocument& document, const std::vector<PlannedGrant>& grants,
                                    Plan& plan) {
  const auto& run = document.spec.run;
  if (!run || !run->working_directory) {
    const auto seen = plan.facts.caller_directory.empty()
                          ? std::nullopt
                          : SeenThroughGrant(plan.facts.caller_directory, grants, plan.facts);
    plan.working_directory = seen.value_or("/workspace");
    if (!seen) {
      plan.working_directory_hint = "the command ran in an empty /workspace; grant your directory with --rw . (or --ro .)";
    }
    return {};
  }
  const auto path = CleanPath(*run->working_directory);
  if (!path) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("spec.run.workingDirectory: {} is no absolute path without \"..\"",
                                  base::Escape(*run->working_directory)));
  }
  if (!LiesInGrant(grants, *path) && IsControlTarget(*path, plan.facts)) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("spec.run.workingDirectory: an empty directory at {} would cover what the cell itself "
                                  "needs; name one in a grant, or another place such as /workspace",
                                  base::Escape(*path)));
  }
  plan.working_directory = *path;
  return {};
}

void PlanMounts(const spec::CellDocument& document, const std::vector<PlannedGrant>& grants, Plan& plan) {
  Tree tree(plan.mounts);
  const auto& run = document.spec.run;
  const std::uint64_t scratch =
      run && run->limits ? run->limits->scratch_bytes.value_or(spec::kDefaultScratchBytes) : spec::kDefaultScratchBytes;
  AddSystem(tree, plan.facts);
  AddEtc(tree, plan);
  AddDevices(tree, plan.terminal);
  tree.File("/run/cellos/cell.json", CellFile(document, grants, plan));
  tree.File(kDenialsFile, "");
  if (plan.network) {
    // Written from outside through a descriptor of the mount below; what the cell sees is the one above, read-only.
    tree.Add({.kind = Kind::kPin, .target = kDenialsFile});
    tree.Add({.kind = Kind::kReadOnly, .target = kDenialsFile, .read_only = true});
    if (plan.network->secret_socket) tree.Directory(std::string(Parent(kSecretSocket)), 0700);
  }
  tree.Directory("/proc");
  AddScratch(tree, grants, scratch, plan);
  AddGrants(tree, grants, plan);
  tree.Add({.kind = Kind::kReadOnly, .target = "/", .read_only = true});
  AddProc(tree);
}

}  // namespace plan
