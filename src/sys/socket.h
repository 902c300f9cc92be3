// SPDX-License-Identifier: Apache-2.0
// Local sockets: pairs, messages with descriptors and credentials, listening and connecting below a directory.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/call.h"

namespace sys {

// socketpair(2) of AF_UNIX; `type` SOCK_SEQPACKET, SOCK_STREAM, …; close-on-exec.
base::Result<std::pair<base::UniqueFd, base::UniqueFd>> SocketPair(int type);

// Sends one message with descriptors (at most kMaxPassedFds); never raises SIGPIPE.
inline constexpr std::size_t kMaxPassedFds = 64;
base::Result<std::size_t> SendMsg(int socket, std::string_view bytes, std::span<const int> fds = {}, int flags = 0);

struct Received {
  std::size_t bytes = 0;              // 0 on a stream or seqpacket: the peer closed
  std::vector<base::UniqueFd> fds;    // close-on-exec
  std::optional<ucred> credentials;   // with SO_PASSCRED
  bool truncated = false;             // bytes or descriptors were lost: treat as an error
};
// A would-block is an error with os_errno EAGAIN.
base::Result<Received> RecvMsg(int socket, std::span<char> buffer, int flags = 0);

// Makes, binds and listens on `name` in the open directory `directory`, of any path length (through /proc/self/fd).
base::Result<base::UniqueFd> ListenUnix(int directory, CText name, int backlog, mode_t mode);
base::Result<base::UniqueFd> ConnectUnix(int directory, CText name);
// The next connection, or nullopt when none waits (non-blocking listener).
base::Result<std::optional<base::UniqueFd>> Accept(int listener);
// SO_PEERCRED: who made the other end.
base::Result<ucred> PeerCredentials(int socket);
// SO_PASSCRED: every message received from now on carries its sender's credentials, as seen from our namespaces.
base::Result<> SetPassCredentials(int socket, bool on);
base::Result<> SetSendTimeout(int socket, unsigned milliseconds);
base::Result<> SetReceiveTimeout(int socket, unsigned milliseconds);

}  // namespace sys
