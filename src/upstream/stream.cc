// SPDX-License-Identifier: Apache-2.0
// TCP without TLS.
#include "upstream/stream.h"

#include <sys/socket.h>

#include <cerrno>

namespace upstream {
namespace {

class PlainStream final : public Stream {
 public:
  explicit PlainStream(base::UniqueFd socket) : socket_(std::move(socket)) {}
  int fd() const override { return socket_.get(); }
  base::Result<Io> Handshake() override { return Io::kDone; }

  base::Result<IoResult> Read(std::span<char> buffer) override {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) return IoResult{Io::kDone, static_cast<std::size_t>(got)};
    if (got == 0) return IoResult{Io::kClosed};
    if (errno == EAGAIN || errno == EINTR) return IoResult{Io::kWantRead};
    return base::FailOs(errno, "reading from a resolver");
  }
  base::Result<IoResult> Write(std::string_view bytes) override {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) return IoResult{Io::kDone, static_cast<std::size_t>(sent)};
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return IoResult{Io::kWantWrite};
    return base::FailOs(sent < 0 ? errno : EPIPE, "writing to a resolver");
  }

 private:
  base::UniqueFd socket_;
};

}  // namespace

std::unique_ptr<Stream> MakePlainStream(base::UniqueFd socket) { return std::make_unique<PlainStream>(std::move(socket)); }

}  // namespace upstream
