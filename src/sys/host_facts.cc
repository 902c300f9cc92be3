// SPDX-License-Identifier: Apache-2.0
// Gathers HostFacts; each helper fills in one part.
#include "sys/host_facts.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include "base/encoding.h"
#include "sys/file.h"
#include "sys/mount_facts.h"
#include "sys/path_facts.h"
#include "sys/protected_paths.h"

namespace sys {
namespace {

constexpr std::size_t kSmallFile = 64 * 1024;
constexpr std::size_t kMountinfoBytes = 1 << 20;

std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

// Content of a small file of the kernel without its line end; empty when it isn't there.
std::string ReadSmall(const char* path) {
  auto text = ReadFile(AT_FDCWD, path, kSmallFile);
  return text ? std::string(TrimEnd(*text)) : std::string();
}

// lstat(2) of what may be missing.
base::Result<std::optional<struct stat>> StatIfThere(int directory, CText path) {
  const auto status = StatAt(directory, path, AT_SYMLINK_NOFOLLOW);
  if (status) return std::optional(*status);
  if (IsAbsent(status.error())) return std::nullopt;
  return std::unexpected(status.error());
}

base::Result<> ResolveGrants(const std::vector<std::string>& sources, std::string_view list, base::HostFacts& facts) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    facts.grants.push_back(TRY_WITH(fmt::format("authority.filesystem.{}[{}]", list, i), Resolve(sources[i])));
  }
  return {};
}

// What is left of table entry `protected_path` when the grant itself ends in its first components: "hooks" for a grant
// of ".../.git". The entry itself when the grant does not.
std::vector<std::string_view> Remainders(std::string_view grant, std::string_view protected_path) {
  std::vector<std::string_view> rest = {protected_path};
  for (std::size_t slash = protected_path.find('/'); slash != std::string_view::npos;
       slash = protected_path.find('/', slash + 1)) {
    const std::string_view head = protected_path.substr(0, slash);
    if (grant.size() > head.size() && grant.ends_with(head) && grant[grant.size() - head.size() - 1] == '/') {
      rest.push_back(protected_path.substr(slash + 1));
    }
  }
  return rest;
}

base::Result<> AddIfPresent(int directory, std::size_t grant, std::string relative,
                            std::vector<base::BeneathGrant>& out) {
  const auto status = TRY(StatIfThere(directory, relative));
  if (!status) return {};
  out.push_back({.grant = grant,
                 .relative = std::move(relative),
                 .kind = KindOf(status->st_mode),
                 .is_link = S_ISLNK(status->st_mode),
                 .device = status->st_dev,
                 .inode = status->st_ino});
  return {};
}

// Sockets that the caller's own environment names.
std::vector<std::string> SocketsOfEnvironment() {
  std::vector<std::string> paths;
  for (const char* name : {"SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_HOST", "WAYLAND_DISPLAY"}) {
    const char* value = std::getenv(name);
    if (value == nullptr) continue;
    std::string_view path = value;
    for (const std::string_view prefix : {"unix:path=", "unix://"}) {
      if (path.starts_with(prefix)) path.remove_prefix(prefix.size());
    }
    path = path.substr(0, path.find(','));
    if (path.starts_with('/')) paths.emplace_back(path);
  }
  return paths;
}

// Paths that no grant may show although nothing in their names says so: views of the kernel that are mounted elsewhere
// (a chroot's /proc), and a state directory seen through a bind mount.
base::Result<std::vector<std::string>> HiddenByMount(const base::HostFacts& facts) {
  if (facts.grants.empty()) return std::vector<std::string>();
  const std::string table = TRY(ReadFile(AT_FDCWD, "/proc/self/mountinfo", kMountinfoBytes));
  std::vector<std::string> paths = KernelMounts(table);
  for (const std::string& state : facts.state_directories) {
    for (std::string& other : OtherPathsOf(state, table)) paths.push_back(std::move(other));
  }
  return paths;
}

base::Result<> RefuseHidden(const base::HostFacts& facts, const std::vector<std::string>& hidden) {
  for (const base::ResolvedPath& grant : facts.grants) {
    for (const std::string& path : hidden) {
      if (!Below(grant.canonical, path)) continue;
      return base::Fail(base::ErrorKind::kDenied,
                        fmt::format("{} shows {}, which is a view of the kernel or a state directory; no cell sees it",
                                    base::Escape(grant.asked), base::Escape(path)));
    }
  }
  return {};
}

