// SPDX-License-Identifier: Apache-2.0
// The state directory: runs/ (evidence), live/ (one entry per running cell), keys/, log/.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cell {

// The open directory of one run.
struct RunDirectory {
  std::string run_id;
  std::string path;
  base::UniqueFd fd;
};

enum class OpenMode : std::uint8_t {
  kCreate,    // makes what is missing, 0700
  kExisting,  // kNotFound when the state directory is not there; makes nothing
};

// Move-only. Every directory is owned by the caller (or root) and not writable by group or others, else kDenied.
class StateDir {
 public:
  static base::Result<StateDir> Open(std::string path, OpenMode mode);

  const std::string& path() const { return path_; }
  int root() const { return root_.get(); }
  int live() const { return live_.get(); }
  int runs() const { return runs_.get(); }
  std::string KeysPath() const { return path_ + "/keys"; }
  std::string LogPath() const { return path_ + "/log"; }

  // runs/<run id>, new and 0700: kExists when a run of this id has been there already.
  base::Result<RunDirectory> CreateRun(std::string_view run_id) const;
  // kNotFound when there is no such run, kInvalid when `run_id` can't be one.
  base::Result<RunDirectory> OpenRun(std::string_view run_id) const;
  // Ids of all runs, sorted. Entries that can't be runs are left out.
  base::Result<std::vector<std::string>> ListRuns() const;
  // True while a supervisor holds the live entry of `run_id`.
  bool IsLive(std::string_view run_id) const;

 private:
  StateDir() = default;
  std::string path_;
  base::UniqueFd root_, runs_, live_;
};

// The default place: root /var/lib/cellos, else $XDG_STATE_HOME/cellos or $HOME/.local/state/cellos. kInvalid when an
// ordinary user has neither variable. `environment` is getenv-like.
base::Result<std::string> DefaultStatePath(std::uint32_t uid, const std::function<const char*(const char*)>& environment);

// The default places of root and of an ordinary user with this environment, whoever the caller is.
std::vector<std::string> UsualStatePaths(const std::function<const char*(const char*)>& environment);

}  // namespace cell
