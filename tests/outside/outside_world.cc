// SPDX-License-Identifier: Apache-2.0
// outside_world [--zone FILE] [--user ID] -- COMMAND…: runs a command on a host whose every address outside leads to
// the servers of tests; then tells what left the host. Needs root.
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "world.h"

int main(int argc, char** argv) {
  std::string zone;
  unsigned user = 0;
  int at = 1;
  for (; at + 1 < argc && std::strcmp(argv[at], "--") != 0; at += 2) {
    if (std::strcmp(argv[at], "--user") == 0) user = static_cast<unsigned>(std::strtoul(argv[at + 1], nullptr, 10));
    std::ifstream file(std::strcmp(argv[at], "--zone") == 0 ? argv[at + 1] : "/dev/null");
    zone.append(std::istreambuf_iterator<char>(file), {});
  }
  if (at + 1 >= argc) {
    std::fputs("usage: outside_world [--zone FILE] [--user ID] -- COMMAND...\n", stderr);
    return 2;
  }
  std::string why;
  const auto world = outside::World::Create("nameserver 192.0.2.53\n", &why);
  if (world != nullptr) why = world->dns().Add(zone);
  if (!why.empty()) {
    std::fprintf(stderr, "outside_world: %s\n", why.c_str());
    return 1;
  }
  const pid_t child = fork();
  if (child == 0) {
    if (user != 0 &&
        (setgroups(0, nullptr) != 0 || setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0))
      _exit(98);
    execvp(argv[at + 1], argv + at + 1);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  const outside::Outcome now = world->Now();
  std::fprintf(stderr, "-- left the host:\n%s-- reached the host's own services: %llu\n", now.Told().c_str(),
               static_cast<unsigned long long>(now.reached_host));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