base::Result<> FindServiceSockets(base::HostFacts& facts, const std::vector<std::string>& hidden) {
  std::vector<std::string> paths = SocketsOfEnvironment();
  paths.insert(paths.end(), hidden.begin(), hidden.end());
  for (const std::string_view path : ServiceSockets()) {
    const std::size_t mark = path.find("<uid>");
    paths.push_back(mark == std::string_view::npos
                        ? std::string(path)
                        : fmt::format("{}{}{}", path.substr(0, mark), facts.uid, path.substr(mark + 5)));
  }
  for (std::size_t i = 0; i < facts.grants.size(); ++i) {
    if (facts.grants[i].kind != base::FileKind::kDirectory) continue;
    for (const std::string& path : paths) {
      const auto relative = Below(path, facts.grants[i].canonical);
      if (!relative || relative->empty()) continue;
      const auto status = TRY(StatIfThere(AT_FDCWD, path));
      if (!status) continue;
      facts.service_sockets.push_back({.grant = i,
                                       .relative = std::string(*relative),
                                       .kind = KindOf(status->st_mode),
                                       .is_link = S_ISLNK(status->st_mode),
                                       .device = status->st_dev,
                                       .inode = status->st_ino});
    }
  }
  return {};
}

void DescribeMachine(base::HostFacts& facts) {
  utsname name{};
  if (uname(&name) == 0) {
    facts.kernel = name.release;
    facts.arch = name.machine;
  }
  facts.boot_id = ReadSmall("/proc/sys/kernel/random/boot_id");
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) facts.cpus = static_cast<unsigned>(CPU_COUNT(&cpus));
  struct sysinfo info {};
  if (::sysinfo(&info) == 0) {
    facts.memory_bytes = std::uint64_t{info.totalram} * info.mem_unit;
    facts.swap = info.totalswap != 0;
  }
}

void DescribeCaller(base::HostFacts& facts) {
  facts.uid = geteuid();
  facts.gid = getegid();
  facts.supplementary_groups = facts.uid != 0 && getgroups(0, nullptr) > 0;
  facts.oom_score_adj = std::atoi(ReadSmall("/proc/self/oom_score_adj").c_str());
  const std::string core_pattern = ReadSmall("/proc/sys/kernel/core_pattern");
  facts.core_pattern_is_pipe = core_pattern.starts_with('|') || core_pattern.starts_with('@');
  for (const int resource : {RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_FSIZE, RLIMIT_MEMLOCK, RLIMIT_RTPRIO,
                             RLIMIT_NICE, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_STACK}) {
    rlimit limit{};
    if (getrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0) facts.rlimit_hard[resource] = limit.rlim_max;
  }
}

void JudgeUserNamespaces(base::HostFacts& facts) {
  const auto refuse = [&facts](std::string why) {
    facts.user_namespaces = false;
    facts.why_no_user_namespaces = std::move(why);
  };
  if (ReadSmall("/proc/sys/user/max_user_namespaces") == "0") {
    return refuse("this machine allows no user namespaces; as root: sysctl user.max_user_namespaces=10000");
  }
  if (facts.uid == 0) return;
  if (ReadSmall("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
    return refuse("only root may make user namespaces here; as root: sysctl kernel.unprivileged_userns_clone=1");
  }
  if (ReadSmall("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" &&
      ReadSmall("/proc/self/attr/current").starts_with("unconfined")) {
    return refuse("AppArmor keeps ordinary users from user namespaces; give cellos a profile with 'userns,', or as root: "
                  "sysctl kernel.apparmor_restrict_unprivileged_userns=0");
  }
}

void ReadResolvers(base::HostFacts& facts) {
  const auto text = ReadFile(AT_FDCWD, "/etc/resolv.conf", kSmallFile);
  if (!text) return;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line.starts_with("nameserver")) continue;
    line.remove_prefix(std::string_view("nameserver").size());
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == 0 || first == std::string_view::npos) continue;
    line.remove_prefix(first);
    facts.resolvers.emplace_back(line.substr(0, line.find_first_of(" \t\r#;")));
  }
}

