// SPDX-License-Identifier: Apache-2.0
// Connections to resolvers: asked of the supervisor, which alone can make them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"
#include "upstream/loop.h"
#include "wire/gate_config.h"
#include "wire/gate_record.h"

namespace upstream {

class Dialler {
 public:
  virtual ~Dialler() = default;
  using Answer = std::function<void(base::Result<base::UniqueFd>)>;
  using Ticket = std::uint64_t;
  // A non-blocking socket to resolver `index`: TCP, maybe still connecting, or connected UDP. `answer` comes once, never from
  // within this call, and not at all after Cancel.
  virtual Ticket Dial(std::uint32_t index, wire::IpProtocol protocol, Answer answer) = 0;
  virtual void Cancel(Ticket ticket) = 0;
};

// Speaks DialRequest and DialReply on a seqpacket socket, which it does not own.
class SocketDialler final : public Dialler, private Handler {
 public:
  // `lost` is called when the other end is gone or breaks the protocol.
  SocketDialler(Loop& loop, int socket, std::span<const wire::GateResolver> resolvers, std::function<void()> lost)
      : loop_(loop), socket_(socket), resolvers_(resolvers), lost_(std::move(lost)) {}
  base::Result<> Start() { return watch_.Start(loop_, socket_, Watch::kRead, this); }
  Ticket Dial(std::uint32_t index, wire::IpProtocol protocol, Answer answer) override;
  void Cancel(Ticket ticket) override { waiting_.erase(ticket); }

 private:
  void OnReady(short what) override;
  void OnTimer() override {}
  void Tell(Ticket ticket, base::Result<base::UniqueFd> result);

  Loop& loop_;
  int socket_;
  std::span<const wire::GateResolver> resolvers_;
  std::function<void()> lost_;
  Watch watch_;
  std::map<Ticket, Answer> waiting_;
  Ticket next_ = 1;
};

}  // namespace upstream
