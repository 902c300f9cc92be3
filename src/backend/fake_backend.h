// SPDX-License-Identifier: Apache-2.0
// The lying twin of a backend for tests: a cell that is a script of events, without any process.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/backend.h"

namespace backend {

// Plays `script`: each ReadEvent gives the next event. Calls are noted in `calls`, in order, for the test to read.
class FakeCell : public LiveCell {
 public:
  struct Script {
    std::deque<sandbox::CellEvent> events;
    bool oom_killed = false;
    bool kill_fails = false;
    std::vector<std::string> leftovers;
    // Called on Signal; may push further events.
    std::function<void(FakeCell&, int)> on_signal;
  };
  FakeCell(Script script, std::vector<std::string>* calls)
      : script_(std::move(script)), calls_(calls), ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!script_.events.empty()) Ring();
  }

  void Push(sandbox::CellEvent event) {
    script_.events.push_back(event);
    Ring();
  }
  void Ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(ready_.get(), &one, sizeof one);
  }

  const sandbox::EffectiveControls& controls() const override { return controls_; }
  base::UniqueFd TakeTerminal() override { return {}; }
  base::Result<> OpenBarrier(std::span<const std::string_view>) override { return Note("barrier"); }
  int event_fd() const override { return ready_.get(); }
  base::Result<std::optional<sandbox::CellEvent>> ReadEvent() override {
    if (script_.events.empty()) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto taken = ::read(ready_.get(), &count, sizeof count);
      return std::nullopt;
    }
    const sandbox::CellEvent event = script_.events.front();
    script_.events.pop_front();
    return event;
  }
  int oom_fd() const override { return -1; }
  base::Result<bool> OomKilled() override { return script_.oom_killed; }
  base::Result<> Signal(int signal) override {
    TRY(Note("signal " + std::to_string(signal)));
    if (script_.on_signal) script_.on_signal(*this, signal);
    return {};
  }
  base::Result<> Kill(std::chrono::milliseconds) override {
    TRY(Note("kill"));
    if (script_.kill_fails) return base::Fail(base::ErrorKind::kDeadline, "the cell would not die");
    return {};
  }
  pid_t workload_pid() const override { return 0; }
  int root_directory() const override { return -1; }
  std::string probe_path() const override { return {}; }
  base::Result<cgroup::Leaf::Usage> ReadUsage() const override { return cgroup::Leaf::Usage{}; }
  std::vector<std::string> Destroy(std::chrono::milliseconds) override {
    (void)Note("destroy");
    return script_.leftovers;
  }

 private:
  base::Result<> Note(std::string call) {
    calls_->push_back(std::move(call));
    return {};
  }
  Script script_;
  std::vector<std::string>* calls_;  // not owned
  base::UniqueFd ready_;
  sandbox::EffectiveControls controls_;
};

}  // namespace backend
