// SPDX-License-Identifier: Apache-2.0
// cellos watch: follows the log of a run, running or finished, until it ends or the caller does.
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/request.h"
#include "cli/signals.h"
#include "cli/subject.h"
#include "cli/watch_view.h"
#include "event/run_log.h"
#include "sys/file.h"

namespace cli {
namespace {

constexpr int kLookMs = 200;
constexpr std::size_t kChunk = 256 * 1024;
constexpr std::string_view kEnterScreen = "\x1b[?1049h\x1b[?25l", kLeaveScreen = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kTopLeft = "\x1b[H", kClearLine = "\x1b[K", kClearBelow = "\x1b[J";

// Lines of a file that grows. A line longer than any leaf is given cut, and is no event then.
class Follower {
 public:
  explicit Follower(base::UniqueFd file) : file_(std::move(file)) {}

  // Hands every complete line that is there to `take`; true when there was one.
  template <class Take>
  base::Result<bool> Read(Take take) {
    bool any = false;
    for (;;) {
      const std::size_t before = rest_.size();
      rest_.resize(before + kChunk);
      auto count = sys::ReadFull(file_.get(), std::span(rest_).subspan(before));
      rest_.resize(before + (count ? *count : 0));
      if (!count) return std::unexpected(std::move(count).error());
      std::size_t begin = 0;
      for (auto end = rest_.find('\n', before); end != std::string::npos; end = rest_.find('\n', begin)) {
        take(std::string_view(rest_).substr(begin, end - begin));
        begin = end + 1;
        any = true;
      }
      rest_.erase(0, begin);
      if (rest_.size() > 2 * event::kMaxLeafBytes) rest_.resize(event::kMaxLeafBytes);
      if (*count < kChunk) return any;
    }
  }

 private:
  base::UniqueFd file_;
  std::string rest_;
};

ScreenSize SizeOf(int fd) {
  winsize size = {};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

// One screen over the last: no flicker, nothing of the old one left.
std::string Frame(const WatchModel& model) {
  ScreenSize size = SizeOf(STDOUT_FILENO);
  if (size.rows > 1) --size.rows;  // a line feed in the last row would scroll
  const std::string screen = RenderScreen(model, size);
  std::string out(kTopLeft);
  for (const char c : screen) {
    if (c == '\n') out += kClearLine;
    out += c;
  }
  return out.append(kClearBelow);
}

class Watcher {
 public:
  Watcher(base::UniqueFd file, base::UniqueFd directory, int signals)
      : follower_(std::move(file)), directory_(std::move(directory)), signals_(signals), screen_(IsTerminal(STDOUT_FILENO)) {}

  int Run() {
    if (screen_) PrintOut(kEnterScreen);
    const int status = Follow();
    if (screen_) {
      PrintOut(kLeaveScreen);
      PrintOut(RenderScreen(model_, SizeOf(STDOUT_FILENO)));
    }
    return status;
  }

 private:
  int Follow() {
    bool first = true;
    for (;;) {
      // Asked before the last lines are read: a run that is over now writes no more.
      const bool over = Over();
      const auto read = follower_.Read([this](std::string_view line) { Take(line); });
      if (!read) return Fail(read.error());
      if (lost_) return kFailed;
      if (screen_ && (*read || first) && !PrintOut(Frame(model_))) return kFailed;
      first = false;
      if (over || model_.ended()) return kOk;
      pollfd wait = {signals_, POLLIN, 0};
      if (::poll(&wait, 1, kLookMs) <= 0) continue;
      char signal = 0;
      if (::read(signals_, &signal, 1) == 1 && signal != SIGWINCH) return kOk;
      first = true;
    }
  }

  // Sealed; a run that was cut has no `closing`.
  bool Over() const { return ::faccessat(directory_.get(), "seal.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

  void Take(std::string_view line) {
    const auto event = model_.Add(line);
    if (event && !screen_ && !PrintOut(RenderLine(*event))) lost_ = true;
  }

  Follower follower_;
  base::UniqueFd directory_;
  int signals_;
  const bool screen_;
  bool lost_ = false;
  WatchModel model_;
};

}  // namespace

int Watch(const Options& options) {
  const auto subject = FindSubject(options);
  if (!subject) {
    PrintError(subject.error().message);
    return subject.error().status;
  }
  auto directory = sys::OpenAt(AT_FDCWD, subject->path, O_RDONLY | O_DIRECTORY);
  if (!directory) return Fail(std::move(directory).error().With("cellos watch follows the directory of a run"));
  auto file = sys::OpenAt2(directory->get(), "events.jsonl", O_RDONLY | O_NONBLOCK, 0, sys::kBeneath);
  if (!file) return Fail(file.error());
  const auto signals = RouteSignals();
  if (!signals) return Fail(signals.error());
  return Watcher(std::move(*file), std::move(*directory), *signals).Run();
}

}  // namespace cli
