// SPDX-License-Identifier: Apache-2.0
#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace outside {
namespace {

std::string Shell(const std::string& script) {
  const int status = std::system(("exec 2>&1; set -e; PATH=/usr/sbin:/sbin:/usr/bin:/bin; " + script).c_str());
  if (status == 0) return {};
  return "failed with status " + std::to_string(WEXITSTATUS(status)) + ": " + script;
}

std::string Failed(const char* what) { return std::string(what) + ": " + strerror(errno); }

// Every address is complete at once: no duplicate is looked for, no router is listened to.
void QuietIpv6() {
  for (const char* row : {"accept_dad", "accept_ra", "router_solicitations"}) {
    for (const char* where : {"all", "default"}) {
      const std::string path = std::string("/proc/sys/net/ipv6/conf/") + where + "/" + row;
      const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (fd < 0) continue;
      [[maybe_unused]] const ssize_t ignored = ::write(fd, "0", 1);
      ::close(fd);
    }
  }
}

}  // namespace

std::string EnterHost(const std::string& resolvers) {
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return Failed("unshare");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return Failed("mount /");
  QuietIpv6();
  char name[] = "/tmp/outside-resolv-XXXXXX";
  const int file = ::mkstemp(name);
  if (file < 0) return Failed("mkstemp");
  const bool written = ::write(file, resolvers.data(), resolvers.size()) == static_cast<ssize_t>(resolvers.size()) &&
                       ::fchmod(file, 0644) == 0;
  ::close(file);
  const int mounted = written ? ::mount(name, "/etc/resolv.conf", nullptr, MS_BIND, nullptr) : -1;
  const std::string why = mounted != 0 ? Failed("/etc/resolv.conf") : std::string();
  ::unlink(name);
  return why.empty() ? Shell("ip link set lo up") : why;
}

std::string EnterWorld(int host) {
  if (::unshare(CLONE_NEWNET) != 0) return Failed("unshare");
  QuietIpv6();
  const std::string vw = kWorldLink;
  return Shell("ip link set lo up; ip link add " + vw + " type veth peer name vh netns " + std::to_string(host) +
               "; ip addr add " + kWorld4 + "/30 dev " + vw + "; ip -6 addr add " + kWorld6 + "/64 dev " + vw +
               " nodad; ip link set " + vw + " up" +
               // The way back stands in the same table as the rows that make every address local.
               "; ip route add local default dev lo; ip route add 198.18.0.0/30 dev " + vw + " table local" +
               "; ip -6 route add local default dev lo; ip -6 route add 2001:db8:ffff::/64 dev " + vw + " table local");
}

std::string RouteToWorld() {
  return Shell(std::string("ip addr add ") + kHost4 + "/30 dev vh; ip -6 addr add " + kHost6 +
               "/64 dev vh nodad; ip link set vh up; ip route add default via " + kWorld4 +
               "; ip -6 route add default via " + kWorld6);
}

}  // namespace outside
