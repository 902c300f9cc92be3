// SPDX-License-Identifier: Apache-2.0
// Sealed configuration in, fixed-size records out; whatever is not one of those ends the trust in the helper.
#include "cell/network/helper.h"

#include <errno.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "sys/file.h"
#include "sys/poll.h"
#include "sys/socket.h"

namespace cell {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kPacketBytes = wire::kMaxRecordsPerPacket * sizeof(wire::GateRecord);
constexpr int kPacketsAtOnce = 64;
constexpr std::uint32_t kRecordsPerSecond = 400'000;  // several for each of 100,000 queries
constexpr int kSocketBytes = 1 << 20;
constexpr milliseconds kOurOwnDelay{1000}, kStartLimit{5000};

base::Result<base::UniqueFd> SealedConfig(const std::string& config) {
  base::UniqueFd memory = TRY(sys::Memfd("cellos-config"));
  TRY(sys::WriteAll(memory.get(), config));
  TRY(sys::SealAll(memory.get()));
  if (::lseek(memory.get(), 0, SEEK_SET) != 0) return base::FailOs(errno, "lseek of a configuration");
  return memory;
}

std::string LastWords(const char* name, const wire::GateRecord& record) {
  const std::string where = base::Escape(record.name);
  if (record.code == 0) return fmt::format("{} ended itself: {}", name, where);
  return fmt::format("{} ended itself: {}", name, base::OsError(static_cast<int>(record.code), where).message);
}

}  // namespace

base::Result<Helper> Helper::Start(HelperOptions options) {
  Helper helper;
  helper.name_ = options.name;
  helper.clock_ = options.clock;
  helper.buffer_.resize(kPacketBytes + 1);
  const base::UniqueFd config = TRY(SealedConfig(options.config));
  auto [ours, its] = TRY(sys::SocketPair(SOCK_SEQPACKET));
  // As much as the machine lets us: a burst must not wait for the supervisor's next turn.
  for (const int end : {ours.get(), its.get()}) {
    (void)::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof kSocketBytes);
  }
  std::vector<int> descriptors = {config.get(), its.get()};
  descriptors.insert(descriptors.end(), options.descriptors.begin(), options.descriptors.end());
  helper.process_ = TRY(sandbox::StartLocked({.program = options.program,
                                              .name = options.name,
                                              .descriptors = descriptors,
                                              .host_uid = options.host_uid,
                                              .host_gid = options.host_gid,
                                              .seen_uid = options.seen_uid,
                                              .loopback = options.loopback}));
  helper.records_ = std::move(ours);
  helper.heard_ = options.clock->Boot();
  return helper;
}

base::Result<> Helper::AwaitReady(milliseconds limit, const Take& take) {
  const base::BootTime until = clock_->Boot() + limit;
  TRY(process_.AwaitProgram(limit));
  std::optional<std::uint32_t> locks;
  const Take take_ready = [&](const wire::GateRecord& record) {
    if (record.kind != wire::GateRecordKind::kReady) return take(record);
    locks = record.count;
  };
  pollfd wait = {records_.get(), POLLIN, 0};
  while (!locks) {
    const auto left = std::chrono::ceil<milliseconds>(until - clock_->Boot());
    if (left <= milliseconds(0) || TRY(sys::Poll({&wait, 1}, left)) == 0) {
      return base::Fail(base::ErrorKind::kDeadline,
                        fmt::format("{} was not ready within {} ms", name_, limit.count()));
    }
    if (auto why = Read(take_ready)) return base::Fail(base::ErrorKind::kInternal, std::move(*why));
  }
  if (*locks == wire::kLockAll) return {};
  return base::Fail(base::ErrorKind::kInternal,
                    fmt::format("{} could not lock itself: of the facts {:#x} only {:#x} hold", name_,
                                static_cast<unsigned>(wire::kLockAll), *locks));
}

std::optional<std::string> Helper::Read(const Take& take) {
  more_ = false;
  for (int packets = 0; packets < kPacketsAtOnce; ++packets) {
    const auto received = sys::RecvMsg(records_.get(), buffer_, MSG_DONTWAIT);
    if (!received && received.error().os_errno == EAGAIN) return std::nullopt;
    if (!received || received->bytes == 0) return WhyGone();
    if (received->truncated || !received->fds.empty()) return fmt::format("{} sent what is no record", name_);
    if (auto why = TakePacket(buffer_.data(), received->bytes, take)) return why;
  }
  more_ = true;
  return std::nullopt;
}

std::string Helper::WhyGone() {
  auto started = process_.AwaitProgram(kStartLimit);
  return started ? fmt::format("{} is gone", name_) : std::move(started).error().message;
}

std::optional<std::string> Helper::TakePacket(const char* bytes, std::size_t size, const Take& take) {
  if (size % sizeof(wire::GateRecord) != 0) return fmt::format("{} sent what is no record", name_);
  const base::BootTime now = clock_->Boot();
  for (std::size_t at = 0; at < size; at += sizeof(wire::GateRecord)) {
    wire::GateRecord record;
    const auto fault = wire::DecodeGateRecord(bytes + at, sizeof record, &record);
    if (fault != wire::GateRecordFault::kNone) {
      return fmt::format("{} sent a record that no honest one sends (fault {})", name_, static_cast<int>(fault));
    }
    if (!WithinRate(now)) return fmt::format("{} floods the supervisor with records", name_);
    heard_ = now;
    excused_ = false;
    if (record.kind == wire::GateRecordKind::kFailing) return LastWords(name_, record);
    take(record);
  }
  return std::nullopt;
}

bool Helper::Silent() {
  const base::BootTime late = clock_->Boot() - silent_at();
  if (late < base::BootTime{0}) return false;
  if (late < kOurOwnDelay || std::exchange(excused_, true)) return true;
  heard_ = clock_->Boot();
  return false;
}

bool Helper::WithinRate(base::BootTime now) {
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    in_second_ = 0;
  }
  return in_second_++ < kRecordsPerSecond;
}

bool Helper::Command(wire::GateCommand command) {
  return sys::SendMsg(records_.get(), {reinterpret_cast<const char*>(&command), sizeof command}, {}, MSG_DONTWAIT)
      .has_value();
}

}  // namespace cell
