// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "services.h"

namespace outside {
namespace {

constexpr int kSilenceMs = 10'000;

bool Ready(int fd, short events) {
  pollfd wait = {fd, events, 0};
  return ::poll(&wait, 1, kSilenceMs) == 1;
}

}  // namespace

long PlainStream::Read(char* buffer, std::size_t size) {
  if (!Ready(connection_->fd(), POLLIN)) return -1;
  const long count = ::recv(connection_->fd(), buffer, size, 0);
  if (count > 0) connection_->Got(buffer, static_cast<std::size_t>(count));
  return count;
}

bool PlainStream::Write(const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    if (!Ready(connection_->fd(), POLLOUT)) return false;
    const long count = ::send(connection_->fd(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

void ServeEcho(Connection* connection) {
  PlainStream stream(connection);
  std::string buffer(256 << 10, '\0');
  for (long count; (count = stream.Read(buffer.data(), buffer.size())) > 0;) {
    if (!stream.Write(buffer.substr(0, static_cast<std::size_t>(count)))) return;
  }
}

void ServeDiscard(Connection* connection) {
  PlainStream stream(connection);
  std::string buffer(256 << 10, '\0');
  while (stream.Read(buffer.data(), buffer.size()) > 0) {
  }
}

void ServeBanner(Connection* connection) {
  PlainStream stream(connection);
  if (stream.Write("220 ready\r\n")) ServeEcho(connection);
}

void ServeNothing(Connection* connection) { Ready(connection->fd(), 0); }

void ServeDns(Connection* connection, DnsStub* stub) {
  PlainStream stream(connection);
  std::string pending;
  char buffer[4096];
  for (;;) {
    while (pending.size() < 2 || pending.size() < 2u + (static_cast<unsigned char>(pending[0]) << 8 |
                                                        static_cast<unsigned char>(pending[1]))) {
      const long count = stream.Read(buffer, sizeof buffer);
      if (count <= 0) return;
      pending.append(buffer, static_cast<std::size_t>(count));
    }
    const std::size_t size = static_cast<unsigned char>(pending[0]) << 8 | static_cast<unsigned char>(pending[1]);
    for (const DnsReply& reply : stub->Answer(pending.substr(2, size), connection->seen().address, true)) {
      if (reply.delay_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(reply.delay_ms));
      if (!stream.Write(Big16(static_cast<unsigned>(reply.message.size())) + reply.message)) return;
    }
    pending.erase(0, 2 + size);
  }
}

}  // namespace outside
