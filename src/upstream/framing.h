// SPDX-License-Identifier: Apache-2.0
// How DNS messages stand in a byte stream: length-framed (RFC 1035 §4.2.2, RFC 7858) or as HTTP/2 requests (RFC 8484).
// A framing knows no socket and no clock. Bytes of the peer are hostile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace upstream {

class Framing {
 public:
  using Tag = std::uint64_t;
  // A whole reply to `tag`, of 12 to 65,535 bytes, its id not yet that of the query; or why there is none while the
  // connection goes on.
  using OnReply = std::function<void(Tag tag, base::Result<std::string> reply)>;

  virtual ~Framing() = default;
  virtual void Open() {}  // once, before anything else: what the client says first
  // Queues a query. An error: this connection takes no more.
  virtual base::Result<> Submit(Tag tag, std::string_view query) = 0;
  virtual void Forget(Tag tag) = 0;  // its reply is not wanted any more
  // Bytes of the peer. An error: the connection is of no further use.
  virtual base::Result<> Feed(std::string_view bytes) = 0;
  // What is to be written, and how much of it was.
  virtual base::Result<std::string_view> Output() = 0;
  virtual void Written(std::size_t bytes) = 0;
};

std::unique_ptr<Framing> MakeLengthFraming(Framing::OnReply on_reply);

struct HttpTarget {
  std::string authority, path;
};
// POST of application/dns-message; ids on the wire are 0.
std::unique_ptr<Framing> MakeHttp2Framing(HttpTarget target, Framing::OnReply on_reply);

}  // namespace upstream
