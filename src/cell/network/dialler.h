// SPDX-License-Identifier: Apache-2.0
// The one place where a cell's connections begin: checks each request against the plan, connects, passes the descriptor.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "plan/network.h"
#include "wire/gate_record.h"

namespace cell {

// Serves one asker over one seqpacket socket. Nothing waits: a TCP connect goes on in the asker's hands. At most one
// packet of answers is kept back when the asker does not read; then no request is read either.
class Dialler {
 public:
  enum class Asker : std::uint8_t { kGate, kUpstream };  // the upstream may dial resolvers alone
  struct Counters {
    std::uint64_t dialled = 0, refused = 0, failed = 0, over_rate = 0;
  };
  // A request that no table grants: the target in text, and why.
  using OnRefused = std::function<void(const std::string& target, const char* why)>;

  // `socket` is non-blocking from now on.
  static base::Result<Dialler> Create(Asker asker, const plan::NetworkPlan& network, const base::Clock& clock,
                                      base::UniqueFd socket, OnRefused on_refused);

  int fd() const { return socket_.get(); }
  short events() const;  // what to poll for
  // Serves what waits, a bounded number of requests. False: the asker is gone or broke the protocol; `why` says so.
  bool Serve(std::string* why);
  // From now on every request is answered EPERM.
  void Revoke() { revoked_ = true; }
  const Counters& counters() const { return counters_; }

 private:
  Dialler(Asker asker, const plan::NetworkPlan& network, const base::Clock& clock, base::UniqueFd socket,
          OnRefused on_refused)
      : asker_(asker), network_(&network), clock_(&clock), socket_(std::move(socket)), on_refused_(std::move(on_refused)) {}
  // One packet.
  struct Answers {
    std::vector<wire::DialReply> replies;
    std::vector<base::UniqueFd> sockets;  // of those without error
  };
  // What a packet asks for; false: it cannot be one, and nothing of it was dialled.
  bool DialAll(std::string_view packet, Answers* answers);
  wire::DialReply Dial(const wire::DialRequest& request, std::vector<base::UniqueFd>* sockets);
  const char* WhyRefused(const wire::DialRequest& request, const base::IpEndpoint& to) const;
  bool WithinRate();
  // False: kept for later, or the asker is gone (then `gone`).
  bool Send(const Answers& answers, bool* gone);

  Asker asker_;
  const plan::NetworkPlan* network_;  // not owned
  const base::Clock* clock_;          // not owned
  base::UniqueFd socket_;
  OnRefused on_refused_;
  std::optional<Answers> kept_;
  bool revoked_ = false;
  Counters counters_;
  base::BootTime second_began_{0};
  std::uint32_t in_second_ = 0;
};

}  // namespace cell
