// SPDX-License-Identifier: Apache-2.0
// The adapter of libunbound, which runs in the process's own loop: no thread, no second process.
#include "upstream/validator.h"

#include <unbound-event.h>
#include <unbound.h>

#include <map>
#include <optional>
#include <utility>

#include "upstream/config.h"
#include "upstream/forwarder.h"

namespace upstream {
namespace {

constexpr std::pair<const char*, const char*> kOptions[] = {
    {"module-config:", "validator iterator"},
    // The forwarder is the only server, on loopback over IPv4, and takes datagrams of any size.
    {"do-not-query-localhost:", "no"},
    {"do-ip6:", "no"},
    {"do-tcp:", "no"},
    {"edns-buffer-size:", "65507"},
    {"max-udp-size:", "65507"},
    // It answers every question, with SERVFAIL at the latest: measuring and doubting it would only add questions.
    {"unknown-server-time-limit:", "5000"},
    {"infra-cache-min-rtt:", "5000"},
    {"infra-host-ttl:", "1"},
    {"outbound-msg-retry:", "1"},
    {"val-max-restart:", "1"},
    {"val-permissive-mode:", "no"},
    {"ignore-cd-flag:", "yes"},
    {"harden-dnssec-stripped:", "yes"},
    // How wrong the clock of this host may be before a signature counts as expired: seconds.
    {"val-sig-skew-min:", "300"},
    {"val-sig-skew-max:", "300"},
    // What is private elsewhere is asked here like any other name.
    {"unblock-lan-zones:", "yes"},
    {"insecure-lan-zones:", "no"},
    {"trust-anchor-signaling:", "no"},
    {"root-key-sentinel:", "no"},
    {"minimal-responses:", "yes"},
    {"cache-max-negative-ttl:", "300"},
    // Small: one cell's names.
    {"outgoing-range:", "128"},
    {"num-queries-per-thread:", "256"},
    {"msg-cache-size:", "1m"},
    {"rrset-cache-size:", "2m"},
    {"key-cache-size:", "512k"},
    {"neg-cache-size:", "128k"},
    {"username:", ""},
    {"chroot:", ""},
    {"use-syslog:", "no"},
};

// Zones that libunbound would answer by itself (RFC 6761, RFC 8375): the resolver decides about them.
constexpr const char* kOwnZones[] = {"test.", "invalid.", "onion.", "home.arpa."};

base::Error UnboundError(const std::string& what, int code) {
  return {base::ErrorKind::kInvalid, what + ": " + ub_strerror(code)};
}

class UnboundValidator final : public Validator, private Handler {
 public:
  UnboundValidator(Loop& loop, Exchanger& resolver, const TrustAnchors& anchors, std::chrono::milliseconds bound)
      : loop_(loop), anchors_(anchors), bound_(bound), forwarder_(loop, resolver) {}
  ~UnboundValidator() override {
    if (context_ != nullptr) ub_ctx_delete(context_);
  }
  base::Result<> Start();
  void Look(const Question& question, Answer answer) override;

 private:
  struct Lookup {
    UnboundValidator* owner = nullptr;
    std::uint64_t number = 0;
  };
  struct Waiting {
    Answer answer;
    Moment deadline;
  };
  static void OnResolved(void* lookup, int rcode, void* packet, int size, int security, char* why, int limited);
  void OnReady(short) override {}
  void OnTimer() override;
  void Finish(std::uint64_t number, Validation validation);
  void ArmTimer();

