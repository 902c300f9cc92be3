// SPDX-License-Identifier: Apache-2.0
// The workload of the network's benchmarks, static so that any cell can run it.
//   connect_load connect ADDRESS PORT SECONDS PARALLEL NAME|-   connections a second, each: connect, a ClientHello for
//                                          NAME ("-": none), the first byte of the answer, close with a reset
//   connect_load bulk ADDRESS PORT BYTES NAME|-   one connection; after the hello BYTES come; bytes a second
//   connect_load flood ADDRESS PORT        small datagrams without pause, until it is killed
//   connect_load dns NAME                  one question to the resolver; milliseconds until its answer, from now
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

sockaddr_in Address(const char* text, const char* port) {
  sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)))};
  if (inet_pton(AF_INET, text, &address.sin_addr) != 1) std::exit(2);
  return address;
}

void Append16(std::string* out, std::size_t value) {
  out->push_back(static_cast<char>(value >> 8));
  out->push_back(static_cast<char>(value));
}

std::string Extension(int type, const std::string& body) {
  std::string out;
  Append16(&out, static_cast<std::size_t>(type));
  Append16(&out, body.size());
  return out + body;
}

// What a TLS 1.3 client sends first, with the extensions that every client has.
std::string Hello(const std::string& name) {
  if (name == "-") return "x";
  std::string entry(1, '\0'), list;
  Append16(&entry, name.size());
  entry += name;
  Append16(&list, entry.size());
  std::string extensions = Extension(0, list + entry) + Extension(43, std::string("\x02\x03\x04", 3)) +
                           Extension(10, std::string("\0\x02\0\x1d", 4)) + Extension(13, std::string("\0\x02\x04\x03", 4)) +
                           Extension(51, std::string("\0\x24\0\x1d\0\x20", 6) + std::string(32, 'k'));
  std::string body("\x03\x03", 2);
  body += std::string(32, 'r') + std::string("\0\0\x02\x13\x01\x01\0", 7);
  Append16(&body, extensions.size());
  body += extensions;
  std::string handshake("\x01\0", 2), record("\x16\x03\x01", 3);
  Append16(&handshake, body.size());
  handshake += body;
  Append16(&record, handshake.size());
  return record + handshake;
}

struct Load {
  sockaddr_in address;
  std::string hello;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Clock::time_point> started = std::vector<Clock::time_point>(65536);
  std::vector<bool> greeted = std::vector<bool>(65536);
  std::vector<double> milliseconds;
  long failed = 0;

  void Open() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) std::exit(1);
    const linger reset = {1, 0};  // no TIME_WAIT: ports do not run out
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    started[static_cast<std::size_t>(fd)] = Clock::now();
    greeted[static_cast<std::size_t>(fd)] = false;
    epoll_event event = {.events = EPOLLOUT, .data = {.fd = fd}};
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) ++failed;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }

  void Ready(int fd) {
    const auto row = static_cast<std::size_t>(fd);
    if (!greeted[row]) {
      greeted[row] = true;
      if (send(fd, hello.data(), hello.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(hello.size())) {
        epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
        epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
        return;
      }
    }
    char bytes[256];
    if (recv(fd, bytes, sizeof bytes, 0) > 0) {
      milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - started[row]).count());
    } else {
      ++failed;
    }
    close(fd);
    Open();
  }
};

int Connect(char** argv) {
  static Load load{.address = Address(argv[0], argv[1]), .hello = Hello(argv[4])};
  const auto start = Clock::now(), end = start + std::chrono::milliseconds(static_cast<long>(std::atof(argv[2]) * 1000));
  for (int i = 0; i < std::atoi(argv[3]); ++i) load.Open();
  for (Clock::time_point now = start; now < end; now = Clock::now()) {
    epoll_event events[64];
    const int count = epoll_wait(load.epoll, events, 64, 100);
    for (int i = 0; i < count; ++i) load.Ready(events[i].data.fd);
  }
  std::sort(load.milliseconds.begin(), load.milliseconds.end());
  const std::size_t done = load.milliseconds.size();
  std::printf("%.0f %.3f %ld\n", static_cast<double>(done) / std::chrono::duration<double>(Clock::now() - start).count(),
              done == 0 ? 0 : load.milliseconds[done * 99 / 100], load.failed);
  return 0;
}

int Bulk(char** argv) {
  const sockaddr_in address = Address(argv[0], argv[1]);
  const std::string hello = Hello(argv[3]);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return std::perror("connect"), 1;
  if (send(fd, hello.data(), hello.size(), 0) < 0) return 1;
  static char bytes[1 << 18];
  ssize_t got = recv(fd, bytes, sizeof bytes, 0);
  const auto start = Clock::now();
  const double wanted = std::atof(argv[2]);
  double sum = 0;
  while (got > 0 && sum < wanted) {
    got = recv(fd, bytes, sizeof bytes, MSG_TRUNC);  // thrown away in the kernel: the client's copy is not what is measured
    sum += static_cast<double>(got);
  }
  if (sum < wanted) std::fprintf(stderr, "connect_load: ended after %.0f bytes\n", sum);
  std::printf("%.0f\n", sum / std::chrono::duration<double>(Clock::now() - start).count());
  return sum < wanted ? 1 : 0;
}

int Flood(char** argv) {
  const sockaddr_in address = Address(argv[0], argv[1]);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return 1;
  for (;;) {
    const timespec pause = {0, 50000};  // both cores stay free for what is measured
    send(fd, "revoke", 6, 0);
    nanosleep(&pause, nullptr);
  }
}

// CLOCK_MONOTONIC nanoseconds at the start and at the first answer.
int Dns(char** argv) {
  const auto Now = [] { return static_cast<long long>(Clock::now().time_since_epoch().count()); };
  const long long start = Now();
  std::string question("\x12\x34\x01\0\0\x01\0\0\0\0\0\0", 12);
  const std::string name = argv[0];
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t dot = std::min(name.find('.', at), name.size());
    question += static_cast<char>(dot - at) + name.substr(at, dot - at);
    at = dot + 1;
  }
  question += std::string("\0\0\x01\0\x01", 5);
  const sockaddr_in address = Address("192.0.2.53", "53");
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  char answer[512];
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      send(fd, question.data(), question.size(), 0) < 0 || recv(fd, answer, sizeof answer, 0) < 12 || (answer[3] & 15) != 0)
    return 1;
  std::printf("%.3f\n", static_cast<double>(Now() - start) / 1e6);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "connect" && argc == 7) return Connect(argv + 2);
  if (what == "bulk" && argc == 6) return Bulk(argv + 2);
  if (what == "flood" && argc == 4) return Flood(argv + 2);
  if (what == "dns" && argc == 3) return Dns(argv + 2);
  std::fputs("usage: connect_load connect|bulk|flood|dns ...\n", stderr);
  return 2;
}
