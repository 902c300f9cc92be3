// SPDX-License-Identifier: Apache-2.0
// One small file per subject: the starts of the last hour, one decimal number of seconds a line.
#include "cell/start_counter.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <vector>

#include "crypto/sha256.h"
#include "sys/file.h"

namespace cell {
namespace {

constexpr std::int64_t kWindowSeconds = 3600;
constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr int kLockTries = 200;  // 10 ms apart

std::vector<std::int64_t> StartsSince(std::string_view text, std::int64_t oldest) {
  std::vector<std::int64_t> starts;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::int64_t at = 0;
    if (end == std::string_view::npos) break;  // torn by a crash
    if (std::from_chars(text.data(), text.data() + end, at).ec == std::errc() && at > oldest) starts.push_back(at);
    text.remove_prefix(end + 1);
  }
  return starts;
}

base::Result<> LockWithin(int fd) {
  for (int i = 0; i < kLockTries; ++i) {
    if (TRY(sys::TryFlock(fd, sys::Lock::kExclusive))) return {};
    ::usleep(10'000);
  }
  return base::Fail(base::ErrorKind::kDeadline, "the counter of starts stayed locked for 2 s");
}

}  // namespace

base::Result<std::uint32_t> CountStart(const StateDir& state, std::string_view subject, std::uint32_t limit,
                                       base::WallTime now) {
  const std::string name = "starts-" + crypto::Hex(crypto::Sha256Of(subject)).substr(0, 32);
  const base::UniqueFd file =
      TRY(sys::OpenAt(state.root(), name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  TRY(LockWithin(file.get()));
  const std::int64_t seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  std::vector<std::int64_t> starts = StartsSince(TRY(sys::ReadAll(file.get(), kMaxFileBytes)), seconds - kWindowSeconds);
  const auto before = static_cast<std::uint32_t>(starts.size());
  if (before >= limit) return before;
  starts.push_back(seconds);
  std::string text;
  for (const std::int64_t at : starts) text += std::to_string(at) + "\n";
  TRY(sys::WriteAllAt(file.get(), text, 0));
  TRY(sys::Ftruncate(file.get(), text.size()));
  return before;
}

}  // namespace cell
