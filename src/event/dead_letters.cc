// SPDX-License-Identifier: Apache-2.0
// A directory for events that a transport did not take.
#include "event/dead_letters.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/encoding.h"
#include "event/json_object.h"
#include "sys/file.h"

namespace event {
namespace {

constexpr int kMaxNames = 1000;
constexpr std::size_t kMaxIdBytes = 128;

std::string FileNameOf(std::string_view id) {
  std::string name(id.substr(0, kMaxIdBytes));
  std::ranges::replace_if(
      name, [](unsigned char c) { return !(isalnum(c) || c == '.' || c == '_' || c == '-') || c >= 0x80; }, '_');
  return name.empty() ? "_" : name;
}

base::Result<base::UniqueFd> CreateFile(int directory, const std::string& stem) {
  constexpr int kFlags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
  for (int i = 0; i < kMaxNames; ++i) {
    const std::string name = i == 0 ? stem + ".jsonl" : stem + "-" + std::to_string(i) + ".jsonl";
    auto file = sys::OpenAt(directory, name, kFlags, 0600);
    if (file || file.error().kind != base::ErrorKind::kExists) return file;
  }
  return base::Fail(base::ErrorKind::kExists, "every name for the dead letter " + stem + " is taken");
}

base::Result<> ProbeWritable(int directory) {
  const std::string name = ".cellos-dlq-probe-" + std::to_string(getpid());
  static_cast<void>(sys::UnlinkAt(directory, name));
  TRY(sys::OpenAt(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600));
  return sys::UnlinkAt(directory, name);
}

}  // namespace

base::Result<DeadLetters> DeadLetters::Open(const std::string& directory, const base::Clock& clock) {
  const std::string context = "dead-letter directory (CELLOS_DLQ_DIR) " + base::Escape(directory);
  base::UniqueFd fd = TRY_WITH(context, sys::OpenAt(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  TRY_WITH(context, ProbeWritable(fd.get()));
  return DeadLetters(std::move(fd), clock);
}

base::Result<> DeadLetters::Keep(std::string_view error, std::string_view id, std::string_view event) {
  const std::string stem = std::to_string(clock_->Wall().time_since_epoch().count()) + "-" + FileNameOf(id);
  base::UniqueFd file = TRY_WITH("dead letter", CreateFile(directory_.get(), stem));
  const std::string line = "{\"error\":" + Quoted(error) + ",\"event\":" + std::string(event) + "}\n";
  TRY_WITH("dead letter", sys::WriteAll(file.get(), line));
  TRY_WITH("dead letter", sys::Fdatasync(file.get()));
  return sys::Fsync(directory_.get());
}

}  // namespace event
