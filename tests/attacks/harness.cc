// SPDX-License-Identifier: Apache-2.0
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace attacks {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// Empty too for what vanishes while it is read, as processes do.
std::string ReadWhole(const std::string& path) {
  std::string text;
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  char buffer[1 << 16];
  for (ssize_t count; fd >= 0 && (count = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  if (fd >= 0) ::close(fd);
  return text;
}

std::string NamespaceInode(const char* kind) {
  struct stat status = {};
  ::stat((std::string("/proc/self/ns/") + kind).c_str(), &status);
  return std::to_string(status.st_ino);
}

// "pid (comm) state ppid …"
pid_t ParentOf(const std::string& pid, char* state) {
  const std::string text = ReadWhole("/proc/" + pid + "/stat");
  const auto end = text.rfind(") ");
  if (end == text.npos) return -1;
  *state = text[end + 2];
  return std::atoi(text.c_str() + end + 4);
}

// Living processes below `root`, itself not among them.
std::vector<pid_t> Below(pid_t root) {
  std::map<pid_t, pid_t> parents;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    char state = 'Z';
    const pid_t parent = ParentOf(name, &state);
    if (parent > 0 && state != 'Z') parents[std::atoi(name.c_str())] = parent;
  }
  std::vector<pid_t> found;
  for (const auto& [pid, first] : parents) {
    pid_t at = first;
    for (int depth = 0; depth < 64 && at > 1 && at != root; ++depth) {
      const auto next = parents.find(at);
      at = next == parents.end() ? 0 : next->second;
    }
    if (at == root) found.push_back(pid);
  }
  return found;
}

std::string Between(std::string_view text, std::string_view before, std::string_view after) {
  const auto start = text.find(before);
  if (start == text.npos) return {};
  const auto begin = start + before.size();
  return std::string(text.substr(begin, text.find(after, begin) - begin));
}

bool SlotIsHeld(std::string_view log) {
  const std::string map = Between(log, "\"uidMap\":\"", "\"");
  unsigned inside = 0, outside = 0;
  if (std::sscanf(map.c_str(), "%u %u", &inside, &outside) != 2 || outside < 0x70000000u) return false;
  const std::string path = "/run/cellos/uid/" + std::to_string((outside - 0x70000000u) / 4);
  const int slot = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (slot < 0) return false;
  const bool held = ::flock(slot, LOCK_SH | LOCK_NB) != 0;
  ::close(slot);
  return held;
}

std::string ControlGroupsOf(std::string_view id) {
  std::istringstream lines(ReadWhole("/proc/self/cgroup"));
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    std::string controller = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controller.starts_with("name=")) controller.erase(0, 5);
    for (const std::string& top : {"/sys/fs/cgroup/" + controller, std::string("/sys/fs/cgroup/unified")}) {
      std::error_code error;
      for (const auto& entry : fs::directory_iterator(top + path, error)) {
        if (entry.path().filename().string().find(id) != std::string::npos) found += " " + entry.path().string();
      }
    }
  }
  return found;
}

std::string Hex(std::string_view text) {
  std::string out;
  for (const unsigned char c : text) {
    out += "0123456789abcdef"[c >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

std::string Base64(std::string_view text) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i + 2 < text.size(); i += 3) {
    const unsigned v = static_cast<unsigned char>(text[i]) << 16 | static_cast<unsigned char>(text[i + 1]) << 8 |
                       static_cast<unsigned char>(text[i + 2]);
    for (int shift = 18; shift >= 0; shift -= 6) out += kDigits[v >> shift & 63];
  }
  return out;
}

bool HoldsAny(const std::string& text, std::string_view canary) {
  std::string url;
  for (const char c : canary)
    url += std::isalnum(static_cast<unsigned char>(c)) != 0 ? std::string(1, c) : "%" + Hex({&c, 1});
  const auto has = [&text](const std::string& form) { return form.size() > 7 && text.find(form) != text.npos; };
  // Base64 at each of the three offsets that the canary may have in what was coded.
  return has(std::string(canary)) || has(Hex(canary)) || has(url) || has(Base64(canary)) ||
         has(Base64(canary.substr(1))) || has(Base64(canary.substr(2)));
}

}  // namespace

std::string ToString(As who) { return who == As::kSelf ? (::getuid() == 0 ? "Root" : "Self") : "User"; }

std::vector<As> Everybody() {
  if (::getuid() == 0) return {As::kSelf, As::kUser};
  return {As::kSelf};
}

std::string Finished::Member(std::string_view name) const {
  const std::string key = "\"" + std::string(name) + "\":";
  const auto at = json.find(key);
  if (at == json.npos) return {};
  auto begin = at + key.size();
  const bool quoted = json[begin] == '"';
  if (quoted) ++begin;
  return json.substr(begin, json.find_first_of(quoted ? "\"" : ",}", begin) - begin);
}

bool Finished::Logged(std::string_view type, const Words& parts) const {
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const std::string end = std::string(type) + "\"";
    if (line.find(end) == line.npos) continue;
    if (std::all_of(parts.begin(), parts.end(),
                    [&](const std::string& part) { return line.find(part) != line.npos; })) {
      return true;
    }
  }
  return false;
}

