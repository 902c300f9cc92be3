// SPDX-License-Identifier: Apache-2.0
// The first bytes tell the protocol; its inspector does the rest.
#include "gate/l7/inspector.h"

#include <algorithm>
#include <cstring>

#include "gate/l7/match.h"
#include "gate/l7/protocol.h"
#include "gate/l7/replies.h"

namespace gate::l7 {

namespace {

constexpr std::uint8_t kTlsHandshake = 0x16;
constexpr std::string_view kMethods[] = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT"};

enum class First : std::uint8_t { kMore, kTls, kH2c, kHttp1, kUnknown };

// `text` begins as `whole` does, as far as both go.
bool Agree(std::string_view text, std::string_view whole) {
  const std::size_t common = std::min(text.size(), whole.size());
  return text.substr(0, common) == whole.substr(0, common);
}

First Recognize(std::string_view bytes) {
  if (bytes.empty()) return First::kMore;
  if (static_cast<std::uint8_t>(bytes.front()) == kTlsHandshake) return First::kTls;
  if (Agree(bytes, kPreface)) return bytes.size() < kPreface.size() ? First::kMore : First::kH2c;
  bool maybe = false;
  for (const std::string_view method : kMethods) {
    if (bytes.size() > method.size()) {
      if (bytes.starts_with(method) && bytes[method.size()] == ' ') return First::kHttp1;
    } else if (method.starts_with(bytes)) {
      maybe = true;
    }
  }
  return maybe ? First::kMore : First::kUnknown;
}

void Copy(char* to, std::size_t size, std::string_view text) {
  const std::size_t kept = std::min(text.size(), size - 1);
  std::memset(to, 0, size);
  std::memcpy(to, text.data(), kept);
}

void End(Output* out, wire::GateReason reason, wire::RuleRef rule) {
  Decision decision;
  decision.reason = reason;
  decision.rule = rule;
  decision.name = kUnknownName;
  out->decisions.push_back(std::move(decision));
  out->next = Next::kEnd;
}

}  // namespace

void Decision::Fill(wire::GateRecord* record) const {
  record->kind = wire::GateRecordKind::kL7;
  record->reason = reason;
  record->rule = rule;
  record->stream = stream;
  record->has_sni = has_sni ? 1 : 0;
  record->has_host = has_host ? 1 : 0;
  Copy(record->name, sizeof record->name, name);
  Copy(record->alpn, sizeof record->alpn, alpn);
}

Inspector::Inspector(std::span<const wire::GateRule> rules, std::vector<std::uint32_t> candidates, Replies replies)
    : rules_(rules), candidates_(std::move(candidates)), replies_(replies) {}
Inspector::~Inspector() = default;

bool Inspector::Undecided() const { return protocol_ != nullptr ? protocol_->Undecided() : !ended_; }

void Inspector::FromClient(std::span<const std::uint8_t> bytes, Output* out) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (protocol_ != nullptr) return protocol_->FromClient(text, out);
  first_.append(text);
  Begin(out);
}

void Inspector::Begin(Output* out) {
  const First first = Recognize(first_);
  if (first == First::kMore) return;
  const Matcher matcher(rules_, candidates_);
  const auto speaks = first == First::kTls ? wire::FlowProtocol::kHttps : wire::FlowProtocol::kHttp;
  if (first == First::kUnknown || !matcher.Speaks(speaks)) {
    ended_ = true;
    End(out, wire::GateReason::kL7UnknownProtocol, DefaultRule());
    if (first == First::kTls) out->to_client += TlsAlert(Alert::kAccessDenied, replies_);
    if (first == First::kHttp1 && replies_ == Replies::kExplained) {
      out->to_client += Forbidden(out->decisions.back(), replies_);
    }
    return;
  }
  if (first == First::kTls) protocol_ = MakeTls(matcher, replies_);
  if (first == First::kHttp1) protocol_ = MakeHttp1(matcher, replies_);
  if (first == First::kH2c) protocol_ = MakeH2c(matcher, replies_);
  const std::string bytes = std::move(first_);
  first_.clear();
  protocol_->FromClient(bytes, out);
}

void Inspector::ClientEnded(Output* out) {
  if (!Undecided()) return;
  if (protocol_ != nullptr) return protocol_->ClientEnded(out);
  ended_ = true;
  End(out, wire::GateReason::kL7UnknownProtocol, DefaultRule());
}

void Inspector::TimedOut(Output* out) {
  if (protocol_ != nullptr) return protocol_->TimedOut(out);
  if (ended_) return;
  ended_ = true;
  End(out, wire::GateReason::kL7PeekTimeout, Builtin(wire::BuiltinRule::kLimits));
}

void Inspector::UpstreamFailed(Output* out) {
  if (protocol_ != nullptr) protocol_->UpstreamFailed(out);
  out->next = Next::kEnd;
}

bool Inspector::WantsServerBytes() const { return protocol_ != nullptr && protocol_->WantsServerBytes(); }

void Inspector::FromServer(std::span<const std::uint8_t> bytes, Output* out) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (WantsServerBytes()) return protocol_->FromServer(text, out);
  out->to_client.append(text);
}

void Inspector::ServerSpoke() {
  if (protocol_ != nullptr) protocol_->ServerSpoke();
}

}  // namespace gate::l7
