// SPDX-License-Identifier: Apache-2.0
// Who connects is judged by what the kernel says of the peer.
#include "cell/telemetry/vsock_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"
#include "sys/file.h"
#include "sys/inet.h"
#include "sys/socket.h"

namespace cell {
namespace {

constexpr int kBacklog = 8;
constexpr mode_t kSocketMode = 0600, kOthers = 0077;

}  // namespace

base::Result<VsockSocket> VsockSocket::Listen(int directory, std::string_view base) {
  struct stat facts = {};
  if (::fstat(directory, &facts) != 0) return base::FailOs(errno, "fstat of the directory of the vsock sockets");
  if ((facts.st_mode & kOthers) != 0 || facts.st_uid != ::geteuid()) {
    return base::Fail(base::ErrorKind::kDenied,
                      "the directory of the vsock sockets must be ours with mode 0700: whoever reaches the socket would "
                      "speak for the cell");
  }
  const std::string name = fmt::format("{}_{}", base, kTelemetryVsockPort);
  base::UniqueFd listener =
      TRY_WITH("listening on " + base::Escape(name), sys::ListenUnix(directory, name, kBacklog, kSocketMode));
  TRY(sys::SetNonBlocking(listener.get()));
  return VsockSocket(std::move(listener));
}

base::Result<> VsockSocket::Serve(int gate_frames) {
  while (true) {
    const auto accepted = TRY(sys::Accept(listener_.get()));
    if (!accepted) return {};
    const auto peer = sys::PeerCredentials(accepted->get());
    if (!peer || vmm_.pid == 0 || peer->pid != vmm_.pid || peer->uid != vmm_.uid) {
      ++impostors_;
      continue;
    }
    const int passed[] = {accepted->get()};
    TRY_WITH("passing a stream to the gate", sys::SendMsg(gate_frames, "s", passed, MSG_DONTWAIT));
    ++passed_;
  }
}

}  // namespace cell
