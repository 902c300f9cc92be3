// SPDX-License-Identifier: Apache-2.0
// A locked helper of one cell as the supervisor holds it: started, heard, commanded, watched, ended.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/locked_process.h"
#include "wire/gate_record.h"

namespace cell {

struct HelperOptions {
  const char* name = "";                       // static storage
  int program = -1;                            // not owned
  std::string config;                          // put into sealed memory, descriptor 3
  std::vector<int> descriptors;                // 5, 6, …; -1: /dev/null. Not owned. 4 is the records socket
  std::uint32_t host_uid = 0, host_gid = 0;
  std::optional<std::uint32_t> seen_uid;
  bool loopback = false;
  const base::Clock* clock = nullptr;          // not owned
};

// Sends no record for so long: it is wedged or stopped.
inline constexpr std::chrono::milliseconds kHelperSilence{3000};

// Destroying it kills and reaps the process. Used by one thread.
class Helper {
 public:
  // Returns while the process still starts; AwaitReady or Read tells how that went.
  static base::Result<Helper> Start(HelperOptions options);

  using Take = std::function<void(const wire::GateRecord&)>;

  // Waits for its program and its kReady with every fact of GateLock in force; other records go to `take`. The error says
  // what it came to instead: the step of its start that failed, its own last words, its end, or the deadline.
  base::Result<> AwaitReady(std::chrono::milliseconds limit, const Take& take);

  int records_fd() const { return records_.get(); }  // poll for reading, then Read
  int pidfd() const { return process_.pidfd(); }     // readable once it ended
  pid_t pid() const { return process_.pid(); }

  // Gives what waits to `take`, a bounded number of records. nullopt: all is well; else why it can't be relied on any more
  // (gone, malformed records, more of them than an honest one sends, its own last words).
  std::optional<std::string> Read(const Take& take);
  // Whether Read left something behind.
  bool more() const { return more_; }
  // When it counts as silent; Read moves it.
  base::BootTime silent_at() const { return heard_ + kHelperSilence; }
  base::BootTime heard() const { return heard_; }
  // Whether that moment has passed; ask after Read. When we ourselves come much too late (a machine that slept), it is
  // given its time once more.
  bool Silent();
  bool Command(wire::GateCommand command);
  bool End(std::chrono::milliseconds deadline) { return process_.End(deadline); }

 private:
  std::string WhyGone();
  std::optional<std::string> TakePacket(const char* bytes, std::size_t size, const Take& take);
  bool WithinRate(base::BootTime now);

  const char* name_ = "";
  const base::Clock* clock_ = nullptr;  // not owned
  sandbox::LockedProcess process_;
  base::UniqueFd records_;
  base::BootTime heard_{0}, second_began_{0};
  std::uint32_t in_second_ = 0;
  bool more_ = false, excused_ = false;
  std::vector<char> buffer_;
};

}  // namespace cell
