// SPDX-License-Identifier: Apache-2.0
// Processes, inventories, verdicts.
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "evidence/verify/verify.h"
#include "sys/fault.h"

namespace faults {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

namespace {

std::string ReadText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A page that the program under test shares with us.
sys::fault::Page* MapPage(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof(sys::fault::Page)) != 0) return nullptr;
  void* page = mmap(nullptr, sizeof(sys::fault::Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return page == MAP_FAILED ? nullptr : static_cast<sys::fault::Page*>(page);
}

bool WaitPidfd(int pidfd, milliseconds deadline) {
  pollfd wait = {pidfd, POLLIN, 0};
  return poll(&wait, 1, static_cast<int>(deadline.count())) == 1;
}

// Mount points, without the numbers that the kernel gives anew.
std::string MountPoints() {
  std::string points;
  std::istringstream mounts(ReadText("/proc/self/mountinfo"));
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string id, parent, device, root, point;
    words >> id >> parent >> device >> root >> point;
    points += "\n" + root + " " + point;
  }
  return points;
}

// Cgroups whose name has `part` in it.
std::vector<std::string> Cgroups(const std::string& part) {
  std::vector<std::string> found;
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator("/sys/fs/cgroup", error); at != fs::recursive_directory_iterator();
       at.increment(error)) {
    if (error) break;
    if (at->path().filename().string().find(part) != std::string::npos) found.push_back(at->path());
  }
  return found;
}

void Names(const std::string& directory, const std::set<std::string>& known, std::string& found) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename();
    const bool cache = name.starts_with("binary-");
    if (!known.contains(name) && !cache) found += entry.path().string() + "\n";
  }
}

}  // namespace

std::uint64_t Stride(std::uint64_t stride) {
  const char* full = getenv("CELLOS_FULL_SWEEP");
  return full != nullptr && strcmp(full, "1") == 0 ? 1 : stride;
}

std::string Ended::Told() const {
  return "status " + std::to_string(status) + " after " + hit + "\n" + out + err;
}

bool NoDescendants(milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    pid_t gone;
    while ((gone = waitpid(-1, nullptr, WNOHANG | __WALL)) > 0) {
    }
    if (gone < 0 && errno == ECHILD) return true;
    if (std::chrono::steady_clock::now() > end) return false;
    usleep(1000);
  }
}