  Loop& loop_;
  TrustAnchors anchors_;
  std::chrono::milliseconds bound_;
  Forwarder forwarder_;
  ub_ctx* context_ = nullptr;
  // Lookups that libunbound still has: an entry outlives its answer when the time was up.
  std::map<std::uint64_t, Lookup> lookups_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t next_ = 1;
  Timer timer_;
};

base::Result<> UnboundValidator::Start() {
  TRY(forwarder_.Start());
  context_ = ub_ctx_create_event(loop_.base());
  if (context_ == nullptr) return base::Fail(base::ErrorKind::kLimit, "libunbound can't start");
  ub_ctx_debugout(context_, nullptr);
  for (const auto& [option, value] : kOptions) {
    if (const int code = ub_ctx_set_option(context_, option, value); code != 0) {
      return std::unexpected(UnboundError(std::string("libunbound's option ") + option, code));
    }
  }
  const std::string forwarder = "127.0.0.1@" + std::to_string(forwarder_.port());
  if (const int code = ub_ctx_set_fwd(context_, forwarder.c_str()); code != 0) {
    return std::unexpected(UnboundError("libunbound's forwarder", code));
  }
  for (const std::string& record : anchors_.records) {
    if (const int code = ub_ctx_add_ta(context_, record.c_str()); code != 0) {
      return std::unexpected(UnboundError("trust anchor \"" + record + "\"", code));
    }
  }
  // Reading the anchors happens with the first use; this one comes now, so that what is wrong stops the start.
  for (const char* zone : kOwnZones) {
    if (const int code = ub_ctx_zone_remove(context_, zone); code != 0) {
      return std::unexpected(UnboundError("the trust anchors can't be read", code));
    }
  }
  const int code = ub_resolve_event(context_, "localhost.", kTypeA, 1, nullptr,
                                    [](void*, int, void*, int, int, char*, int) {}, nullptr);
  if (code != 0) return std::unexpected(UnboundError("libunbound can't start", code));
  return {};
}

void UnboundValidator::Look(const Question& question, Answer answer) {
  // libunbound says "insecure" for both; only what is proven unsigned may be called that.
  const bool coverable = question.klass == 1 && anchors_.Covers(FoldedName(question.name));
  if (!coverable || lookups_.size() >= kMaxInFlight) {
    return loop_.Defer([answer = std::move(answer)] { answer({}); });
  }
  const std::uint64_t number = next_++;
  waiting_[number] = {.answer = std::move(answer), .deadline = Now() + bound_};
  Lookup& lookup = lookups_[number] = {.owner = this, .number = number};
  // An answer from the cache calls back from within.
  const int code = ub_resolve_event(context_, NameText(question.name).c_str(), question.type, question.klass, &lookup,
                                    &UnboundValidator::OnResolved, nullptr);
  if (code != 0) {
    lookups_.erase(number);
    Finish(number, {});
  }
  ArmTimer();
}

void UnboundValidator::OnResolved(void* data, int rcode, void* packet, int size, int security, char*, int) {
  const Lookup lookup = *static_cast<Lookup*>(data);
  UnboundValidator& self = *lookup.owner;
  self.lookups_.erase(lookup.number);
  Validation validation;
  const bool answered = rcode == 0 && packet != nullptr && size >= static_cast<int>(kDnsHeaderBytes);
  if (security == 1) {
    validation.outcome = wire::UpstreamOutcome::kBogus;
  } else if (answered) {
    validation.packet.assign(static_cast<const char*>(packet), static_cast<std::size_t>(size));
    // A resolver's own failure proves nothing (rcode 0 here only says that there is a packet).
    const int packet_rcode = validation.packet[3] & 0x0f;
    if (packet_rcode == 0 || packet_rcode == 3) {
      validation.outcome = security == 2 ? wire::UpstreamOutcome::kValidated : wire::UpstreamOutcome::kInsecure;
    } else {
      validation.packet.clear();
    }
  }
  self.Finish(lookup.number, std::move(validation));
  self.ArmTimer();
}

void UnboundValidator::Finish(std::uint64_t number, Validation validation) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  loop_.Defer([answer = std::move(found->second.answer), validation = std::move(validation)]() mutable {
    answer(std::move(validation));
  });
  waiting_.erase(found);
}

void UnboundValidator::OnTimer() {
  const Moment now = Now();
  while (!waiting_.empty() && waiting_.begin()->second.deadline <= now) Finish(waiting_.begin()->first, {});
  ArmTimer();
}

void UnboundValidator::ArmTimer() {
  if (waiting_.empty()) return timer_.Stop();
  // All bounds are equal, so the oldest lookup is the first that ends.
  if (!timer_.Start(loop_, waiting_.begin()->second.deadline - Now(), this)) loop_.Stop();
}

}  // namespace

base::Result<std::unique_ptr<Validator>> MakeValidator(Loop& loop, Exchanger& resolver, const TrustAnchors& anchors,
                                                       std::chrono::milliseconds bound) {
  auto validator = std::make_unique<UnboundValidator>(loop, resolver, anchors, bound);
  TRY(validator->Start());
  return std::unique_ptr<Validator>(std::move(validator));
}

}  // namespace upstream