// What the host itself is reached by.
base::Result<> ReadHostAddresses(base::HostFacts& facts) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return base::FailOs(errno, "getifaddrs");
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    base::IpAddress address;
    if (entry->ifa_addr->sa_family == AF_INET) {
      memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr, 4);
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr, 16);
      address.v6 = true;
    } else {
      continue;
    }
    facts.host_addresses.push_back(address);
  }
  freeifaddrs(list);
  std::ranges::sort(facts.host_addresses);
  const auto [first, last] = std::ranges::unique(facts.host_addresses);
  facts.host_addresses.erase(first, last);
  return {};
}

base::Result<> DescribeSystemTree(base::HostFacts& facts) {
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    const std::string path = std::string("/") + name;
    const auto status = TRY(StatIfThere(AT_FDCWD, path));
    if (!status) continue;
    if (S_ISDIR(status->st_mode)) facts.root_links[name] = "";
    if (!S_ISLNK(status->st_mode)) continue;
    const std::string target = TRY(ReadLinkAt(AT_FDCWD, path));
    if (target.starts_with("usr/") || target.starts_with("/usr/")) facts.root_links[name] = target;
  }
  for (const char* name :
       {"alternatives", "ld.so.cache", "ssl/certs", "ca-certificates", "ca-certificates.conf", "localtime"}) {
    const auto resolved = Resolve(std::string("/etc/") + name);
    if (!resolved && !IsAbsent(resolved.error())) return std::unexpected(resolved.error());
    if (resolved && resolved->kind != base::FileKind::kOther) facts.etc_entries[name] = resolved->canonical;
  }
  return {};
}

}  // namespace

base::Result<std::vector<base::BeneathGrant>> FindProtectedFiles(const std::vector<base::ResolvedPath>& grants,
                                                                 std::size_t first_writable) {
  std::vector<base::BeneathGrant> found;
  for (std::size_t i = first_writable; i < grants.size(); ++i) {
    const base::ResolvedPath& grant = grants[i];
    if (grant.kind != base::FileKind::kDirectory) continue;
    const base::UniqueFd directory = TRY(OpenAt(AT_FDCWD, grant.canonical, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    for (const std::string_view path : ProtectedPaths()) {
      for (const std::string_view rest : Remainders(grant.canonical, path)) {
        TRY(AddIfPresent(directory.get(), i, std::string(rest), found));
      }
    }
    // A work tree of a repository kept elsewhere: whoever can replace this file chooses the hooks.
    const auto link = TRY(StatIfThere(directory.get(), ".git"));
    if (link && !S_ISDIR(link->st_mode)) TRY(AddIfPresent(directory.get(), i, ".git", found));
  }
  return found;
}

base::Result<base::HostFacts> GatherHostFacts(const base::FactsRequest& request) {
  base::HostFacts facts;
  DescribeMachine(facts);
  DescribeCaller(facts);
  JudgeUserNamespaces(facts);
  facts.cgroup = DetectCgroups(request.cgroup_parent);
  ReadResolvers(facts);
  if (request.network) TRY_WITH("looking at the host's addresses", ReadHostAddresses(facts));
  TRY_WITH("looking at the system's directories", DescribeSystemTree(facts));
  TRY(ResolveGrants(request.readable, "readable", facts));
  TRY(ResolveGrants(request.writable, "writable", facts));
  facts.protected_files = TRY(FindProtectedFiles(facts.grants, request.readable.size()));
  TRY(FindStateDirectories(request, facts));
  TRY_WITH("looking for the files that events go to", FindEventSinks(request, facts));
  const std::vector<std::string> hidden = TRY(HiddenByMount(facts));
  TRY(RefuseHidden(facts, hidden));
  TRY(FindServiceSockets(facts, hidden));
  for (const std::string& path : request.executables) {
    const auto resolved = Resolve(path);
    if (!resolved && !IsAbsent(resolved.error())) return std::unexpected(resolved.error());
    if (resolved) facts.executables[path] = resolved->canonical;
  }
  facts.caller_directory = request.caller_directory;
  return facts;
}

}  // namespace sys