Program::Program(std::vector<std::string> arguments, std::vector<std::string> environment, const std::string& scratch,
                 int in)
    : scratch_(scratch) {
  if (auto* page = MapPage(scratch_ + "/page")) {
    new (page) sys::fault::Page;
    munmap(page, sizeof *page);
  }
  environment.push_back("CELLOS_FAULT_PAGE=" + scratch_ + "/page");
  environment.push_back("PATH=/usr/local/bin:/usr/bin:/bin");
  std::vector<char*> argv, envp;
  for (auto& text : arguments) argv.push_back(text.data());
  for (auto& text : environment) envp.push_back(text.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (in >= 0) {
    posix_spawn_file_actions_adddup2(&actions, in, 0);
  } else {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  }
  posix_spawn_file_actions_addopen(&actions, 1, (scratch_ + "/out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, (scratch_ + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int error = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) ADD_FAILURE() << argv[0] << ": " << strerror(error);
}

Ended Program::Await(milliseconds deadline, Others others) {
  Ended ended;
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  const bool in_time = WaitPidfd(pidfd, deadline);
  if (!in_time) kill(pid_, SIGKILL);
  close(pidfd);
  int status = 0;
  waitpid(pid_, &status, 0);
  ended.status = !in_time ? kTimedOut : WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  ended.processes_left = others == Others::kNone && !NoDescendants(milliseconds(1000));
  ended.out = ReadText(scratch_ + "/out");
  ended.err = ReadText(scratch_ + "/err");
  if (auto* page = MapPage(scratch_ + "/page")) {
    ended.calls = page->seen;
    ended.fired = page->fired;
    ended.hit = page->hit;
    munmap(page, sizeof *page);
  }
  return ended;
}

Fault::Fault() : id_("faults-" + std::to_string(getpid())) {
  char name[] = "/dev/shm/cellos-faults.XXXXXX";
  top_ = mkdtemp(name);
  state_ = top_ + "/state";
  template_ = top_ + "/template";
  fs::create_directory(top_ + "/scratch");
}

Fault::~Fault() { fs::remove_all(top_); }

void Fault::Renew(State state) {
  if (state == State::kUsed && !fs::exists(template_)) {
    Renew(State::kNew);
    const Ended first = RunOnce("");
    ASSERT_EQ(first.status, 0) << first.Told();
    fs::rename(state_, template_);
    fs::remove_all(template_ + "/runs");
    fs::create_directory(template_ + "/runs");
  }
  fs::remove_all(state_);
  fs::remove(top_ + "/scratch/events");
  for (const std::string& cgroup : Cgroups(id_ + "_")) rmdir(cgroup.c_str());  // of a run that has failed its test already
  if (state == State::kNew) return;
  fs::copy(template_, state_, fs::copy_options::recursive);
}

std::vector<std::string> Fault::RunArguments(Sink sink) const {
  std::vector<std::string> arguments = {CELLOS_BIN_DIR "/cellos-faulty", "run", "--quiet", "--json", "--state-dir", state_,
                                        "--id", id_, "--ttl", "15s", "--secret", "TOKEN", "--export", "out=/workspace/x"};
  if (sink == Sink::kFile) arguments.insert(arguments.end(), {"--events", top_ + "/scratch/events"});
  arguments.insert(arguments.end(), more_.begin(), more_.end());
  arguments.insert(arguments.end(), {"--", "/bin/sh", "-c", "echo x > /workspace/x"});
  return arguments;
}

std::vector<std::string> Fault::Environment(const std::string& fault) const {
  return {"CELLOS_SECRET_TOKEN=canary-in-the-environment", "CELLOS_FAULT=" + fault};
}

Ended Fault::RunOnce(const std::string& fault, Sink sink) {
  return Program(RunArguments(sink), Environment(fault), top_ + "/scratch").Await(kDeadline);
}

Ended Fault::Cellos(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), CELLOS_BIN_DIR "/cellos");
  arguments.insert(arguments.begin() + 2, {"--state-dir", state_});
  return Program(std::move(arguments), {}, top_ + "/scratch").Await(kDeadline);
}

std::string Fault::Inventory() const {
  std::string found;
  Names(state_, {"keys", "runs", "live", "log"}, found);
  Names(state_ + "/live", {}, found);
  Names(state_ + "/keys", {".lock", "deployment.ed25519.pem", "deployment.vkey"}, found);
  std::error_code error;
  for (const auto& run : fs::directory_iterator(state_ + "/runs", error)) {
    Names(run.path(), {"document.json", "plan.json", "events.jsonl", "checkpoints", "seal.json", "exports"}, found);
    Names(run.path().string() + "/exports", {"out"}, found);
  }
  Names(top_ + "/scratch", {"page", "out", "err", "events"}, found);
  for (const std::string& cgroup : Cgroups(id_ + "_")) found += cgroup + "\n";
  std::istringstream sockets(ReadText("/proc/net/unix"));
  for (std::string line; std::getline(sockets, line);) {
    if (line.find(top_) != std::string::npos || line.find(id_) != std::string::npos) found += line + "\n";
  }
  return found + std::to_string(std::hash<std::string>()(MountPoints())) + " of the mounts";
}

std::vector<evidence::Report> Fault::Judge() const {
  std::vector<evidence::TrustedKey> keys;
  if (auto key = evidence::LoadTrustedKey(state_ + "/keys/deployment.vkey")) keys.push_back(std::move(*key));
  std::vector<evidence::Report> reports;
  std::error_code error;
  for (const auto& run : fs::directory_iterator(state_ + "/runs", error)) {
    reports.push_back(evidence::VerifyRun(run.path(), keys));
  }
  return reports;
}

// Read by hand: is the last leaf of the last checkpoint the one that closes the log?
std::string Fault::ClosingProven(const std::string& run) const {
  const std::string notes = ReadText(run + "/checkpoints");
  std::istringstream lines(notes);
  std::uint64_t size = 0;
  for (std::string line, before; std::getline(lines, line); before = line) {
    if (before.find("/runs/") != std::string::npos && !line.empty() && isdigit(line[0])) size = std::stoull(line);
  }
  std::istringstream events(ReadText(run + "/events.jsonl"));
  std::string line;
  for (std::uint64_t i = 0; i < size; ++i) std::getline(events, line);
  if (line.find("evidence_log.v1.closing\"") != std::string::npos) return {};
  return "complete, but the newest checkpoint (" + std::to_string(size) + ") does not cover `closing`";
}

std::string Fault::WrongEvidence() const {
  using evidence::Verdict;
  for (const evidence::Report& report : Judge()) {
    if (report.verdict == Verdict::kInvalid || report.verdict == Verdict::kUsage) {
      return std::string(ToString(report.verdict)) + ": " + report.fault + "\n" + report.ToText();
    }
    if (report.verdict == Verdict::kUnanchored || report.verdict == Verdict::kContradiction) return report.ToText();
    if (report.verdict != Verdict::kVerified) continue;
    if (auto wrong = ClosingProven(report.input); !wrong.empty()) return wrong;
  }
  const std::string canary = "canary-in-the-environment";
  std::error_code error;
  for (const auto& file : fs::recursive_directory_iterator(top_, error)) {
    if (file.is_regular_file() && ReadText(file.path()).find(canary) != std::string::npos) {
      return "the secret's value stands in " + file.path().string();
    }
  }
  return {};
}

}  // namespace faults

// A mount namespace of our own, where nobody else's mounts come and go, and the descendants of whoever is killed become ours.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (unshare(CLONE_NEWNS) == 0) {
    mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    mount("faults", "/dev/shm", "tmpfs", 0, "mode=1777");
    if (access("/run/cellos", F_OK) == 0 || mkdir("/run/cellos", 0755) == 0) mount("faults", "/run/cellos", "tmpfs", 0, "mode=755");
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  return RUN_ALL_TESTS();
}
