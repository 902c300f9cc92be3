// SPDX-License-Identifier: Apache-2.0
// Puts one resolver together and decides how a question to it is answered.
#include <algorithm>
#include <cstring>

#include "base/ip_address.h"
#include "upstream/config.h"
#include "upstream/service.h"

namespace upstream {
namespace {

constexpr std::uint16_t kValidatedTypes[] = {kTypeA, kTypeAaaa, kTypeCname, kTypeMx, kTypeTxt, kTypeSvcb, kTypeHttps};

base::IpAddress AddressOf(const wire::GateAddress& address) {
  base::IpAddress result;
  std::ranges::copy(address.bytes, result.bytes.begin());
  result.v6 = address.v6 != 0;
  return result;
}

// Authority of the URL: port 443 is left out, an IPv6 address stands in brackets.
std::string AuthorityOf(const wire::GateResolver& resolver, const std::string& address) {
  std::string authority = resolver.server_name;
  if (authority.empty()) authority = resolver.address.v6 != 0 ? "[" + address + "]" : address;
  if (resolver.port != 443) authority += ":" + std::to_string(resolver.port);
  return authority;
}

base::Result<std::unique_ptr<Exchanger>> MakeExchanger(Loop& loop, Dialler& dialler, std::uint32_t index,
                                                       const wire::GateResolver& resolver, const TlsContext* tls,
                                                       ExchangeLimits limits) {
  const std::string address = base::ToString(AddressOf(resolver.address));
  const TlsIdentity identity{.name = resolver.server_name, .address = address};
  const auto stream = [&](Carrier carrier) {
    return MakeStreamExchanger(loop, dialler, index, std::move(carrier), limits);
  };
  switch (resolver.transport) {
    case wire::Transport::kUdp: return MakeUdpExchanger(loop, dialler, index, stream(PlainTcpCarrier()), limits);
    case wire::Transport::kTcp: return stream(PlainTcpCarrier());
    case wire::Transport::kDot:
      if (tls != nullptr) return stream(DotCarrier(*tls, identity));
      break;
    case wire::Transport::kDoh:
      if (tls != nullptr) {
        const std::string path = resolver.path[0] == 0 ? "/dns-query" : resolver.path;
        return stream(DohCarrier(*tls, identity, {.authority = AuthorityOf(resolver, address), .path = path}));
      }
      break;
  }
  return base::Fail(base::ErrorKind::kInvalid, "an encrypted resolver, but no trusted authorities were given");
}

void ClearAd(std::string& message) { message[3] = static_cast<char>(message[3] & ~0x20); }

}  // namespace

base::Result<std::unique_ptr<Resolver>> Resolver::Create(Loop& loop, Dialler& dialler, std::uint32_t index,
                                                         const wire::GateResolver& resolver, const TlsContext* tls,
                                                         ValidatorClient* validators, std::chrono::milliseconds upstream) {
  std::unique_ptr<Resolver> made(new Resolver(loop, resolver.dnssec));
  const ExchangeLimits limits{.exchange = upstream, .connect = kConnectFactor * upstream, .idle = kIdleClose};
  made->exchanger_ = TRY(MakeExchanger(loop, dialler, index, resolver, tls, limits));
  if (resolver.dnssec != wire::DnssecMode::kOff) {
    if (validators == nullptr) return base::Fail(base::ErrorKind::kInternal, "a validated resolver without a validator");
    made->validator_ = validators->Attach(index, *made->exchanger_);
  }
  return made;
}

void Resolver::Relay(std::string query, wire::UpstreamOutcome when_answered, Answer answer) {
  exchanger_->Ask(std::move(query), [when_answered, answer = std::move(answer)](base::Result<std::string> reply) {
    if (!reply) return answer({});
    // Nobody here proved what the resolver claims.
    if (when_answered != wire::UpstreamOutcome::kAnswered) ClearAd(*reply);
    answer({.outcome = when_answered, .answer = std::move(*reply)});
  });
}

void Resolver::Ask(std::string query, Answer answer) {
  const std::optional<Question> question = QuestionOf(query);
  if (!question) return loop_.Defer([answer = std::move(answer)] { answer({}); });
  if (mode_ == wire::DnssecMode::kOff) return Relay(std::move(query), wire::UpstreamOutcome::kAnswered, std::move(answer));
  if (std::ranges::find(kValidatedTypes, question->type) == std::end(kValidatedTypes)) {
    if (mode_ == wire::DnssecMode::kBestEffort) {
      return Relay(std::move(query), wire::UpstreamOutcome::kUnsupportedType, std::move(answer));
    }
    return loop_.Defer([answer = std::move(answer)] { answer({.outcome = wire::UpstreamOutcome::kUnsupportedType}); });
  }
  validator_->Look(*question, [query = std::move(query), type = question->type, answer = std::move(answer)](Validation found) {
    Outcome outcome{.outcome = found.outcome};
    const bool validated = found.outcome == wire::UpstreamOutcome::kValidated;
    if (validated || found.outcome == wire::UpstreamOutcome::kInsecure) {
      std::optional<std::string> fitted = FitAnswer(found.packet, query, validated);
      if (!fitted) return answer({});
      if (validated) outcome.signature = FirstSignature(found.packet, type);
      outcome.answer = std::move(*fitted);
    }
    answer(std::move(outcome));
  });
}

}  // namespace upstream
