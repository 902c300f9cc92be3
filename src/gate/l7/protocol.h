// SPDX-License-Identifier: Apache-2.0
// One protocol under inspection: what the Inspector hands the bytes to once the first ones have told it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "gate/l7/inspector.h"
#include "gate/l7/match.h"

namespace gate::l7 {

class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual void FromClient(std::string_view bytes, Output* out) = 0;
  // No decision yet.
  virtual bool Undecided() const = 0;
  virtual void ClientEnded(Output* out) = 0;  // called while undecided only
  virtual void TimedOut(Output* out) = 0;
  virtual void UpstreamFailed(Output* out) = 0;
  virtual bool WantsServerBytes() const { return false; }
  virtual void FromServer(std::string_view, Output*) {}
  virtual void ServerSpoke() {}
};

std::unique_ptr<Protocol> MakeTls(const Matcher& matcher, Replies replies);
std::unique_ptr<Protocol> MakeHttp1(const Matcher& matcher, Replies replies);
std::unique_ptr<Protocol> MakeH2c(const Matcher& matcher, Replies replies);

// The connection preface of HTTP/2, RFC 9113 §3.4.
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace gate::l7
