// SPDX-License-Identifier: Apache-2.0
// A workload that asks the cell's secret socket. Each argument is NAME=TOKEN=KEY, TOKEN "own" for the one it was given;
// it prints "NAME REPLY", blanks as '_' and a value backwards, so that the value itself stands nowhere.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace {

std::string Asked(const std::string& line) {
  const char* path = getenv("CELLOS_RUNTIME_SECRET_SOCKET");
  if (path == nullptr) return "no-socket";
  sockaddr_un address = {AF_UNIX, {}};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return "no-connection";
  if (send(fd, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) return "not-sent";
  std::string reply;
  char buffer[4096];
  pollfd wait = {fd, POLLIN, 0};
  while (reply.find('\n') == reply.npos && poll(&wait, 1, 5000) == 1) {
    const ssize_t count = recv(fd, buffer, sizeof buffer, 0);
    if (count <= 0) break;
    reply.append(buffer, static_cast<std::size_t>(count));
  }
  close(fd);
  if (reply.ends_with('\n')) reply.pop_back();
  return reply.empty() ? "closed" : reply;
}

}  // namespace

int main(int argc, char** argv) {
  const char* own = getenv("CELLOS_RUNTIME_SECRET_TOKEN");
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with("sleep=")) {
      usleep(static_cast<useconds_t>(atoi(word.c_str() + 6)) * 1000);
      continue;
    }
    const auto first = word.find('='), second = word.find('=', first + 1);
    std::string token = word.substr(first + 1, second - first - 1);
    if (token == "own") token = own == nullptr ? "" : own;
    std::string reply = Asked("{\"token\":\"" + token + "\",\"key\":\"" + word.substr(second + 1) + "\"}\n");
    if (reply.find("\"value\"") != reply.npos) std::reverse(reply.begin(), reply.end());
    std::replace(reply.begin(), reply.end(), ' ', '_');
    printf("%s %s\n", word.substr(0, first).c_str(), reply.c_str());
    fflush(stdout);
  }
  return 0;
}
