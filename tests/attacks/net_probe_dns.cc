// SPDX-License-Identifier: Apache-2.0
// Questions to a resolver, well formed and not, and what came back.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "net_probe.h"

namespace net_probe {
namespace {

// Labels from text in which "%2e" stands for a byte of a label.
std::string WireName(std::string_view text) {
  std::string out;
  while (!text.empty() && text != ".") {
    const auto dot = std::min(text.find('.'), text.size());
    const std::string label = Percent(text.substr(0, dot));
    out += static_cast<char>(label.size()) + label;
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return out + '\0';
}

unsigned TypeNumber(const std::string& text) {
  static const std::map<std::string, unsigned> kTypes = {{"A", 1},    {"NS", 2},    {"CNAME", 5},  {"NULL", 10},
                                                         {"PTR", 12}, {"MX", 15},   {"TXT", 16},   {"AAAA", 28},
                                                         {"SRV", 33}, {"SVCB", 64}, {"HTTPS", 65}, {"ANY", 255}};
  const auto found = kTypes.find(text);
  return found != kTypes.end() ? found->second : static_cast<unsigned>(atoi(text.c_str() + 4));  // TYPEnnn
}

std::string RandomId() {
  static unsigned counter = static_cast<unsigned>(getpid());
  return Big16((counter += 7919) & 0xffff);
}

std::string Message(const Words& words) {
  const bool plain = Has(words, "plain");
  const auto flags = static_cast<unsigned>(strtoul(Option(words, "flags", "0100").c_str(), nullptr, 16));
  std::string message = RandomId() + Big16(flags) + Big16(1) + Big16(0) + Big16(0) + Big16(plain ? 0 : 1) +
                        WireName(words[1]) + Big16(TypeNumber(words[2])) +
                        Big16(static_cast<unsigned>(Number(words, "class", 1)));
  if (!plain) message += std::string("\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
  return message;
}

struct Reader {
  std::string_view bytes;
  std::size_t at = 0;
  unsigned Byte() { return at < bytes.size() ? static_cast<unsigned char>(bytes[at++]) : 0; }
  unsigned Word() {
    const unsigned high = Byte();
    return high << 8 | Byte();
  }
  std::string Name() {
    std::string name;
    std::size_t end = 0;
    for (int jumps = 0; jumps < 64 && at < bytes.size();) {
      const unsigned length = Byte();
      if (length == 0) break;
      if (length >= 0xc0) {
        const std::size_t to = (length & 0x3f) << 8 | Byte();
        if (end == 0) end = at;
        at = to;
        ++jumps;
        continue;
      }
      if (!name.empty()) name += '.';
      name += bytes.substr(std::min(at, bytes.size()), length);
      at += length;
    }
    if (end != 0) at = end;
    return name;
  }
};

std::string Code(unsigned rcode) {
  static const std::map<unsigned, std::string> kCodes = {{0, "NOERROR"},  {1, "FORMERR"}, {2, "SERVFAIL"},
                                                         {3, "NXDOMAIN"}, {4, "NOTIMP"},  {5, "REFUSED"}};
  return kCodes.contains(rcode) ? kCodes.at(rcode) : "RCODE" + std::to_string(rcode);
}

void TellOptions(std::string_view data, std::string* told) {
  Reader options{data};
  while (options.at + 4 <= data.size()) {
    const unsigned code = options.Word(), size = options.Word();
    if (code == 15 && size >= 2) {
      const unsigned info = options.Word();
      *told += ";ede=" + std::to_string(info) + ":" + Shown(data.substr(options.at, size - 2), 300);
      options.at += size - 2;
    } else {
      options.at += size;
    }
  }
}

// HTTPS and SVCB: priority, target, and the numbers of the parameters.
std::string Service(std::string_view message, std::size_t at, std::size_t size) {
  Reader data{message, at};
  std::string told = std::to_string(data.Word());
  const std::string target = data.Name();
  told += "/" + (target.empty() ? "." : target) + "/";
  while (data.at + 4 <= at + size) {
    told += std::to_string(data.Word()) + "-";
    const std::size_t skip = data.Word();
    data.at += skip;
  }
  return told;
}

// NOERROR;tc;ad;a=…;cname=…;https=…;ttl=…;ede=…
std::string TellReply(std::string_view reply, std::string_view query) {
  if (reply.size() < 12) return "short";
  if (reply.substr(0, 2) != query.substr(0, 2)) return "wrong-id";
  Reader in{reply, 2};
  const unsigned flags = in.Word();
  const unsigned questions = in.Word(), answers = in.Word(), authority = in.Word(), additional = in.Word();
  std::string told = Code(flags & 15);
  if ((flags & 0x0200) != 0) told += ";tc";
  if ((flags & 0x0020) != 0) told += ";ad";
  const std::size_t question_at = in.at;
  for (unsigned i = 0; i < questions; ++i) {
    in.Name();
    in.at += 4;
  }
  if (questions == 1 && reply.substr(question_at, in.at - question_at) != query.substr(12, in.at - question_at))
    told += ";question-changed";
  unsigned least = ~0u;
  for (unsigned i = 0; i < answers + authority + additional && in.at < reply.size(); ++i) {
    const std::string owner = in.Name();
    const unsigned type = in.Word();
    in.Word();
    const unsigned ttl = in.Word() << 16 | in.Word();
    const std::size_t size = in.Word(), at = in.at;
    char text[INET6_ADDRSTRLEN] = {};
    if (i < answers) least = std::min(least, ttl);
    if (type == 1 && size == 4) told += std::string(";a=") + inet_ntop(AF_INET, reply.data() + at, text, sizeof text);
    if (type == 28 && size == 16)
      told += std::string(";a=") + inet_ntop(AF_INET6, reply.data() + at, text, sizeof text);
    if (type == 5) told += ";cname=" + in.Name();
    if (type == 64 || type == 65) told += ";svcb=" + Service(reply, at, size);
    if (type == 16) told += ";txt";
    if (type == 41) TellOptions(reply.substr(at, size), &told);
    in.at = at + size;
  }
  if (least != ~0u) told += ";ttl=" + std::to_string(least);
  return told;
}

int Socket(const Words& words, bool tcp, std::string* why) {
  return Dial(To(words[0], Option(words, "port", "53")), tcp ? SOCK_STREAM : SOCK_DGRAM, why);
}

// One message there, one back; "" with `why`.
std::string Exchange(int fd, bool tcp, const std::string& message, int wait_ms, std::string* why) {
  if (!SendAll(fd, tcp ? Big16(static_cast<unsigned>(message.size())) + message : message)) {
    *why = "send:" + ErrorName(errno);
    return {};
  }
  if (!tcp) {
    pollfd wait = {fd, POLLIN, 0};
    char buffer[65536];
    const ssize_t size = poll(&wait, 1, wait_ms) == 1 ? recv(fd, buffer, sizeof buffer, 0) : 0;
    if (size < 0) *why = ErrorName(errno);
    if (size == 0) *why = "timeout";
    return size > 0 ? std::string(buffer, static_cast<std::size_t>(size)) : std::string();
  }
  const Got head = ReadFor(fd, wait_ms, 2);
  if (head.bytes.size() < 2) {
    *why = head.end == "silence" ? "timeout" : head.end;
    return {};
  }
  const std::size_t size = static_cast<unsigned char>(head.bytes[0]) << 8 | static_cast<unsigned char>(head.bytes[1]);
  return ReadFor(fd, wait_ms, size).bytes;
}

std::string Ask(const Words& words, const std::string& message, bool tell_whole) {
  const bool tcp = Has(words, "tcp");
  std::string why;
  const int fd = Socket(words, tcp, &why);
  if (fd < 0) return why;
  const std::string reply = Exchange(fd, tcp, message, Number(words, "wait", 4000), &why);
  close(fd);
  if (reply.empty()) return why;
  return tell_whole ? TellReply(reply, message) : "reply:" + (reply.size() > 3 ? Code(reply[3] & 15u) : "short");
}

}  // namespace

std::string Dns(const Words& words) { return Ask(words, Message(words), true); }

std::string DnsRaw(const Words& words) {
  std::string message;
  const std::string& hex = words[1];
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    message += static_cast<char>(strtoul(hex.substr(i, 2).c_str(), nullptr, 16));
  return Ask(words, message, false);
}

std::string DnsMany(const Words& words) {
  std::string why;
  const bool tcp = Has(words, "tcp");
  const int fd = Socket(words, tcp, &why);
  if (fd < 0) return why;
  std::map<std::string, int> told;
  for (int i = 0; i < Number(words, "count", 100); ++i) {
    const Words one = {words[0], Option(words, "prefix", "n") + std::to_string(i) + "." + words[1], "A"};
    const std::string message = Message(one), reply = Exchange(fd, tcp, message, 4000, &why);
    std::string verdict = reply.empty() ? why : TellReply(reply, message);
    // The code and the number of the extended error.
    const auto ede = verdict.find(";ede=");
    const std::string number = ede == verdict.npos ? "" : verdict.substr(ede, verdict.find(':', ede) - ede);
    ++told[verdict.substr(0, verdict.find(';')) + number];
  }
  close(fd);
  std::string verdict;
  for (const auto& [what, times] : told) verdict += (verdict.empty() ? "" : ",") + what + "*" + std::to_string(times);
  return verdict;
}

std::string DnsSlow(const Words& words) {
  const Endpoint to = To(words[0], "53");
  std::string why;
  int refused = 0;
  std::vector<int> open;
  for (int i = 0; i < Number(words, "count", 300); ++i) {
    const int fd = Dial(to, SOCK_STREAM, &why, 0, 500);
    if (fd < 0) {
      ++refused;
      continue;
    }
    if (i % 4 == 1) SendAll(fd, Big16(1) + "x");
    if (i % 4 == 2) SendAll(fd, Big16(65535) + "xx");
    if (i % 8 == 3) SendAll(fd, Big16(0));
    open.push_back(fd);
  }
  std::vector<long long> taken;
  const Words question = {words[0], words[1], "A"};
  int answered = 0;
  for (int i = 0; i < 60; ++i) {
    for (std::size_t n = 0; n < open.size(); n += 16) send(open[n], "\0", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    const long long began = NowMs();
    answered += Ask(question, Message(question), true).starts_with("NOERROR") ? 1 : 0;
    taken.push_back(NowMs() - began);
    poll(nullptr, 0, 20);
  }
  int ended = refused;
  for (const int fd : open) {
    if (ReadFor(fd, 1, 4096).end != "silence") ++ended;
    close(fd);
  }
  std::sort(taken.begin(), taken.end());
  return "answered:" + std::to_string(answered) + ",slowest-ms:" + std::to_string(taken.back()) +
         ",ended:" + std::to_string(ended);
}

}  // namespace net_probe