CellTest::CellTest(As who) : who_(who) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);  // what a cell leaves behind becomes our child
  char name[] = "/tmp/cellos-attack-XXXXXX";
  top_ = ::mkdtemp(name);
  ::chmod(top_.c_str(), 0755);
  for (const char* directory : {"state", "rw"}) OwnDirectory(directory);
  fs::create_directory(top_ + "/probe");
  fs::permissions(top_ + "/probe", static_cast<fs::perms>(0755));
  fs::copy_file(CELLOS_BIN_DIR "/attack_probe", top_ + "/probe/attack_probe");
  fs::permissions(top_ + "/probe/attack_probe", static_cast<fs::perms>(0755));
  for (const char* path : {"/probe", "/probe/attack_probe"}) Own(top_ + path);
}

CellTest::~CellTest() {
  std::error_code error;
  fs::remove_all(top_, error);
}

void CellTest::Own(const std::string& path) const {
  if (who_ == As::kUser && ::lchown(path.c_str(), kOrdinaryUser, kOrdinaryUser) != 0) ADD_FAILURE() << path;
}

std::string CellTest::OwnDirectory(const std::string& name) const {
  const std::string path = top_ + "/" + name;
  fs::create_directory(path);
  fs::permissions(path, static_cast<fs::perms>(0755));
  Own(path);
  return path;
}

std::string CellTest::Write(const std::string& name, std::string_view text) const {
  const std::string path = name.starts_with('/') ? name : top_ + "/" + name;
  std::ofstream(path, std::ios::binary) << text;
  fs::permissions(path, static_cast<fs::perms>(0644));
  Own(path);
  return path;
}

std::string CellTest::Read(const std::string& path) const { return ReadWhole(path); }

Words CellTest::Runs() const {
  Words runs;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(State() + "/runs", error)) runs.push_back(entry.path());
  return runs;
}

pid_t CellTest::Spawn(const Words& words, const How& how) {
  std::ofstream(top_ + "/in", std::ios::binary) << how.input;
  const int in = ::open((top_ + "/in").c_str(), O_RDONLY | O_CLOEXEC);
  const int out = ::open((top_ + "/out").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  const int err = ::open((top_ + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(how.err >= 0 ? how.err : err, 2);
    if (::chdir(top_.c_str()) != 0) ::_exit(97);
    if (who_ == As::kUser &&
        (::setgroups(0, nullptr) != 0 || ::setresgid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0 ||
         ::setresuid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0)) {
      ::_exit(98);
    }
    ::setenv("HOME", top_.c_str(), 1);
    ::setenv("CELLOS_STATE_DIR", State().c_str(), 1);
    ::unsetenv("CELLOS_CONFIG");
    for (const std::string& variable : how.environment) ::putenv(const_cast<char*>(variable.c_str()));
    std::vector<char*> argv = {const_cast<char*>("cellos")};
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execv(program_.c_str(), argv.data());
    ::_exit(99);
  }
  for (const int fd : {in, out, err}) ::close(fd);
  return child;
}

Finished CellTest::Collect(pid_t child, const How& how, steady_clock::time_point began) {
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(child, &status, WNOHANG)) == 0 && steady_clock::now() < began + how.deadline) {
    std::this_thread::sleep_for(milliseconds(2));
  }
  Finished finished;
  finished.took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - began);
  if (ended == 0) {
    ADD_FAILURE() << "cellos still runs at its deadline";
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
  }
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  finished.out = ReadWhole(top_ + "/out");
  finished.err = ReadWhole(top_ + "/err");
  std::ofstream(top_ + "/streams", std::ios::app | std::ios::binary) << finished.out << '\n' << finished.err << '\n';
  return finished;
}

Finished CellTest::Cellos(const Words& words, const How& how) {
  const auto began = steady_clock::now();
  return Collect(Spawn(words, how), how, began);
}

Started CellTest::Start(const Words& command, const How& how) {
  Started started{.id = "atk" + std::to_string(::getpid()) + "x" + std::to_string(++next_),
                  .began = steady_clock::now()};
  Words words = {"run", "--json"};
  if (std::find(how.options.begin(), how.options.end(), "--spec") == how.options.end() &&
      std::find(how.options.begin(), how.options.end(), "--id") == how.options.end()) {
    words.insert(words.end(), {"--id", started.id});
  }
  words.insert(words.end(), how.options.begin(), how.options.end());
  if (!command.empty()) words.push_back("--");
  words.insert(words.end(), command.begin(), command.end());
  started.pid = Spawn(words, how);
  return started;
}

