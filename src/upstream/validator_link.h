// SPDX-License-Identifier: Apache-2.0
// The two parts of cellos-upstream talk over one seqpacket socket: the relay, which reaches resolvers, and the validator, which
// runs libunbound and reaches nothing. Neither can pass a descriptor on it: send(2) carries none.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "upstream/exchanger.h"
#include "upstream/loop.h"
#include "upstream/validator.h"

namespace upstream {

struct LinkHeader {
  enum Kind : std::uint32_t {
    kReady = 1,  // validator, once: `value` = facts of its lock
    kFailing,    // validator, instead: the text says why
    kLook,       // relay: a query with the question to look up
    kFound,      // validator: `value` = wire::UpstreamOutcome, the answer packet
    kAsk,        // validator: a query for resolver `resolver`
    kReply,      // relay: its reply; `value` 1: there is none
  };
  std::uint64_t number = 0;  // kFound repeats that of kLook, kReply that of kAsk
  std::uint32_t kind = 0, resolver = 0, value = 0;
  std::uint32_t bytes = 0;   // of the text or message behind
};

// One end. Packets that are not whole are dropped.
class Link final : private Handler {
 public:
  using OnPacket = std::function<void(const LinkHeader& header, std::string_view bytes)>;
  Link(Loop& loop, int socket, OnPacket on_packet, std::function<void()> lost)
      : loop_(loop), socket_(socket), on_packet_(std::move(on_packet)), lost_(std::move(lost)) {}
  base::Result<> Start() { return watch_.Start(loop_, socket_, Watch::kRead, this); }
  // False: it found no room; the other end's bounds on waiting end what it was about.
  bool Send(LinkHeader header, std::string_view bytes);

 private:
  void OnReady(short what) override;
  void OnTimer() override {}
  Loop& loop_;
  int socket_;
  OnPacket on_packet_;
  std::function<void()> lost_;
  Watch watch_;
  std::string buffer_ = std::string(sizeof(LinkHeader) + kMaxDnsBytes, '\0');
};

// The relay's end: lookups go to the other part, which asks resolvers through here.
class ValidatorClient final : private Handler {
 public:
  // `bound`: after it a lookup has failed whatever the other part does.
  ValidatorClient(Loop& loop, int socket, std::chrono::milliseconds bound, std::function<void()> lost);
  base::Result<> Start() { return link_.Start(); }
  // The validator of resolver `index`, whose questions go to `resolver`, which outlives this.
  std::unique_ptr<Validator> Attach(std::uint32_t index, Exchanger& resolver);

 private:
  class Remote;
  struct Waiting {
    Validator::Answer answer;
    Moment deadline;
  };
  void OnReady(short) override {}
  void OnTimer() override;
  void OnPacket(const LinkHeader& header, std::string_view bytes);
  void Look(std::uint32_t index, const Question& question, Validator::Answer answer);
  void Finish(std::uint64_t number, Validation validation);
  void ArmTimer();

  Loop& loop_;
  Link link_;
  std::chrono::milliseconds bound_;
  std::map<std::uint32_t, Exchanger*> resolvers_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t next_ = 1;
  std::uint32_t asking_ = 0;
  Timer timer_;
};

// The validator's end of an exchange: a resolver that is asked through the relay.
class LinkExchanger final : public Exchanger {
 public:
  LinkExchanger(Loop& loop, Link& link, std::uint32_t index, std::uint64_t& next, std::map<std::uint64_t, Answer>& waiting)
      : loop_(loop), link_(link), index_(index), next_(next), waiting_(waiting) {}
  void Ask(std::string query, Answer answer) override;

 private:
  Loop& loop_;
  Link& link_;
  std::uint32_t index_;
  std::uint64_t& next_;
  std::map<std::uint64_t, Answer>& waiting_;
};

}  // namespace upstream
