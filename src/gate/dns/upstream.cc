// SPDX-License-Identifier: Apache-2.0
// Exchanges: tries, deadlines and fail-over.
#include "gate/dns/upstream.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "gate/dns/reply.h"

namespace gate::dns {
namespace {

constexpr int kHalf = 0, kWhole = 1, kValidated = 2;
constexpr int kTriesOfTime = 3;  // an exchange lasts at most this many tries' time
constexpr std::chrono::seconds kFirstBackoff{5}, kLongestBackoff{60};

base::IpEndpoint EndpointOf(const wire::GateResolver& resolver) {
  base::IpEndpoint to;
  std::memcpy(to.address.bytes.data(), resolver.address.bytes, 16);
  to.address.v6 = resolver.address.v6 != 0;
  to.port = resolver.port;
  return to;
}

}  // namespace

Upstream::Upstream(Loop& loop, const Grants& grants, Dialler& dialler, UpstreamSink& sink, int channel)
    : loop_(loop), grants_(grants), sink_(sink), channel_(loop, *this, channel) {
  const std::chrono::milliseconds whole(std::max(grants.limits().upstream_ms, 2u));
  spans_ = {whole / 2, whole, kTriesOfTime * whole};
  wire::DnssecMode strictest = wire::DnssecMode::kOff;
  for (std::uint32_t i = 0; i < grants.resolvers().size(); ++i) {
    const wire::GateResolver& config = grants.resolvers()[i];
    Resolver& resolver = resolvers_.emplace_back();
    resolver.usable = config.dnssec >= strictest;
    strictest = std::max(strictest, config.dnssec);
    if (config.via_upstream != 0) continue;
    const base::IpEndpoint to = EndpointOf(config);
    resolver.tcp = std::make_unique<TcpUpstream>(loop, dialler, *this, entropy_, i, to);
    if (config.transport != wire::Transport::kUdp) continue;
    resolver.udp = std::make_unique<UdpUpstream>(loop, dialler, *this, entropy_, i, to);
  }
}

Upstream::~Upstream() { loop_.Cancel(timer_); }

base::Result<> Upstream::Start() {
  TRY(channel_.Start());
  if (!resolvers_.empty() && resolvers_[0].udp) resolvers_[0].udp->DialAhead();
  return {};
}

bool Upstream::Ask(std::uint32_t job, const Question& question) {
  if (free_.empty()) {
    if (exchanges_.size() >= kMaxExchanges) return false;
    free_.push_back(static_cast<std::uint32_t>(exchanges_.size()));
    exchanges_.push_back(std::make_unique_for_overwrite<Exchange>());
    exchanges_.back()->generation = 0;
  }
  Exchange& exchange = *exchanges_[free_.back()];
  exchange.place.id = 0;
  exchange.job = job;
  exchange.question = &question;
  exchange.busy = true;
  exchange.begun = exchange.tried_at = loop_.Now();
  exchange.tries = 0;
  exchange.tried = 0;
  exchange.placed = false;
  exchange.slot = free_.back();
  free_.pop_back();
  TryNext(exchange);
  return true;
}

Handle Upstream::HandleOf(const Exchange& exchange) const { return {exchange.slot, exchange.generation}; }

Upstream::Exchange* Upstream::Find(Handle handle) {
  if (handle.slot >= exchanges_.size()) return nullptr;
  Exchange& exchange = *exchanges_[handle.slot];
  return exchange.busy && exchange.generation == handle.generation ? &exchange : nullptr;
}

Transport& Upstream::TransportOf(const Exchange& exchange) {
  switch (exchange.way) {
    case Way::kDatagram: return *resolvers_[exchange.resolver].udp;
    case Way::kStream: return *resolvers_[exchange.resolver].tcp;
    case Way::kChannel: break;
  }
  channel_.SetResolver(exchange.resolver);
  return channel_;
}

// The first that has not failed lately, else the one whose failure is oldest; -1: all were tried.
int Upstream::NextResolver(const Exchange& exchange) const {
  int best = -1;
  for (std::size_t i = 0; i < resolvers_.size(); ++i) {
    if (!resolvers_[i].usable || (exchange.tried >> i & 1) != 0) continue;
    if (resolvers_[i].failed_until <= loop_.Now()) return static_cast<int>(i);
    if (best < 0 || resolvers_[i].failed_until < resolvers_[static_cast<std::size_t>(best)].failed_until) {
      best = static_cast<int>(i);
    }
  }
  return best;
}

void Upstream::TryNext(Exchange& exchange) {
  const int next = NextResolver(exchange);
  const bool over = loop_.Now() - exchange.begun >= kTriesOfTime * spans_[kWhole];
  if (next < 0 || (over && exchange.tried != 0)) {
    Outcome outcome;
    if (exchange.tried != 0) {
      outcome.resolver = exchange.resolver;
      const bool validates = grants_.resolvers()[exchange.resolver].dnssec != wire::DnssecMode::kOff;
      if (validates) outcome.kind = Outcome::Kind::kNotValidated;
    }
    return Finish(exchange, outcome);
  }
  exchange.resolver = static_cast<std::uint8_t>(next);
  exchange.tried = static_cast<std::uint16_t>(exchange.tried | 1u << next);
  exchange.tried_at = loop_.Now();
  exchange.stream_again = false;
  const Resolver& resolver = resolvers_[exchange.resolver];
  StartTry(exchange, resolver.udp ? Way::kDatagram : resolver.tcp ? Way::kStream : Way::kChannel);
}

void Upstream::StartTry(Exchange& exchange, Way way) {
  exchange.way = way;
  exchange.resent = false;
  ++exchange.tries;
  Expect(exchange, way == Way::kDatagram ? kHalf : way == Way::kStream ? kWhole : kValidated);
  const std::optional<Place> place = TransportOf(exchange).Reserve(HandleOf(exchange));
  if (place) Transmit(exchange, *place);
}

void Upstream::OnPlaceFree(Handle handle) {
  Exchange* exchange = Find(handle);
  if (exchange == nullptr || exchange->placed) return;
  const std::optional<Place> place = TransportOf(*exchange).Reserve(handle);
  if (place) Transmit(*exchange, *place);
}

void Upstream::Transmit(Exchange& exchange, Place place) {
  exchange.place = place;
  exchange.placed = true;
  CaseBits letters = {};  // lower case through cellos-upstream
  if (exchange.way == Way::kDatagram) {
    // A bit for each byte of the question, more than its letters.
    const std::size_t words = std::min<std::size_t>(exchange.question->section_bytes / 64u + 1, letters.size());
    std::ranges::generate_n(letters.begin(), static_cast<std::ptrdiff_t>(words), [this] { return entropy_.Next64(); });
  }
  const ForwardOptions options{.id = place.id, .letters = exchange.way == Way::kStream ? nullptr : &letters};
  exchange.message_bytes =
      static_cast<std::uint16_t>(WriteForward(*exchange.question, options, std::span(exchange.message)));
  TransportOf(exchange).Send(place, exchange.sent());  // what does not leave is sent again at half time
}

// The way as it stands is given up; nothing of it is heard any more.
void Upstream::EndTry(Exchange& exchange) {
  if (exchange.placed) {
    TransportOf(exchange).Release(exchange.place);
  } else {
    TransportOf(exchange).Forget(HandleOf(exchange));
  }
  exchange.placed = false;
}

void Upstream::OnFailure(Handle handle) {
  Exchange* exchange = Find(handle);
  if (exchange == nullptr) return;
  exchange->placed = false;
  // A stream that lay idle may have been closed by the resolver at this very moment.
  if (exchange->way == Way::kStream && !std::exchange(exchange->stream_again, true)) {
    return StartTry(*exchange, Way::kStream);
  }
  TryFailed(*exchange);
}

void Upstream::TryFailed(Exchange& exchange) {
  Resolver& resolver = resolvers_[exchange.resolver];
  if (resolver.last_success < exchange.tried_at) {  // not just this one question
    resolver.backoff = std::clamp(resolver.backoff * 2, kFirstBackoff, kLongestBackoff);
    resolver.failed_until = loop_.Now() + resolver.backoff;
  }
  TryNext(exchange);
}

void Upstream::OnMessage(Handle handle, Bytes message, const wire::UpstreamReply* reply) {
  Exchange* exchange = Find(handle);
  if (exchange == nullptr || !exchange->placed) return OnStray();
  reply == nullptr ? Judge(*exchange, message) : JudgeReply(*exchange, message, *reply);
}

void Upstream::Judge(Exchange& exchange, Bytes message) {
  const Bytes section = exchange.sent().subspan(kHeaderBytes, exchange.question->section_bytes);
  AnswerFault fault = ParseAnswer(message, exchange.place.id, section, &answer_);
  if (fault == AnswerFault::kOtherCase && exchange.way == Way::kStream && Conform(exchange, message)) {
    fault = ParseAnswer(conformed_, exchange.place.id, section, &answer_);
  }
  switch (fault) {
    case AnswerFault::kNone: break;
    case AnswerFault::kOtherCase:
      ++ignored_;
      EndTry(exchange);
      return exchange.way == Way::kDatagram ? StartTry(exchange, Way::kStream) : TryFailed(exchange);
    case AnswerFault::kMalformed:
      EndTry(exchange);
      return TryFailed(exchange);
    case AnswerFault::kOtherId:
    case AnswerFault::kNotAnAnswer:
    case AnswerFault::kOtherQuestion: ++ignored_; return;
  }
  EndTry(exchange);
  if (answer_.truncated() && exchange.way == Way::kDatagram) return StartTry(exchange, Way::kStream);
  Answered(exchange, {.kind = Outcome::Kind::kAnswered});
}

// What the outcome of a validation means for the serving resolver's mode (dns.md §5).
void Upstream::JudgeReply(Exchange& exchange, Bytes message, const wire::UpstreamReply& reply) {
  const wire::DnssecMode mode = grants_.resolvers()[exchange.resolver].dnssec;
  EndTry(exchange);
  Outcome outcome{.kind = Outcome::Kind::kNotValidated, .resolver = exchange.resolver};
  switch (reply.outcome) {
    case wire::UpstreamOutcome::kFailed: return TryFailed(exchange);
    case wire::UpstreamOutcome::kBogus:
      if (mode != wire::DnssecMode::kOff) return Answered(exchange, outcome);
      break;
    case wire::UpstreamOutcome::kAnswered:  // that it was validated, nobody says
      if (mode != wire::DnssecMode::kOff) return Answered(exchange, outcome);
      break;
    case wire::UpstreamOutcome::kInsecure:
      outcome.fault = wire::DnssecFault::kUnsignedInRequireMode;
      if (mode == wire::DnssecMode::kRequire) return Answered(exchange, outcome);
      outcome.unsigned_zone = mode == wire::DnssecMode::kBestEffort;
      break;
    case wire::UpstreamOutcome::kUnsupportedType:
      outcome.fault = wire::DnssecFault::kUnsupportedTypeInRequireMode;
      if (mode == wire::DnssecMode::kRequire) return Answered(exchange, outcome);
      break;
    case wire::UpstreamOutcome::kValidated: outcome.validated = mode != wire::DnssecMode::kOff; break;
  }
  const Bytes section = exchange.sent().subspan(kHeaderBytes, exchange.question->section_bytes);
  if (!Conform(exchange, message)) return TryFailed(exchange);
  if (mode != wire::DnssecMode::kOff && !outcome.validated) conformed_[3] &= static_cast<std::uint8_t>(~kFlagAd);
  if (ParseAnswer(conformed_, exchange.place.id, section, &answer_) != AnswerFault::kNone) return TryFailed(exchange);
  outcome.kind = Outcome::Kind::kAnswered;
  outcome.dnssec_added = mode != wire::DnssecMode::kOff && !exchange.question->dnssec_ok;
  Answered(exchange, outcome);
}

// The message under the exchange's id, its question in the letters that were sent: where the way itself vouches for the
// sender neither proves anything. False: it is too short to hold the question.
bool Upstream::Conform(const Exchange& exchange, Bytes message) {
  const std::size_t section = exchange.question->section_bytes;
  if (message.size() < kHeaderBytes + section) return false;
  conformed_.assign(message.begin(), message.end());
  Write16(conformed_.data(), exchange.place.id);
  const Bytes sent = exchange.sent().subspan(kHeaderBytes, section);
  const bool same = std::ranges::equal(sent, message.subspan(kHeaderBytes, section),
                                       [](std::uint8_t a, std::uint8_t b) { return LowerCase(a) == LowerCase(b); });
  if (same) std::memcpy(conformed_.data() + kHeaderBytes, sent.data(), section);
  return true;
}

void Upstream::Answered(Exchange& exchange, Outcome outcome) {
  Resolver& resolver = resolvers_[exchange.resolver];
  resolver.last_success = loop_.Now();
  resolver.failed_until = base::BootTime(0);
  resolver.backoff = std::chrono::seconds(0);
  outcome.resolver = exchange.resolver;
  outcome.answer = outcome.kind == Outcome::Kind::kAnswered ? &answer_ : nullptr;
  Finish(exchange, outcome);
}

void Upstream::Finish(Exchange& exchange, Outcome outcome) {
  const auto latency = std::chrono::duration_cast<std::chrono::microseconds>(loop_.Now() - exchange.tried_at);
  outcome.latency_us = static_cast<std::uint32_t>(std::max<std::int64_t>(latency.count(), 0));
  exchange.busy = false;
  ++exchange.generation;
  free_.push_back(exchange.slot);
  sink_.OnOutcome(exchange.job, outcome);
}

void Upstream::Expect(Exchange& exchange, int queue) {
  const auto index = static_cast<std::size_t>(queue);
  due_[index].push_back({loop_.Now() + spans_[index], HandleOf(exchange), exchange.tries});
  Arm();
}

// One timer for all: set only when none is. It finds most exchanges long over.
void Upstream::Arm() {
  if (timer_ != 0) return;
  base::BootTime first = base::BootTime::max();
  for (std::deque<Due>& queue : due_) {
    while (!queue.empty()) {
      const Exchange* exchange = Find(queue.front().handle);
      if (exchange != nullptr && exchange->tries == queue.front().tries) break;
      queue.pop_front();
    }
    if (!queue.empty()) first = std::min(first, queue.front().when);
  }
  if (first != base::BootTime::max()) timer_ = loop_.At(first, [this] { OnDue(); });
}

void Upstream::OnDue() {
  timer_ = 0;
  for (std::size_t index = 0; index < due_.size(); ++index) {
    while (!due_[index].empty() && due_[index].front().when <= loop_.Now()) {
      const Due due = due_[index].front();
      due_[index].pop_front();
      Exchange* exchange = Find(due.handle);
      if (exchange == nullptr || exchange->tries != due.tries) continue;
      if (index == kHalf && !std::exchange(exchange->resent, true)) {
        if (exchange->placed) TransportOf(*exchange).Send(exchange->place, exchange->sent());
        Expect(*exchange, kHalf);
        continue;
      }
      EndTry(*exchange);
      TryFailed(*exchange);
    }
  }
  Arm();
}

}  // namespace gate::dns
