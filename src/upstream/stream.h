// SPDX-License-Identifier: Apache-2.0
// A connection as bytes that never block: TCP as it is, or under TLS.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace upstream {

enum class Io : unsigned char {
  kDone,
  kWantRead,   // again once the descriptor is readable
  kWantWrite,  // again once it is writable
  kClosed,     // the peer ended it
};
struct IoResult {
  Io state = Io::kDone;
  std::size_t bytes = 0;  // kDone: at least 1
};

class Stream {
 public:
  virtual ~Stream() = default;
  virtual int fd() const = 0;
  virtual base::Result<Io> Handshake() = 0;  // until kDone; nothing is read or written before
  virtual base::Result<IoResult> Read(std::span<char> buffer) = 0;
  virtual base::Result<IoResult> Write(std::string_view bytes) = 0;
};

// A connected TCP socket.
std::unique_ptr<Stream> MakePlainStream(base::UniqueFd socket);

}  // namespace upstream