Finished CellTest::Wait(const Started& started, const How& how) {
  Finished finished = Collect(started.pid, how, started.began);
  const auto json = finished.out.rfind("{\"runId\":");
  if (json != finished.out.npos) {
    finished.json = finished.out.substr(json);
    finished.out.resize(json);
  }
  finished.directory = finished.Member("dir");
  if (!finished.directory.empty()) finished.log = ReadWhole(finished.directory + "/events.jsonl");
  EXPECT_EQ(LeftOvers(started.id, finished.log), "") << finished.err;
  if (how.verify && !finished.directory.empty()) {
    const Finished verified = Cellos({"verify", fs::path(finished.directory).filename()});
    EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
  }
  return finished;
}

Finished CellTest::Run(const Words& command, const How& how) { return Wait(Start(command, how), how); }

Words CellTest::ProbeGrants() const { return {"--ro", top_ + "/probe:/attack", "--rw", Rw() + ":/attack-rw"}; }

Words CellTest::ProbeCommand(const Words& what) const {
  Words command = {"/attack/attack_probe", NamespaceInode("mnt"), NamespaceInode("pid"), NamespaceInode("net")};
  command.insert(command.end(), what.begin(), what.end());
  return command;
}

Finished CellTest::Probe(const Words& what, How how) {
  const Words grants = ProbeGrants();
  how.options.insert(how.options.end(), grants.begin(), grants.end());
  Finished finished = Run(ProbeCommand(what), how);
  EXPECT_NE(finished.status, 99) << "the probe is not in a cell";
  return finished;
}

bool CellTest::WaitForOutput(std::string_view text) const {
  for (int i = 0; i < 10000; ++i) {
    if (ReadWhole(top_ + "/out").find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return false;
}

std::vector<pid_t> CellTest::Descendants() const { return Below(::getpid()); }

std::string CellTest::LeftOvers(std::string_view id, std::string_view log, milliseconds patience) const {
  std::string left;
  // A killed process takes its moment to go.
  for (const auto end = steady_clock::now() + patience;;) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    left.clear();
    const auto processes = Below(::getpid());
    if (!processes.empty()) left += "processes, the first " + std::to_string(processes[0]) + "; ";
    if (const std::string groups = ControlGroupsOf(id); !groups.empty()) left += "control groups" + groups + "; ";
    if (SlotIsHeld(log)) left += "the ids' slot; ";
    std::error_code error;
    if (fs::exists(State() + "/live") && !fs::is_empty(State() + "/live", error)) left += "a live entry; ";
    const std::string mounts = ReadWhole("/proc/self/mountinfo");
    if (mounts.find(top_) != mounts.npos || mounts.find("nsfs") != mounts.npos) left += "mounts; ";
    if (left.empty() || steady_clock::now() >= end) return left;
    std::this_thread::sleep_for(milliseconds(2));
  }
}

Words CellTest::Holding(std::string_view canary) const {
  Words holding;
  if (HoldsAny(ReadWhole(top_ + "/streams"), canary)) holding.push_back(top_ + "/streams");
  for (const auto& entry : fs::recursive_directory_iterator(State())) {
    if (HoldsAny(entry.path().string(), canary)) holding.push_back(entry.path());
    if (entry.is_regular_file() && HoldsAny(ReadWhole(entry.path()), canary)) holding.push_back(entry.path());
  }
  return holding;
}

Answers ParseAnswers(std::string_view output) {
  Answers answers;
  std::istringstream lines{std::string(output)};
  for (std::string name, answer; lines >> name >> answer;) answers[name] = answer;
  return answers;
}

testing::AssertionResult Refused(const Answers& answers, std::string_view row, const Words& errors) {
  int attempts = 0;
  std::string wrong;
  for (const auto& [name, answer] : answers) {
    if (!name.starts_with(std::string(row) + ".")) continue;
    ++attempts;
    const bool twin = name.find(".twin_") != name.npos;
    const bool right = twin ? answer == "allowed" : std::find(errors.begin(), errors.end(), answer) != errors.end();
    if (!right) wrong += name + ": " + answer + "\n";
  }
  if (attempts == 0) return testing::AssertionFailure() << "no attempt of " << row << " was made";
  return wrong.empty() ? testing::AssertionSuccess() : testing::AssertionFailure() << wrong;
}

Answers Unconfined(std::string_view group) {
  const std::string command =
      "timeout -s KILL 20 unshare --kill-child --user --map-root-user --mount --pid --net --ipc --uts --fork "
      "--mount-proc " CELLOS_BIN_DIR "/attack_probe " +
      NamespaceInode("mnt") + " " + NamespaceInode("pid") + " " + NamespaceInode("net") + " " + std::string(group) +
      " 2>&1";
  std::string output;
  FILE* pipe = ::popen(command.c_str(), "r");
  char buffer[4096];
  for (std::size_t count; pipe != nullptr && (count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    output.append(buffer, count);
  if (pipe == nullptr || ::pclose(pipe) != 0) return {};
  return ParseAnswers(output);
}

std::string Sha256Of(const std::string& path) {
  std::string output(64, 0);
  FILE* pipe = ::popen(("sha256sum < '" + path + "'").c_str(), "r");
  if (pipe == nullptr) return {};
  output.resize(std::fread(output.data(), 1, output.size(), pipe));
  ::pclose(pipe);
  return output;
}

}  // namespace attacks
