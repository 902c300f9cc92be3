// SPDX-License-Identifier: Apache-2.0
// Opening the state directory, with the checks that keep another user's hands out of it.
#include "cell/state/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/encoding.h"
#include "cell/state/run_id.h"
#include "sys/file.h"

namespace cell {
namespace {

constexpr mode_t kPrivate = 0700;
constexpr std::size_t kMaxRuns = 1'000'000;

std::string Quoted(std::string_view text) { return "\"" + base::Escape(text) + "\""; }

base::Result<base::UniqueFd> OpenDirectory(int parent, const std::string& name) {
  return sys::OpenAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

// Whoever can write here could plant logs, anchors or keys.
base::Result<> CheckOwner(int directory, const std::string& path) {
  const auto status = TRY(sys::Fstat(directory));
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return base::Fail(base::ErrorKind::kDenied, "state directory " + Quoted(path) + " belongs to user " +
                                                    std::to_string(status.st_uid) +
                                                    "; it must be yours: name another one with --state-dir");
  }
  if ((status.st_mode & 022) != 0) {
    return base::Fail(base::ErrorKind::kDenied,
                      "state directory " + Quoted(path) + " can be written by others; chmod go-w " + Quoted(path));
  }
  return {};
}

// mkdir -p for the way to the state directory; what exists is left as it is.
base::Result<> MakeParents(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != path.npos; slash = path.find('/', slash + 1)) {
    auto made = sys::MkdirAt(AT_FDCWD, path.substr(0, slash), kPrivate);
    if (!made && made.error().os_errno != EEXIST) return made;
  }
  return {};
}

base::Result<base::UniqueFd> OpenOrMake(int parent, const std::string& name, OpenMode mode) {
  auto directory = OpenDirectory(parent, name);
  if (directory || mode == OpenMode::kExisting || directory.error().os_errno != ENOENT) return directory;
  auto made = sys::MkdirAt(parent, name, kPrivate);
  // Another start may have made it meanwhile.
  if (!made && made.error().os_errno != EEXIST) return std::unexpected(std::move(made).error());
  return OpenDirectory(parent, name);
}

base::Result<base::UniqueFd> OpenRoot(const std::string& path, OpenMode mode) {
  // The last component may be a link that the owner made: its target is judged like a directory given by name.
  auto open = [&] { return sys::OpenAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY); };
  auto root = open();
  if (root || mode == OpenMode::kExisting || root.error().os_errno != ENOENT) return root;
  TRY(MakeParents(path));
  auto made = sys::MkdirAt(AT_FDCWD, path, kPrivate);
  if (!made && made.error().os_errno != EEXIST) return std::unexpected(std::move(made).error());
  return open();
}

std::string Absolute(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path.starts_with('/')) return path;
  char* directory = ::get_current_dir_name();
  const std::string here = directory != nullptr ? directory : ".";
  ::free(directory);
  return here + "/" + path;
}

using Environment = std::function<const char*(const char*)>;

constexpr std::string_view kStateOfRoot = "/var/lib/cellos";

// The first is the default.
std::vector<std::string> StatePathsOfUser(const Environment& environment) {
  std::vector<std::string> paths;
  const auto add = [&](const char* name, std::string_view below) {
    const char* value = environment(name);
    if (value != nullptr && *value == '/') paths.push_back(std::string(value).append(below));
  };
  add("XDG_STATE_HOME", "/cellos");
  add("HOME", "/.local/state/cellos");
  return paths;
}

}  // namespace

