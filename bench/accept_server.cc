// SPDX-License-Identifier: Apache-2.0
// accept_server ADDRESS PORT BYTES: waits for the first bytes of a connection, sends BYTES, then reads until its end.
// Bulk is sent from a file in memory, so that the server costs little.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr std::uint64_t kFile = 1 << 20;
std::vector<std::uint64_t> left(65536);  // bytes to send yet; by descriptor

void Watch(int epoll, int operation, int fd, std::uint32_t what) {
  epoll_event event = {.events = what, .data = {.fd = fd}};
  epoll_ctl(epoll, operation, fd, &event);
}

// false: the connection has ended.
bool Serve(int epoll, int fd, std::uint32_t events, std::uint64_t bytes, int file) {
  std::uint64_t& due = left[static_cast<std::size_t>(fd)];
  if ((events & EPOLLIN) != 0) {
    char in[4096];
    const ssize_t got = recv(fd, in, sizeof in, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
    if (got > 0 && due == UINT64_MAX) due = bytes;
  }
  while (due != UINT64_MAX && due > 0) {
    off_t from = 0;
    const ssize_t sent = sendfile(fd, file, &from, std::min(due, kFile));
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) {
      Watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
      return true;
    }
    due -= static_cast<std::uint64_t>(sent);
  }
  if ((events & EPOLLOUT) != 0) Watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in address = {.sin_family = AF_INET};
  if (argc != 4 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
    std::fputs("usage: accept_server ADDRESS PORT BYTES\n", stderr);
    return 2;
  }
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  signal(SIGPIPE, SIG_IGN);  // a client that has enough goes away in the middle
  const std::uint64_t bytes = std::strtoull(argv[3], nullptr, 10);
  const int file = memfd_create("bulk", MFD_CLOEXEC), listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (ftruncate(file, kFile) != 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 4096) != 0)
    return std::perror("accept_server"), 1;
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  Watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN);
  for (;;) {
    epoll_event events[64];
    const int count = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd != listener) {
        if (!Serve(epoll, fd, events[i].events, bytes, file)) close(fd);
        continue;
      }
      for (int client; (client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        left[static_cast<std::size_t>(client)] = UINT64_MAX;
        Watch(epoll, EPOLL_CTL_ADD, client, EPOLLIN);
      }
    }
  }
}
