// SPDX-License-Identifier: Apache-2.0
// dns_stub ADDRESS PORT ANSWER: an upstream that costs as little as it can: every question, UDP and TCP, is answered with
// one A record of ANSWER and TTL 0, so that nobody in between can keep it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kBatch = 64, kMessage = 1024, kHeader = 12, kRecord = 16;
std::uint8_t record[kRecord] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4};

// The question becomes its answer in place: question kept, additional records dropped. 0: not a question.
std::size_t Answer(std::uint8_t* bytes, std::size_t size) {
  std::size_t at = kHeader;
  while (at < size && bytes[at] != 0) at += 1u + bytes[at];
  at += 5;
  if (size < kHeader || at > size || at + kRecord > kMessage) return 0;
  bytes[2] = static_cast<std::uint8_t>(0x84 | (bytes[2] & 1));
  bytes[3] = 0x80;
  std::memset(bytes + 6, 0, 6);
  bytes[7] = 1;
  std::memcpy(bytes + at, record, kRecord);
  return at + kRecord;
}

class Udp {
 public:
  explicit Udp(int fd) : fd_(fd) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      pieces_[i] = {bytes_[i], kMessage};
      messages_[i].msg_hdr = {.msg_name = &peers_[i], .msg_iov = &pieces_[i], .msg_iovlen = 1};
    }
  }

  void Serve() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      pieces_[i] = {bytes_[i], kMessage};
      messages_[i].msg_hdr.msg_name = &peers_[i];
      messages_[i].msg_hdr.msg_namelen = sizeof peers_[i];
    }
    const int count = recvmmsg(fd_, messages_, kBatch, MSG_DONTWAIT, nullptr);
    int answers = 0;
    for (int i = 0; i < count; ++i) {
      const std::size_t size = Answer(static_cast<std::uint8_t*>(pieces_[i].iov_base), messages_[i].msg_len);
      if (size == 0) continue;
      // Rows keep their own buffers and peers; those before a hole move up with theirs.
      std::swap(pieces_[answers], pieces_[i]);
      pieces_[answers].iov_len = size;
      std::swap(messages_[answers].msg_hdr.msg_name, messages_[i].msg_hdr.msg_name);
      messages_[answers].msg_hdr.msg_namelen = messages_[i].msg_hdr.msg_namelen;
      ++answers;
    }
    for (int sent = 0; sent < answers;) {
      const int now = sendmmsg(fd_, messages_ + sent, static_cast<unsigned>(answers - sent), 0);
      sent += now > 0 ? now : 1;
    }
  }

 private:
  int fd_;
  std::uint8_t bytes_[kBatch][kMessage];
  sockaddr_in peers_[kBatch];
  iovec pieces_[kBatch];
  mmsghdr messages_[kBatch];
};

struct Client {
  std::vector<std::uint8_t> in;
};

// All whole questions that are there, in one write. false: the connection has ended.
bool ServeTcp(int fd, Client* client) {
  std::uint8_t bytes[65536];
  const ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (got <= 0) return false;
  client->in.insert(client->in.end(), bytes, bytes + got);
  std::vector<std::uint8_t> out;
  std::size_t at = 0;
  while (client->in.size() - at >= 2) {
    const std::size_t size = static_cast<std::size_t>(client->in[at] << 8 | client->in[at + 1]);
    if (client->in.size() - at < 2 + size) break;
    std::uint8_t message[kMessage];
    if (size > kMessage) return false;
    std::memcpy(message, client->in.data() + at + 2, size);
    const std::size_t answer = Answer(message, size);
    out.push_back(static_cast<std::uint8_t>(answer >> 8));
    out.push_back(static_cast<std::uint8_t>(answer));
    out.insert(out.end(), message, message + answer);
    at += 2 + size;
  }
  client->in.erase(client->in.begin(), client->in.begin() + static_cast<std::ptrdiff_t>(at));
  return out.empty() || send(fd, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size());
}

int Bound(int type, const sockaddr_in& address) {
  const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1, room = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      (type == SOCK_STREAM && listen(fd, 1024) != 0)) {
    std::perror("dns_stub: bind");
    std::exit(1);
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in address = {.sin_family = AF_INET};
  if (argc != 4 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1 || inet_pton(AF_INET, argv[3], record + 12) != 1) {
    std::fputs("usage: dns_stub ADDRESS PORT ANSWER\n", stderr);
    return 2;
  }
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  const int udp_fd = Bound(SOCK_DGRAM, address), listener = Bound(SOCK_STREAM, address);
  static Udp udp(udp_fd);
  std::vector<pollfd> wait = {{udp_fd, POLLIN, 0}, {listener, POLLIN, 0}};
  std::vector<Client> clients(2);
  while (poll(wait.data(), wait.size(), -1) >= 0) {
    if (wait[0].revents != 0) udp.Serve();
    for (std::size_t i = wait.size(); --i >= 2;) {
      if (wait[i].revents == 0 || ServeTcp(wait[i].fd, &clients[i])) continue;
      close(wait[i].fd);
      wait.erase(wait.begin() + static_cast<std::ptrdiff_t>(i));
      clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (wait[1].revents == 0) continue;
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), on = 1;
    if (fd < 0) continue;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    wait.push_back({fd, POLLIN, 0});
    clients.emplace_back();
  }
}
