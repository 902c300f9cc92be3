// SPDX-License-Identifier: Apache-2.0
// HTTP/1: every request of a connection is judged before a byte of it is forwarded.
#include <algorithm>

#include "gate/l7/http1.h"
#include "gate/l7/protocol.h"
#include "gate/l7/replies.h"

namespace gate::l7 {

namespace {

constexpr std::uint64_t kWorthMovingUnseen = 16384;

class Http1 final : public Protocol {
 public:
  Http1(const Matcher& matcher, Replies replies) : matcher_(matcher), replies_(replies) {}

  void FromClient(std::string_view bytes, Output* out) override {
    // Bodies are passed on from where they lie; only a head that is not whole is kept.
    while (!bytes.empty() && out->next == Next::kMore) {
      if (in_body_) {
        Body(&bytes, out);
      } else {
        Head(&bytes, out);
      }
    }
  }
  bool Undecided() const override { return !decided_; }
  void ClientEnded(Output* out) override { Unreadable(out); }
  void TimedOut(Output* out) override {
    if (decided_) return;
    Refuse(wire::GateReason::kL7PeekTimeout, Builtin(wire::BuiltinRule::kLimits), {}, replies_ == Replies::kExplained,
           out);
  }
  void UpstreamFailed(Output* out) override {
    out->decisions.push_back(MakeDecision(wire::GateReason::kL7UnknownProtocol, last_rule_, last_host_));
    out->to_client += Forbidden(out->decisions.back(), replies_);
    out->next = Next::kEnd;
  }
  void ServerSpoke() override { answered_ = true; }

 private:
  void Body(std::string_view* bytes, Output* out) {
    std::size_t used = 0;
    const auto state = body_.Feed(*bytes, &used);
    out->to_server.append(bytes->substr(0, used));
    bytes->remove_prefix(used);
    if (state == BodyTracker::State::kFault) return Unreadable(out);
    in_body_ = state == BodyTracker::State::kMore;
    if (in_body_ && bytes->empty() && body_.Opaque() >= kWorthMovingUnseen) {
      out->unseen = body_.Opaque();
      in_body_ = body_.Skip(out->unseen) == BodyTracker::State::kMore;
    }
  }

  void Head(std::string_view* bytes, Output* out) {
    const std::size_t before = head_.size();
    head_.append(bytes->substr(0, kMaxHead + 1 - std::min(before, kMaxHead + 1)));
    HeadFault fault = HeadFault::kNone;
    const std::size_t size = HeadSize(head_, &scanned_, &fault);
    if (size == std::string_view::npos) return Unreadable(out);
    if (size == 0) return bytes->remove_prefix(bytes->size());
    bytes->remove_prefix(size - before);
    head_.resize(size);
    Judge(out);
    head_.clear();
    scanned_ = 0;
  }

  void Judge(Output* out) {
    RequestHead head;
    const HeadFault fault = ParseHead(head_, &head);
    const Host host = ReadHost(head.host);
    if (fault == HeadFault::kHostMismatch || fault == HeadFault::kDuplicateHost) {
      return Refuse(wire::GateReason::kL7HostMismatch, Builtin(wire::BuiltinRule::kHttpHead), host, true, out);
    }
    if (fault != HeadFault::kNone) return Unreadable(out);
    if (head.method == "CONNECT") {
      return Refuse(wire::GateReason::kL7HttpHostAllowlistMiss, Builtin(wire::BuiltinRule::kHttpHead), host, true, out);
    }
    if (head.irregular != nullptr || !KnownMethod(head.method)) {
      return Refuse(wire::GateReason::kL7UnknownProtocol, Builtin(wire::BuiltinRule::kHttpHead), host,
                    replies_ == Replies::kExplained, out);
    }
    const auto rule = matcher_.Granting(wire::FlowProtocol::kHttp, host);
    if (!rule) {
      const bool missing = host.kind == Host::Kind::kMissing;
      return Refuse(missing ? wire::GateReason::kL7HttpHostMissing : wire::GateReason::kL7HttpHostAllowlistMiss,
                    DefaultRule(), host, true, out);
    }
    Allow(head, host, *rule, out);
  }

  void Allow(const RequestHead& head, const Host& host, wire::RuleRef rule, Output* out) {
    // One decision a connection, and one more for each change of host.
    if (!decided_ || host.text != last_host_.text) {
      out->decisions.push_back(MakeDecision(wire::GateReason::kL7HttpHostAllowlistMatch, rule, host));
    }
    decided_ = true;
    last_host_ = host;
    last_rule_ = rule;
    forwarded_ = true;
    answered_ = false;
    out->to_server.append(head_);
    body_.Start(head.body, head.length);
    in_body_ = head.body == BodyForm::kChunked || (head.body == BodyForm::kLength && head.length > 0);
  }

  void Unreadable(Output* out) {
    Refuse(wire::GateReason::kL7UnknownProtocol, Builtin(wire::BuiltinRule::kHttpHead), {}, false, out);
  }

  // An answer is written only where none of the server's can be under way.
  void Refuse(wire::GateReason reason, wire::RuleRef rule, const Host& host, bool answer, Output* out) {
    decided_ = true;
    out->decisions.push_back(MakeDecision(reason, rule, host));
    if (answer && (!forwarded_ || answered_)) out->to_client += Forbidden(out->decisions.back(), replies_);
    out->next = Next::kEnd;
  }

  static bool KnownMethod(std::string_view method) {
    constexpr std::string_view kMethods[] = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"};
    return std::ranges::find(kMethods, method) != std::ranges::end(kMethods);
  }
  static Decision MakeDecision(wire::GateReason reason, wire::RuleRef rule, const Host& host) {
    Decision decision;
    decision.reason = reason;
    decision.rule = rule;
    decision.name = host.ForRecord();
    decision.has_host = !host.text.empty();
    return decision;
  }

  Matcher matcher_;
  Replies replies_;
  std::string head_;         // of a request that is not whole yet
  std::size_t scanned_ = 0;  // of head_: no end so far
  BodyTracker body_;
  bool in_body_ = false, decided_ = false, forwarded_ = false, answered_ = false;
  Host last_host_;
  wire::RuleRef last_rule_;
};

}  // namespace

std::unique_ptr<Protocol> MakeHttp1(const Matcher& matcher, Replies replies) {
  return std::make_unique<Http1>(matcher, replies);
}

}  // namespace gate::l7
