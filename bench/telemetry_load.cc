// SPDX-License-Identifier: Apache-2.0
// The workload of the telemetry benchmarks, static so that any cell can run it.
//   telemetry_load storm KIND N [PARALLEL]   exactly N of KIND as fast as it goes, PARALLEL (16) processes at a time:
//                                            fork (and exit), exec (/bin/true), killed (before they do anything), connect
//   telemetry_load serve                     a line on standard input is one round, answered on standard output with the
//                                            nanoseconds that it took and the processor's: KIND N; reach ADDRESS PORT N
//                                            (connect, a byte, the first bytes of the answer); run COMMAND [ARG…]
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

// Without a delay of the peer's, and without TIME_WAIT: ports do not run out.
void CloseAtOnce(int fd) {
  const linger reset = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(fd);
}

int ConnectTo(const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) Die("socket");
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) Die("connect");
  return fd;
}

void ConnectOnLoopback(long count) {
  sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener, 16) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    Die("listen");
  for (; count > 0; --count) {
    const int fd = ConnectTo(address), peer = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) Die("accept");
    CloseAtOnce(fd);
    close(peer);
  }
  close(listener);
}

void Reach(const char* host, int port, long count) {
  sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(port))};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) std::exit(2);
  for (; count > 0; --count) {
    const int fd = ConnectTo(address);
    char answer[256];
    if (send(fd, "x", 1, MSG_NOSIGNAL) != 1 || recv(fd, answer, sizeof answer, 0) <= 0) Die("answer");
    CloseAtOnce(fd);
  }
}

void Child(const std::string& kind) {
  if (kind == "exec") {
    execl("/bin/true", "true", nullptr);
    _exit(127);
  }
  if (kind == "killed") {
    for (;;) pause();
  }
  _exit(0);
}

void Start(const std::string& kind, long count, long parallel) {
  long running = 0;
  const auto reap = [&] {
    int status = 0;
    if (wait(&status) < 0) Die("wait");
    if (kind != "killed" && status != 0) Die("a child");
    --running;
  };
  for (; count > 0; --count) {
    if (running == parallel) reap();
    const pid_t child = fork();
    if (child < 0) Die("fork");
    if (child == 0) Child(kind);
    ++running;
    if (kind == "killed") kill(child, SIGKILL);
  }
  while (running > 0) reap();
}

void Make(const std::string& kind, long count, long parallel) {
  if (kind == "connect") return ConnectOnLoopback(count);
  if (kind != "fork" && kind != "exec" && kind != "killed") std::exit(2);
  Start(kind, count, parallel);
}

void RunCommand(std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) Die(words[0].c_str());
}

long long Nanoseconds(const timeval& time) { return time.tv_sec * 1'000'000'000LL + time.tv_usec * 1000LL; }
long long Wall() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}
// Of this process and its children that have ended.
long long Processor() {
  long long sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage;
    getrusage(who, &usage);
    sum += Nanoseconds(usage.ru_utime) + Nanoseconds(usage.ru_stime);
  }
  return sum;
}

int Serve() {
  char line[4096];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    std::vector<std::string> words;
    for (char* word = std::strtok(line, " \n"); word != nullptr; word = std::strtok(nullptr, " \n")) words.push_back(word);
    if (words.size() < 2) return 2;
    const long long wall = Wall(), processor = Processor();
    if (words[0] == "run") {
      words.erase(words.begin());
      RunCommand(words);
    } else if (words[0] == "reach" && words.size() == 4) {
      Reach(words[1].c_str(), std::atoi(words[2].c_str()), std::atol(words[3].c_str()));
    } else {
      Make(words[0], std::atol(words[1].c_str()), 1);
    }
    std::printf("%lld %lld\n", Wall() - wall, Processor() - processor);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "serve" && argc == 2) return Serve();
  if (what == "storm" && (argc == 4 || argc == 5)) {
    Make(argv[2], std::atol(argv[3]), argc == 5 ? std::atol(argv[4]) : 16);
    return 0;
  }
  std::fputs("usage: telemetry_load storm KIND N [PARALLEL] | serve\n", stderr);
  return 2;
}
