// SPDX-License-Identifier: Apache-2.0
// A helper as sandbox::LaunchLocked starts it: writes what it finds about itself to descriptor 3, then waits for ever.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

namespace {

std::string RootEntries() {
  DIR* root = opendir("/");
  if (root == nullptr) return "unreadable";
  std::string names;
  for (const dirent* entry = readdir(root); entry != nullptr; entry = readdir(root)) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) names += entry->d_name + std::string(",");
  }
  closedir(root);
  return names;
}

std::string Descriptors() {
  std::string open;
  for (int fd = 0; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) open += std::to_string(fd) + ",";
  }
  return open;
}

bool LoopbackUp() {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = {};
  strcpy(request.ifr_name, "lo");
  const bool up = ioctl(socket, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0;
  close(socket);
  return up;
}

unsigned long long Capabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return ~0ull;
  unsigned long long all = 0;
  for (const auto& half : data) all |= half.effective | half.permitted | half.inheritable;
  for (int i = 0; i < 64; ++i) {
    if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1) all |= 1ull << i;
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, nullptr, &blocked);
  int death = 0;
  prctl(PR_GET_PDEATHSIG, &death);
  struct stat null = {}, at_four = {};
  fstat(0, &null);
  fstat(4, &at_four);
  dprintf(3, "argc=%d name=%s environment=%d\n", argc, argv[0], environ[0] != nullptr);
  dprintf(3, "uid=%d gid=%d groups=%d pid=%d\n", getuid(), getgid(), getgroups(0, nullptr), getpid());
  dprintf(3, "caps=%llx nnp=%d death=%d blocked=%d\n", Capabilities(), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), death,
          sigismember(&blocked, SIGTERM));
  dprintf(3, "root=%s mkdir=%s descriptors=%s\n", RootEntries().c_str(),
          mkdir("/x", 0700) == 0 ? "ok" : strerrorname_np(errno), Descriptors().c_str());
  dprintf(3, "lo=%d null=%d\n", LoopbackUp(), null.st_rdev == at_four.st_rdev);
  for (;;) pause();
}
