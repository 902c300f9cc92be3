// SPDX-License-Identifier: Apache-2.0
// silence_server ADDRESS PORT: counts datagrams; prints a line for each 10 ms in which some came, the moment of the last
// one (nanoseconds of the wall clock, by the kernel's stamp of the packet) and how many.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

// Nanoseconds at which the kernel took the datagram in; 0: none is there.
long long Next(int fd) {
  char byte[64], control[128];
  iovec piece = {byte, sizeof byte};
  msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(fd, &message, MSG_DONTWAIT) < 0) return 0;
  for (cmsghdr* row = CMSG_FIRSTHDR(&message); row != nullptr; row = CMSG_NXTHDR(&message, row)) {
    if (row->cmsg_level != SOL_SOCKET || row->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec at;
    std::memcpy(&at, CMSG_DATA(row), sizeof at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in address = {.sin_family = AF_INET};
  if (argc != 3 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) return 2;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return std::perror("silence_server"), 1;
  for (pollfd wait = {fd, POLLIN, 0}; poll(&wait, 1, -1) > 0;) {
    const timespec pause = {0, 10000000};
    nanosleep(&pause, nullptr);
    long long last = 0, count = 0;
    for (long long at; (at = Next(fd)) != 0; ++count) last = at;
    std::printf("%lld %lld\n", last, count);
    std::fflush(stdout);
  }
}
