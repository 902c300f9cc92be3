// SPDX-License-Identifier: Apache-2.0
// What the tests of a gate's supervisor share: a clock that stands still, and the reins of tests/probes/gate_puppet.cc.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "sys/file.h"
#include "wire/gate_record.h"

namespace cell::test {

class StillClock final : public base::Clock {
 public:
  base::BootTime Boot() const override { return boot; }
  base::WallTime Wall() const override {
    return base::WallTime(std::chrono::milliseconds(1'700'000'000'000)) +
           std::chrono::duration_cast<std::chrono::milliseconds>(boot);
  }
  base::BootTime boot = std::chrono::seconds(1000);
};

inline base::Result<base::UniqueFd> OpenPuppet() {
  return sys::OpenAt(AT_FDCWD, CELLOS_BIN_DIR "/gate_puppet", O_RDONLY | O_CLOEXEC);
}
// An identity for a helper, and whether it comes from the range that root gives out.
inline bool ByRoot() { return ::geteuid() == 0; }
inline std::uint32_t HelperUid() { return ByRoot() ? 0x6f000001 : ::geteuid(); }
inline std::uint32_t HelperGid() { return ByRoot() ? 0x6f000001 : ::getegid(); }

template <class T>
std::string Bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// One order returns once it is obeyed: what the puppet sent lies in its reader's socket.
class Reins {
 public:
  Reins() = default;
  explicit Reins(base::UniqueFd socket) : socket_(std::move(socket)) {}

  void Order(std::string_view order) {
    ASSERT_EQ(::send(socket_.get(), order.data(), order.size(), MSG_NOSIGNAL), static_cast<ssize_t>(order.size()));
  }
  void Tell(const wire::GateRecord& record) { Do("r" + Bytes(record)); }
  void Do(const std::string& order) {
    Order(order);
    ASSERT_EQ(Hear(), ".");
  }
  // What it says next; empty once it has ended.
  std::string Hear() {
    char bytes[64];
    const ssize_t size = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    return size <= 0 ? std::string() : std::string(bytes, static_cast<std::size_t>(size));
  }
  // Ends it, and waits until it did.
  void End() {
    Order("x");
    EXPECT_EQ(Hear(), "");
  }

 private:
  base::UniqueFd socket_;
};

inline wire::GateRecord Ready(std::uint32_t locks = wire::kLockAll) {
  return {.kind = wire::GateRecordKind::kReady, .count = locks};
}
inline wire::GateRecord Denied(std::uint64_t id, const char* name) {
  wire::GateRecord record{.kind = wire::GateRecordKind::kDnsQuery, .reason = wire::GateReason::kDeniedNotInAllowlist, .id = id};
  record.rule.kind = wire::RuleKind::kDefault;
  record.type = 1;
  strncpy(record.name, name, sizeof record.name - 1);
  return record;
}

}  // namespace cell::test
