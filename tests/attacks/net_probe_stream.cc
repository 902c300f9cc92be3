// SPDX-License-Identifier: Apache-2.0
// Connections: plain, HTTP/1, h2c, bulk, silent ones.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "net_probe.h"

namespace net_probe {
namespace {

constexpr int kMptcp = 262;

std::string Joined(const std::string& first, const std::string& second) {
  return first.empty() ? second : second.empty() ? first : first + "+" + second;
}

Words Listed(const std::string& text) {
  std::istringstream in(text);
  Words out;
  for (std::string part; std::getline(in, part, ',');) out.push_back(part);
  return out;
}

// A socket on which the first bytes were given to connect itself.
int FastOpen(const Endpoint& to, const std::string& bytes, bool by_option, std::string* why) {
  const int fd = socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  long result;
  if (by_option) {
    result = setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
    if (result == 0) result = connect(fd, to.get(), to.size);
    if (result == 0) result = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } else {
    result = sendto(fd, bytes.data(), bytes.size(), MSG_FASTOPEN | MSG_NOSIGNAL, to.get(), to.size);
  }
  if (result >= 0) return fd;
  *why = ErrorName(errno);
  close(fd);
  return -1;
}

}  // namespace

std::string Tcp(const Words& words) {
  const Endpoint to = To(words[0], words[1]);
  const std::string bytes = Percent(Option(words, "send"));
  std::string why;
  const bool fast = Has(words, "fastopen"), later = Has(words, "connect-later");
  int fd;
  if (fast || later) {
    fd = FastOpen(to, bytes, later, &why);
  } else {
    fd = Dial(to, SOCK_STREAM, &why, Has(words, "mptcp") ? kMptcp : 0);
  }
  if (fd < 0) return why;
  const Got got = SendAndRead(fd, fast || later ? "" : bytes, Number(words, "wait", 3000),
                              static_cast<std::size_t>(Number(words, "want", 65536)));
  close(fd);
  return Joined(
      got.bytes.empty() ? "" : "data:" + Shown(got.bytes, static_cast<std::size_t>(Number(words, "shown", 120))),
      got.end);
}

// ------------------------------------------------------------------------------------------------ HTTP

namespace {

std::string Request(const Words& words, const std::string& host) {
  const std::string absolute = Option(words, "absolute");
  std::string head = Option(words, "method", "GET") + " " + (absolute.empty() ? "" : "http://" + absolute) +
                     Option(words, "path", "/") + " HTTP/1.1\r\n";
  if (host != "-") head += "Host: " + Percent(host) + "\r\n";
  return head + Percent(Option(words, "head")) + "\r\n";
}

// The status of one response, and the body of a refusal.
std::string OneResponse(int fd, std::string* held, std::string* end) {
  const long long deadline = NowMs() + 4000;
  for (;;) {
    const auto head_end = held->find("\r\n\r\n");
    if (head_end != held->npos && held->starts_with("HTTP/1.1 ")) {
      const std::string status = held->substr(9, 3);
      const auto length = held->find("Content-Length: ");
      const std::size_t body = length < head_end ? static_cast<std::size_t>(atoi(held->c_str() + length + 16)) : 0;
      if (held->size() >= head_end + 4 + body || !end->empty()) {
        const std::string text = held->substr(std::min(held->size(), head_end + 4), body);
        held->erase(0, head_end + 4 + body);
        return status == "403" ? status + "(" + Shown(text, 400) + ")" : status;
      }
    }
    if (!end->empty() || NowMs() > deadline) return {};
    Got got = ReadFor(fd, 200, 65536);
    *held += got.bytes;
    if (got.end != "silence") *end = got.end;
  }
}

}  // namespace

std::string Http(const Words& words) {
  std::string why, held, end, verdict;
  const int fd = Dial(To(words[0], words[1]), SOCK_STREAM, &why);
  if (fd < 0) return why;
  const Words hosts = Listed(Option(words, "host", "-"));
  if (Has(words, "pipelined")) {
    std::string all;
    for (const std::string& host : hosts) all += Request(words, host);
    SendAll(fd, all);
  }
  for (const std::string& host : hosts) {
    if (!Has(words, "pipelined") && !SendAll(fd, Request(words, host))) end = "reset";
    const std::string status = OneResponse(fd, &held, &end);
    if (status.empty()) break;
    verdict += (verdict.empty() ? "" : ",") + status;
  }
  if (verdict.find("403") != verdict.npos && end.empty()) end = ReadFor(fd, 1500).end;
  close(fd);
  return Joined(verdict, end);
}

namespace {

std::string Frame(std::uint8_t type, std::uint8_t flags, std::uint8_t stream, const std::string& payload) {
  std::string frame = std::string(1, '\0') + Big16(static_cast<unsigned>(payload.size()));
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  return frame + std::string(3, '\0') + static_cast<char>(stream) + payload;
}

std::string Frames(std::string_view bytes) {
  static const std::map<int, std::string> kNames = {{0, "data"}, {1, "headers"}, {4, "settings"}};
  std::string told;
  while (bytes.size() >= 9) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(bytes[i])); };
    const std::size_t size = at(0) << 16 | at(1) << 8 | at(2);
    if (bytes.size() < 9 + size) break;
    std::string text = at(3) == 3 && size == 4 ? "rst:" + std::to_string(at(8)) + "=" + std::to_string(at(12))
                       : at(3) == 7            ? "goaway"
                       : kNames.contains(static_cast<int>(at(3))) ? kNames.at(static_cast<int>(at(3)))
                                                                  : "frame" + std::to_string(at(3));
    told += (told.empty() ? "" : ",") + text;
    bytes.remove_prefix(9 + size);
  }
  return told;
}

}  // namespace

