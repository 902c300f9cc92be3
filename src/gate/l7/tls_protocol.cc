// SPDX-License-Identifier: Apache-2.0
// TLS: one decision on the hello, then nothing is looked at.
#include "gate/l7/client_hello.h"
#include "gate/l7/protocol.h"
#include "gate/l7/replies.h"

namespace gate::l7 {

namespace {

class Tls final : public Protocol {
 public:
  Tls(const Matcher& matcher, Replies replies) : matcher_(matcher), replies_(replies) {}

  void FromClient(std::string_view bytes, Output* out) override {
    if (decided_) return;
    switch (reader_.Feed({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()})) {
      case HelloReader::State::kMore:
        return;
      case HelloReader::State::kFault:
        return Malformed(out);
      case HelloReader::State::kDone:
        return Judge(reader_.hello(), out);
    }
  }
  bool Undecided() const override { return !decided_; }
  void ClientEnded(Output* out) override { Malformed(out); }
  void TimedOut(Output* out) override {
    if (decided_) return;
    Decide(wire::GateReason::kL7PeekTimeout, Builtin(wire::BuiltinRule::kLimits), {}, out);
    Refuse(Alert::kAccessDenied, out);
  }
  void UpstreamFailed(Output* out) override {
    Decision decision = allowed_;
    decision.reason = wire::GateReason::kL7UnknownProtocol;
    out->decisions.push_back(std::move(decision));
    out->next = Next::kEnd;
  }

 private:
  void Malformed(Output* out) {
    Decide(wire::GateReason::kL7MalformedHello, Builtin(wire::BuiltinRule::kTlsHello), {}, out);
    Refuse(Alert::kDecodeError, out);
  }

  void Judge(const ClientHello& hello, Output* out) {
    if (hello.irregular != nullptr) return Malformed(out);
    const Host host = ReadHost(hello.name);
    if (host.kind == Host::Kind::kBad) return Malformed(out);
    const auto protocol = wire::FlowProtocol::kHttps;
    // An address rule takes any name and none. Under name rules nothing is hidden, and an address is no name (RFC 6066
    // §3).
    const bool named = host.kind == Host::Kind::kName && !hello.encrypted;
    const auto rule = named ? matcher_.Granting(protocol, host) : matcher_.Nameless(protocol);
    wire::GateReason reason = wire::GateReason::kL7SniAllowlistMatch;
    wire::RuleRef decider = rule.value_or(DefaultRule());
    if (!rule && hello.encrypted) {
      reason = wire::GateReason::kL7EchNotGranted;
      decider = Builtin(wire::BuiltinRule::kTlsHello);
    } else if (!rule) {
      reason = named ? wire::GateReason::kL7SniAllowlistMiss : wire::GateReason::kL7SniMissing;
    }
    Decide(reason, decider, host, out);
    if (!wire::IsAllow(reason)) return Refuse(Alert::kAccessDenied, out);
    out->to_server.append(reader_.raw());
    out->next = Next::kSplice;
  }

  void Decide(wire::GateReason reason, wire::RuleRef rule, const Host& host, Output* out) {
    decided_ = true;
    Decision decision;
    decision.reason = reason;
    decision.rule = rule;
    decision.name = host.ForRecord();
    decision.alpn = reader_.hello().alpn;
    decision.has_sni = host.kind == Host::Kind::kName;
    allowed_ = decision;
    out->decisions.push_back(std::move(decision));
  }
  void Refuse(Alert alert, Output* out) {
    out->to_client += TlsAlert(alert, replies_);
    out->next = Next::kEnd;
  }

  Matcher matcher_;
  Replies replies_;
  HelloReader reader_;
  bool decided_ = false;
  Decision allowed_;
};

}  // namespace

std::unique_ptr<Protocol> MakeTls(const Matcher& matcher, Replies replies) {
  return std::make_unique<Tls>(matcher, replies);
}

}  // namespace gate::l7
