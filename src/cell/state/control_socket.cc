// SPDX-License-Identifier: Apache-2.0
// The control socket: who may connect is decided by the directory's mode and checked again by the peer's uid.
#include "cell/state/control_socket.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "cell/state/live_entry.h"
#include "cell/state/run_id.h"
#include "sys/file.h"
#include "sys/poll.h"
#include "sys/process.h"
#include "sys/socket.h"

namespace cell {
namespace {

constexpr const char* kSocketName = "control";
constexpr int kBacklog = 4;
constexpr std::chrono::milliseconds kPollInterval{5};

// True when the process that the entry names has ended. Where that can't be told it may live: false.
bool SupervisorIsGone(int entry) {
  const auto anchor = ReadAnchor(entry);
  if (!anchor || anchor->supervisor.pid == 0) return false;
  const auto process = sys::PidfdOpen(anchor->supervisor.pid);
  if (!process) return process.error().kind == base::ErrorKind::kNotFound;
  // The descriptor names one process; only now is it sure which.
  const auto now = IdentityOf(anchor->supervisor.pid);
  if (!now) return now.error().kind == base::ErrorKind::kNotFound;
  if (now->start_time != anchor->supervisor.start_time) return true;
  return sys::WaitEnd(process->get(), std::chrono::milliseconds(0)).value_or(false);
}

}  // namespace

base::Result<ControlSocket> ControlSocket::Listen(const LiveEntry& entry) {
  ControlSocket socket;
  socket.listener_ = TRY_WITH("make the control socket", sys::ListenUnix(entry.directory(), kSocketName, kBacklog, 0600));
  TRY_WITH("make the control socket", sys::SetNonblocking(socket.fd()));
  return socket;
}

base::Result<std::optional<StopRequest>> ControlSocket::Accept() {
  for (;;) {
    const auto peer = TRY(sys::Accept(fd()));
    if (!peer) return std::nullopt;
    const auto credentials = sys::PeerCredentials(peer->get());
    if (!credentials || (credentials->uid != ::geteuid() && credentials->uid != 0)) continue;
    return StopRequest{credentials->pid, credentials->uid};
  }
}

base::Result<StopResult> RequestStop(const StateDir& state, std::string_view run_id, std::chrono::milliseconds deadline) {
  const auto quoted = "\"" + base::Escape(run_id) + "\"";
  if (!IsRunId(run_id)) return base::Fail(base::ErrorKind::kInvalid, quoted + " is no run id");
  auto entry = sys::OpenAt(state.live(), std::string(run_id), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!entry && entry.error().kind == base::ErrorKind::kNotFound) return StopResult::kNotLive;
  const base::UniqueFd owner = TRY(std::move(entry));
  const int directory = owner.get();
  if (TRY(sys::TryFlock(directory, sys::Lock::kShared))) return StopResult::kNotLive;
  auto connection = sys::ConnectUnix(directory, kSocketName);
  const auto end = base::SystemClock().Boot() + deadline;
  // The lock, not the answer, tells the end: it is released after the seal, or by the supervisor's death.
  while (!TRY(sys::TryFlock(directory, sys::Lock::kShared))) {
    // The socket comes a moment after the entry and goes a moment before it.
    if (!connection) connection = sys::ConnectUnix(directory, kSocketName);
    if (!connection && SupervisorIsGone(directory)) {
      return base::Fail(base::ErrorKind::kUnavailable,
                        "the supervisor of " + quoted + " is gone and somebody else holds its live entry, as cellos gc does "
                        "while it cleans up; look again with cellos ls");
    }
    if (base::SystemClock().Boot() > end) {
      if (!connection) return std::unexpected(base::Error(connection.error()).With("reach the supervisor of " + quoted));
      return base::Fail(base::ErrorKind::kDeadline, "the supervisor of " + quoted + " was asked to stop, but still runs");
    }
    TRY(sys::Poll({}, kPollInterval));
  }
  return StopResult::kEnded;
}

}  // namespace cell