base::Result<StateDir> StateDir::Open(std::string path, OpenMode mode) {
  if (path.empty() || path.find('\0') != path.npos) {
    return base::Fail(base::ErrorKind::kInvalid, "the state directory must be named by a path (--state-dir)");
  }
  StateDir state;
  state.path_ = Absolute(std::move(path));
  const auto context = "open state directory " + Quoted(state.path_);
  state.root_ = TRY_WITH(context, OpenRoot(state.path_, mode));
  TRY(CheckOwner(state.root_.get(), state.path_));
  state.runs_ = TRY_WITH(context, OpenOrMake(state.root(), "runs", mode));
  state.live_ = TRY_WITH(context, OpenOrMake(state.root(), "live", mode));
  TRY(CheckOwner(state.runs(), state.path_ + "/runs"));
  TRY(CheckOwner(state.live(), state.path_ + "/live"));
  return state;
}

base::Result<RunDirectory> StateDir::CreateRun(std::string_view run_id) const {
  RunDirectory run{.run_id = std::string(run_id), .path = path_ + "/runs/" + std::string(run_id)};
  if (!IsRunId(run_id)) {
    return base::Fail(base::ErrorKind::kInvalid, Quoted(run_id) + " is no run id: allowed are 1 to 128 of A-Z a-z 0-9 "
                                                                  ". _ -, the first a letter or digit");
  }
  if (auto made = sys::MkdirAt(runs(), run.run_id, kPrivate); !made) {
    if (made.error().os_errno == EEXIST) {
      return base::Fail(base::ErrorKind::kExists, "a run " + Quoted(run_id) + " exists already in " + Quoted(path_) +
                                                      "; its evidence is never written over: choose another run id");
    }
    return std::unexpected(std::move(made).error().With("make the directory of run " + Quoted(run_id)));
  }
  auto opened = OpenDirectory(runs(), run.run_id);
  if (!opened) {
    (void)sys::UnlinkAt(runs(), run.run_id, AT_REMOVEDIR);
    return std::unexpected(std::move(opened).error());
  }
  run.fd = std::move(*opened);
  return run;
}

base::Result<RunDirectory> StateDir::OpenRun(std::string_view run_id) const {
  if (!IsRunId(run_id)) return base::Fail(base::ErrorKind::kInvalid, Quoted(run_id) + " is no run id");
  RunDirectory run{.run_id = std::string(run_id), .path = path_ + "/runs/" + std::string(run_id)};
  auto directory = OpenDirectory(runs(), run.run_id);
  if (!directory && directory.error().os_errno == ENOENT) {
    return base::Fail(base::ErrorKind::kNotFound,
                      "there is no run " + Quoted(run_id) + " in " + Quoted(path_) + "; cellos ls shows those that are");
  }
  run.fd = TRY(std::move(directory));
  return run;
}

base::Result<std::vector<std::string>> StateDir::ListRuns() const {
  std::vector<std::string> ids;
  bool too_many = false;
  TRY(sys::ForEachEntry(runs(), [&](const sys::DirectoryEntry& entry) {
    if (IsRunId(entry.name)) ids.push_back(entry.name);
    too_many = ids.size() > kMaxRuns;
    return !too_many;
  }));
  if (too_many) return base::Fail(base::ErrorKind::kLimit, "more than a million runs in " + Quoted(path_) + "/runs");
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool StateDir::IsLive(std::string_view run_id) const {
  if (!IsRunId(run_id)) return false;
  auto entry = OpenDirectory(live(), std::string(run_id));
  if (!entry) return false;
  auto locked = sys::TryFlock(entry->get(), sys::Lock::kShared);
  return locked && !*locked;
}

base::Result<std::string> DefaultStatePath(std::uint32_t uid, const Environment& environment) {
  if (uid == 0) return std::string(kStateOfRoot);
  if (auto paths = StatePathsOfUser(environment); !paths.empty()) return std::move(paths.front());
  return base::Fail(base::ErrorKind::kInvalid,
                    "no state directory: neither XDG_STATE_HOME nor HOME is an absolute path; name one with "
                    "--state-dir or CELLOS_STATE_DIR");
}

std::vector<std::string> UsualStatePaths(const Environment& environment) {
  std::vector<std::string> paths = StatePathsOfUser(environment);
  paths.emplace_back(kStateOfRoot);
  return paths;
}

}  // namespace cell