std::string H2c(const Words& words) {
  std::string why;
  const int fd = Dial(To(words[0], words[1]), SOCK_STREAM, &why);
  if (fd < 0) return why;
  std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(4, 0, 0, "");
  int stream = 1;
  for (const std::string& authority : Listed(Option(words, "authority"))) {
    const std::string block = std::string("\x82\x86\x84\x01", 4) + static_cast<char>(authority.size()) + authority;
    bytes += Frame(1, 4 /* END_HEADERS */, static_cast<std::uint8_t>(stream), block);
    bytes += Frame(0, 1 /* END_STREAM */, static_cast<std::uint8_t>(stream), "body-of-" + authority);
    stream += 2;
  }
  const Got got = SendAndRead(fd, bytes, Number(words, "wait", 1500));
  close(fd);
  return Joined(Frames(got.bytes), got.end);
}

// ------------------------------------------------------------------------------------------------ volume

std::string Bulk(const Words& words) {
  std::string why;
  const int fd = Dial(To(words[0], words[1]), SOCK_STREAM, &why);
  if (fd < 0) return why;
  const std::string opening = Percent(Option(words, "send"));
  SendAll(fd, opening);
  if (!opening.empty()) ReadFor(fd, 2000, 12);
  const long long wanted = atoll(Option(words, "bytes", "1048576").c_str());
  const std::string block(256 << 10, 'x');
  long long sent = 0, received = 0;
  std::string end, buffer(256 << 10, '\0');
  while (received < wanted && end.empty()) {
    pollfd wait = {fd, static_cast<short>(sent < wanted ? POLLIN | POLLOUT : POLLIN), 0};
    if (poll(&wait, 1, 8000) != 1) return "silence:" + std::to_string(received);
    if ((wait.revents & POLLOUT) != 0) {
      const ssize_t count =
          send(fd, block.data(),
               static_cast<std::size_t>(std::min<long long>(static_cast<long long>(block.size()), wanted - sent)),
               MSG_NOSIGNAL);
      if (count > 0) sent += count;
      if (count < 0 && errno != EAGAIN) end = errno == EPIPE || errno == ECONNRESET ? "reset" : ErrorName(errno);
    }
    if ((wait.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && end.empty()) {
      const ssize_t count = recv(fd, buffer.data(), buffer.size(), 0);
      if (count > 0) received += count;
      if (count == 0) end = "closed";
      if (count < 0 && errno != EAGAIN) end = errno == ECONNRESET ? "reset" : ErrorName(errno);
    }
  }
  close(fd);
  return Joined("bytes:" + std::to_string(received), end);
}

std::string Steady(const Words& words) {
  std::string why;
  const int fd = Dial(To(words[0], words[1]), SOCK_STREAM, &why);
  if (fd < 0) return why;
  SendAll(fd, Percent(Option(words, "send")));
  const long long began = NowMs(), end = began + Number(words, "ms", 10'000);
  long long echoed = 0;
  while (NowMs() < end) {
    if (!SendAll(fd, "steady-bytes")) return "reset+ms:" + std::to_string(NowMs() - began);
    const Got got = ReadFor(fd, 10);
    echoed += static_cast<long long>(got.bytes.size());
    if (got.end != "silence" && !got.end.empty()) return got.end + "+ms:" + std::to_string(NowMs() - began);
  }
  close(fd);
  return echoed > 0 ? "alive" : "unanswered";
}

std::string Silent(const Words& words) {
  const Endpoint to = To(words[0], words[1]);
  const int count = Number(words, "count", 100);
  const std::string bytes = Percent(Option(words, "send"));
  std::map<std::string, int> told;
  std::vector<int> open;
  for (int i = 0; i < count; ++i) {
    std::string why;
    const int fd = Dial(to, SOCK_STREAM, &why, 0, 1000);
    if (fd < 0) {
      ++told[why];
      continue;
    }
    if (!bytes.empty()) SendAll(fd, bytes);
    if (Has(words, "half-close")) shutdown(fd, SHUT_WR);
    open.push_back(fd);
  }
  poll(nullptr, 0, Number(words, "hold", 1000));
  for (const int fd : open) {
    const Got got = ReadFor(fd, 1, 1);
    ++told[got.end.empty() ? "data" : got.end];
    close(fd);
  }
  std::string verdict;
  for (const auto& [what, times] : told) verdict += (verdict.empty() ? "" : ",") + what + ":" + std::to_string(times);
  return verdict;
}

std::string Loop(const Words& words) {
  const Endpoint to = To(words[0], words[1]);
  std::map<std::string, int> told;
  const long long end = NowMs() + Number(words, "ms", 1000);
  do {
    std::string why = "connected";
    const int fd = Dial(to, SOCK_STREAM, &why, 0, 1000);
    if (fd >= 0) {
      const Got got = ReadFor(fd, 1000, 1);
      if (!got.end.empty()) why = got.end;
      close(fd);
    }
    ++told[why];
  } while (NowMs() < end);
  std::string verdict;
  for (const auto& [what, times] : told) verdict += (verdict.empty() ? "" : ",") + what + ":" + std::to_string(times);
  return verdict;
}

}  // namespace net_probe
