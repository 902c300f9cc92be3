// SPDX-License-Identifier: Apache-2.0
// Questions to the document's resolvers: which one, by which way, how often, how long, and what counts as its answer.
//
// One exchange tries resolvers in the document's order, those that failed lately last. One try is a datagram, sent once
// more at half its time, and a stream where the answer is cut or in wrong letters; or a stream; or cellos-upstream.
// A resolver never serves behind one whose validation is stricter: who can silence the first must not gain by it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "gate/dns/entropy.h"
#include "gate/dns/message.h"
#include "gate/dns/reply.h"
#include "gate/dns/upstream_channel.h"
#include "gate/dns/upstream_tcp.h"
#include "gate/dns/upstream_transport.h"
#include "gate/dns/upstream_udp.h"
#include "gate/grants.h"
#include "gate/loop.h"
#include "gate/ports.h"

namespace gate::dns {

inline constexpr std::uint8_t kNoResolver = 0xff;

struct Outcome {
  enum class Kind : std::uint8_t {
    kAnswered,      // `answer`
    kFailed,        // nobody answered
    kNotValidated,  // the serving resolver's mode refuses what came, or what did not: `fault`
  };
  Kind kind = Kind::kFailed;
  wire::DnssecFault fault = wire::DnssecFault::kValidationFailed;
  bool validated = false;
  bool unsigned_zone = false;        // kAnswered in best-effort mode
  bool dnssec_added = false;         // records of DNSSEC that the client did not ask for may be in it
  std::uint8_t resolver = kNoResolver;
  std::uint32_t latency_us = 0;      // of the last try
  const Answer* answer = nullptr;    // valid during the call
};

class UpstreamSink {
 public:
  virtual void OnOutcome(std::uint32_t job, const Outcome& outcome) = 0;

 protected:
  ~UpstreamSink() = default;
};

class Upstream final : public TransportSink {
 public:
  static constexpr std::size_t kMaxExchanges = 1024;

  Upstream(Loop& loop, const Grants& grants, Dialler& dialler, UpstreamSink& sink, int channel);
  ~Upstream();
  base::Result<> Start();

  // Asks `question`, which stays where it is until OnOutcome(job, …). OnOutcome may come from within.
  // False: too much is under way; OnOutcome never comes.
  bool Ask(std::uint32_t job, const Question& question);
  // Answers that were not ours, or came too late.
  std::uint64_t ignored() const { return ignored_; }

 private:
  enum class Way : std::uint8_t { kDatagram, kStream, kChannel };
  struct Resolver {
    std::unique_ptr<UdpUpstream> udp;
    std::unique_ptr<TcpUpstream> tcp;
    bool usable = false;
    base::BootTime failed_until{0};
    base::BootTime last_success{-1};
    std::chrono::seconds backoff{0};
  };
  struct Exchange {
    std::uint32_t slot = 0, generation = 0;
    bool busy = false;
    std::uint32_t job = 0;
    const Question* question = nullptr;
    base::BootTime begun{0}, tried_at{0};
    std::uint32_t tries = 0;             // numbers the deadlines
    std::uint16_t tried = 0;             // resolvers, as bits
    std::uint8_t resolver = 0;
    Way way = Way::kDatagram;
    bool placed = false, resent = false, stream_again = false;
    Place place;
    std::uint16_t message_bytes = 0;
    std::array<std::uint8_t, kMaxForwardBytes> message;
    Bytes sent() const { return {message.data(), message_bytes}; }
  };
  struct Due {
    base::BootTime when;
    Handle handle;
    std::uint32_t tries;
  };
  void OnPlaceFree(Handle handle) override;
  void OnMessage(Handle handle, Bytes message, const wire::UpstreamReply* reply) override;
  void OnFailure(Handle handle) override;
  void OnStray() override { ++ignored_; }

  Exchange* Find(Handle handle);
  Handle HandleOf(const Exchange& exchange) const;
  Transport& TransportOf(const Exchange& exchange);
  int NextResolver(const Exchange& exchange) const;
  void TryNext(Exchange& exchange);
  void StartTry(Exchange& exchange, Way way);
  void Transmit(Exchange& exchange, Place place);
  void EndTry(Exchange& exchange);
  void TryFailed(Exchange& exchange);
  void Judge(Exchange& exchange, Bytes message);
  void JudgeReply(Exchange& exchange, Bytes message, const wire::UpstreamReply& reply);
  bool Conform(const Exchange& exchange, Bytes message);
  void Answered(Exchange& exchange, Outcome outcome);
  void Finish(Exchange& exchange, Outcome outcome);
  void Expect(Exchange& exchange, int queue);
  void OnDue();
  void Arm();

  Loop& loop_;
  const Grants& grants_;
  UpstreamSink& sink_;
  Entropy entropy_;
  ChannelUpstream channel_;
  std::vector<Resolver> resolvers_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<std::uint32_t> free_;
  std::array<std::deque<Due>, 3> due_;   // half a try, a try, a validated one: each in order of time
  std::array<std::chrono::milliseconds, 3> spans_;
  Loop::TimerId timer_ = 0;
  Answer answer_;
  std::vector<std::uint8_t> conformed_;
  std::uint64_t ignored_ = 0;
};

}  // namespace gate::dns
