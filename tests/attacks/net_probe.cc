// SPDX-License-Identifier: Apache-2.0
#include "net_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <sstream>

namespace net_probe {

std::string Option(const Words& words, std::string_view name, std::string_view otherwise) {
  for (const std::string& word : words) {
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=')
      return word.substr(name.size() + 1);
  }
  return std::string(otherwise);
}

int Number(const Words& words, std::string_view name, int otherwise) {
  const std::string text = Option(words, name);
  return text.empty() ? otherwise : atoi(text.c_str());
}

bool Has(const Words& words, std::string_view word) {
  for (const std::string& w : words) {
    if (w == word) return true;
  }
  return false;
}

std::string Percent(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(strtoul(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string Shown(std::string_view bytes, std::size_t most) {
  std::string out;
  for (const unsigned char c : bytes.substr(0, most)) {
    if (c == ' ') {
      out += '_';
    } else if (c > 32 && c < 127) {
      out += static_cast<char>(c);
    } else {
      char text[8];
      snprintf(text, sizeof text, "%%%02x", c);
      out += text;
    }
  }
  return out;
}

std::string ErrorName(int error) {
  const char* name = strerrorname_np(error);
  return name == nullptr ? "?" : name;
}

std::string Big16(unsigned value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }

long long NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000ll + now.tv_nsec / 1'000'000;
}

Endpoint To(const std::string& address, const std::string& port) {
  Endpoint to;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&to.address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&to.address);
  const auto number = htons(static_cast<std::uint16_t>(atoi(port.c_str())));
  const auto scope = address.find('%');
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = number;
    to.size = sizeof *v4;
  } else if (inet_pton(AF_INET6, address.substr(0, scope).c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = number;
    v6->sin6_scope_id = scope == address.npos ? 0 : 1;  // lo
    to.size = sizeof *v6;
  }
  return to;
}

int Dial(const Endpoint& to, int type, std::string* why, int protocol, int wait_ms) {
  const int fd = socket(to.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (fd < 0) {
    *why = "socket:" + ErrorName(errno);
    return -1;
  }
  int error = connect(fd, to.get(), to.size) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd wait = {fd, POLLOUT, 0};
    if (poll(&wait, 1, wait_ms) != 1) {
      *why = "hang";
      close(fd);
      return -1;
    }
    socklen_t size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error == 0) return fd;
  *why = ErrorName(error);
  close(fd);
  return -1;
}

bool SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (errno != EAGAIN) return false;
    pollfd wait = {fd, POLLOUT, 0};
    if (poll(&wait, 1, 5000) != 1) return false;
  }
  return true;
}

Got ReadFor(int fd, int wait_ms, std::size_t most) {
  Got got;
  const long long end = NowMs() + wait_ms;
  char buffer[65536];
  while (got.bytes.size() < most) {
    pollfd wait = {fd, POLLIN, 0};
    const long long left = end - NowMs();
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) != 1) {
      got.end = "silence";
      return got;
    }
    const ssize_t count = recv(fd, buffer, std::min(sizeof buffer, most - got.bytes.size()), 0);
    if (count > 0) {
      got.bytes.append(buffer, static_cast<std::size_t>(count));
      continue;
    }
    got.end = count == 0 ? "closed" : errno == ECONNRESET || errno == EPIPE ? "reset" : ErrorName(errno);
    return got;
  }
  return got;
}

Got SendAndRead(int fd, std::string_view bytes, int wait_ms, std::size_t most) {
  const bool reset = !SendAll(fd, bytes) && (errno == ECONNRESET || errno == EPIPE);
  Got got = ReadFor(fd, wait_ms, most);
  if (reset && got.end == "closed") got.end = "reset";
  return got;
}

namespace {

constexpr unsigned kDeadlineSeconds = 45;
constexpr int kAtOnce = 8;
// Between the starts of two lines: denials that come faster are summed up by the gate instead of told one by one.
constexpr int kPaceMs = 65;

struct Verb {
  const char* name;
  std::string (*run)(const Words&);
};
constexpr Verb kVerbs[] = {{"tcp", Tcp},        {"http", Http},        {"h2c", H2c},
                           {"bulk", Bulk},      {"steady", Steady},    {"silent", Silent},
                           {"tls", Tls},        {"tls-real", TlsReal}, {"dns", Dns},
                           {"dns-raw", DnsRaw}, {"dns-many", DnsMany}, {"dns-slow", DnsSlow},
                           {"udp", Udp},        {"own", Own},          {"listen", Listen},
                           {"try", Try},        {"path", Path},        {"descriptors", Descriptors},
                           {"storm", Storm},    {"loop", Loop}};

bool InOtherNamespaces(char** inodes) {
  const char* const paths[] = {"/proc/self/ns/mnt", "/proc/self/ns/pid", "/proc/self/ns/net"};
  for (int i = 0; i < 3; ++i) {
    struct stat own;
    if (stat(paths[i], &own) != 0 || own.st_ino == strtoul(inodes[i], nullptr, 10)) return false;
  }
  return true;
}

void Tell(const std::string& line) {
  const std::string text = line + "\n";
  [[maybe_unused]] const ssize_t ignored = write(1, text.data(), text.size());
}

void RunLine(const Words& words) {
  signal(SIGPIPE, SIG_IGN);
  alarm(kDeadlineSeconds);
  for (const Verb& verb : kVerbs) {
    if (words.size() > 1 && words[1] == verb.name) {
      Tell(words[0] + " " + verb.run(Words(words.begin() + 2, words.end())));
      _exit(0);
    }
  }
  _exit(98);
}

class Lines {
 public:
  void Start(const Words& words) {
    while (running_.size() >= kAtOnce) WaitForOne();
    if (const long long early = last_ + kPaceMs - NowMs(); early > 0) poll(nullptr, 0, static_cast<int>(early));
    last_ = NowMs();
    const int child = fork();
    if (child == 0) RunLine(words);
    running_[child] = words.empty() ? "?" : words[0];
  }
  void WaitForAll() {
    while (!running_.empty()) WaitForOne();
  }

 private:
  void WaitForOne() {
    int status = 0;
    const int child = waitpid(-1, &status, 0);
    const auto line = running_.find(child);
    if (line == running_.end()) return;
    if (WIFSIGNALED(status)) Tell(line->second + (WTERMSIG(status) == SIGALRM ? " hang" : " killed"));
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) Tell(line->second + " no-such-verb");
    running_.erase(line);
  }
  std::map<int, std::string> running_;
  long long last_ = 0;
};

int Main(int argc, char** argv) {
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  Words given;
  for (int i = 4; i < argc; ++i) {
    std::ifstream file(argv[i][0] == '@' ? argv[i] + 1 : "/dev/null");
    for (std::string line; std::getline(file, line);) given.push_back(line);
    if (argv[i][0] != '@') given.push_back(argv[i]);
  }
  Lines lines;
  for (const std::string& line : given) {
    std::istringstream in(line);
    Words words;
    for (std::string word; in >> word;) words.push_back(word);
    if (words.empty()) continue;
    if (words[0] != "--") {
      lines.Start(words);
      continue;
    }
    lines.WaitForAll();
    if (words.size() > 1) poll(nullptr, 0, atoi(words[1].c_str()));
  }
  lines.WaitForAll();
  return 0;
}

}  // namespace
}  // namespace net_probe

int main(int argc, char** argv) {
  if (argc < 5 || !net_probe::InOtherNamespaces(argv + 1)) {
    fputs("net_probe runs inside a cell only\n", stderr);
    return 99;
  }
  return net_probe::Main(argc, argv);
}
