// SPDX-License-Identifier: Apache-2.0
// Local sockets.
#include "sys/socket.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

#include "sys/file.h"

namespace sys {
namespace {

base::Result<> Done(long result, const char* name, std::string_view object = {}) {
  if (result < 0) return std::unexpected(CallError(result, name, object));
  return {};
}

// A path of sockaddr_un's 108 bytes reaches everything through the directory's own descriptor.
base::Result<sockaddr_un> AddressBelow(int directory, CText name) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + name.text;
  if (path.size() >= sizeof address.sun_path) {
    return base::Fail(base::ErrorKind::kInvalid, "the socket name \"" + std::string(name.text) + "\" is too long");
  }
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

base::Result<base::UniqueFd> NewUnixSocket() {
  const long fd = Raw("socket", SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::unexpected(CallError(fd, "socket"));
  return base::UniqueFd(static_cast<int>(fd));
}

}  // namespace

base::Result<std::pair<base::UniqueFd, base::UniqueFd>> SocketPair(int type) {
  int ends[2];
  TRY(Done(Raw("socketpair", SYS_socketpair, AF_UNIX, type | SOCK_CLOEXEC, 0, ends), "socketpair"));
  return std::pair(base::UniqueFd(ends[0]), base::UniqueFd(ends[1]));
}

base::Result<std::size_t> SendMsg(int socket, std::string_view bytes, std::span<const int> fds, int flags) {
  if (fds.size() > kMaxPassedFds) return base::Fail(base::ErrorKind::kInternal, "sendmsg: too many descriptors");
  iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxPassedFds)] = {};
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  const long sent = Raw("sendmsg", SYS_sendmsg, socket, &message, flags | MSG_NOSIGNAL);
  if (sent < 0) return std::unexpected(CallError(sent, "sendmsg"));
  return static_cast<std::size_t>(sent);
}

base::Result<Received> RecvMsg(int socket, std::span<char> buffer, int flags) {
  iovec part = {buffer.data(), buffer.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxPassedFds) + CMSG_SPACE(sizeof(ucred))];
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const long count = Raw("recvmsg", SYS_recvmsg, socket, &message, flags | MSG_CMSG_CLOEXEC);
  if (count < 0) return std::unexpected(CallError(count, "recvmsg"));
  Received received;
  received.bytes = static_cast<std::size_t>(count);
  received.truncated = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_RIGHTS) {
      const std::size_t fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < fds; ++i) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
        received.fds.emplace_back(fd);
      }
    } else if (header->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials;
      memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
      received.credentials = credentials;
    }
  }
  return received;
}

base::Result<base::UniqueFd> ListenUnix(int directory, CText name, int backlog, mode_t mode) {
  base::UniqueFd socket = TRY(NewUnixSocket());
  const sockaddr_un address = TRY(AddressBelow(directory, name));
  // The mode of the socket before bind(2) is that of its file, so there is no moment with a wider one.
  TRY(Done(Raw("fchmod", SYS_fchmod, socket.get(), mode), "fchmod"));
  TRY(Done(Raw("bind", SYS_bind, socket.get(), &address, sizeof address), "bind", name.text));
  TRY(Done(Raw("listen", SYS_listen, socket.get(), backlog), "listen", name.text));
  return socket;
}

base::Result<base::UniqueFd> ConnectUnix(int directory, CText name) {
  base::UniqueFd socket = TRY(NewUnixSocket());
  const sockaddr_un address = TRY(AddressBelow(directory, name));
  TRY(Done(Raw("connect", SYS_connect, socket.get(), &address, sizeof address), "connect", name.text));
  return socket;
}

base::Result<std::optional<base::UniqueFd>> Accept(int listener) {
  const long fd = Raw("accept4", SYS_accept4, listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd == -EAGAIN || fd == -ECONNABORTED) return std::nullopt;
  if (fd < 0) return std::unexpected(CallError(fd, "accept4"));
  return base::UniqueFd(static_cast<int>(fd));
}

base::Result<ucred> PeerCredentials(int socket) {
  ucred credentials = {};
  socklen_t size = sizeof credentials;
  TRY(Done(Raw("getsockopt", SYS_getsockopt, socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size),
           "getsockopt SO_PEERCRED"));
  return credentials;
}

base::Result<> SetPassCredentials(int socket, bool on) {
  const int value = on ? 1 : 0;
  return Done(Raw("setsockopt", SYS_setsockopt, socket, SOL_SOCKET, SO_PASSCRED, &value, sizeof value),
              "setsockopt SO_PASSCRED");
}

namespace {

base::Result<> SetTimeout(int socket, int option, unsigned milliseconds) {
  const timeval limit = {static_cast<time_t>(milliseconds / 1000),
                         static_cast<suseconds_t>(milliseconds % 1000) * 1000};
  return Done(Raw("setsockopt", SYS_setsockopt, socket, SOL_SOCKET, option, &limit, sizeof limit),
              "setsockopt of a time-out");
}

}  // namespace

base::Result<> SetSendTimeout(int socket, unsigned milliseconds) {
  return SetTimeout(socket, SO_SNDTIMEO, milliseconds);
}
base::Result<> SetReceiveTimeout(int socket, unsigned milliseconds) {
  return SetTimeout(socket, SO_RCVTIMEO, milliseconds);
}

}  // namespace sys
