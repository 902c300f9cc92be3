// SPDX-License-Identifier: Apache-2.0
// One request to a VMM's API.
#include "probe/vmm_api.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "base/unique_fd.h"
#include "sys/poll.h"

namespace probe {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMaxStatusLine = 1024;

class Deadline {
 public:
  explicit Deadline(milliseconds time) : end_(steady_clock::now() + time) {}
  // kDeadline when `events` do not come in time.
  base::Result<> Await(int socket, short events) const {
    const auto left = std::chrono::ceil<milliseconds>(end_ - steady_clock::now());
    pollfd wait{.fd = socket, .events = events, .revents = 0};
    if (left.count() <= 0 || TRY(sys::Poll({&wait, 1}, left)) == 0) {
      return base::Fail(base::ErrorKind::kDeadline, "the VMM does not answer in time");
    }
    return {};
  }

 private:
  steady_clock::time_point end_;
};

// A connect that finds the VMM's queue full fails at once instead of waiting.
base::Result<base::UniqueFd> Connect(int directory, sys::CText name) {
  const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + name.text;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return base::Fail(base::ErrorKind::kInvalid, "the socket's name is too long");
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const long made = sys::Raw("socket", SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return std::unexpected(sys::CallError(made, "socket"));
  base::UniqueFd socket(static_cast<int>(made));
  const long connected = sys::Raw("connect", SYS_connect, socket.get(), &address, sizeof address);
  if (connected < 0) return std::unexpected(sys::CallError(connected, "connect", name.text));
  return socket;
}

base::Result<> SendAll(int socket, std::string_view bytes, const Deadline& deadline) {
  while (!bytes.empty()) {
    const long sent = sys::Raw("sendto", SYS_sendto, socket, bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0);
    if (sent == -EAGAIN) {
      TRY(deadline.Await(socket, POLLOUT));
    } else if (sent < 0) {
      return std::unexpected(sys::CallError(sent, "send"));
    } else {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  return {};
}

base::Result<std::string> ReadLine(int socket, const Deadline& deadline) {
  std::array<char, kMaxStatusLine> buffer;
  std::size_t size = 0;
  while (size < buffer.size()) {
    const long got =
        sys::Raw("recvfrom", SYS_recvfrom, socket, buffer.data() + size, buffer.size() - size, 0, nullptr, nullptr);
    if (got == -EAGAIN) {
      TRY(deadline.Await(socket, POLLIN));
      continue;
    }
    if (got < 0) return std::unexpected(sys::CallError(got, "recv"));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    const std::string_view text(buffer.data(), size);
    if (const auto end = text.find("\r\n"); end != text.npos) return std::string(text.substr(0, end));
  }
  return base::Fail(base::ErrorKind::kInvalid, "the VMM's answer is no HTTP");
}

}  // namespace

std::optional<int> ParseStatusLine(std::string_view line) {
  // "HTTP/1.1 204" and either nothing or a space and a reason.
  constexpr std::string_view kVersion = "HTTP/1.";
  if (!line.starts_with(kVersion) || line.size() < 12 || (line[7] != '0' && line[7] != '1') || line[8] != ' ' ||
      (line.size() > 12 && line[12] != ' ')) {
    return std::nullopt;
  }
  int status = 0;
  for (const char digit : line.substr(9, 3)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    status = status * 10 + (digit - '0');
  }
  return status >= 100 ? std::optional(status) : std::nullopt;
}

base::Result<int> PutOverUnixSocket(int directory, sys::CText name, std::string_view path, std::string_view body,
                                    milliseconds time) {
  const Deadline deadline(time);
  const base::UniqueFd socket = TRY(Connect(directory, name));
  std::string request = "PUT ";
  request.append(path).append(" HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n");
  request.append("Content-Type: application/json\r\nContent-Length: ").append(std::to_string(body.size()));
  request.append("\r\n\r\n").append(body);
  TRY(SendAll(socket.get(), request, deadline));
  const std::string line = TRY(ReadLine(socket.get(), deadline));
  const auto status = ParseStatusLine(line);
  if (!status) return base::Fail(base::ErrorKind::kInvalid, "the VMM's answer is no HTTP: " + base::Escape(line, 64));
  return *status;
}

}  // namespace probe
