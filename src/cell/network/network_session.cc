// SPDX-License-Identifier: Apache-2.0
// Start, service and end of the gate; every fault of it becomes one sentence, and the cell ends with it.
#include "cell/network/network_session.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/encoding.h"
#include "cell/network/gate_words.h"
#include "cell/network/programs.h"
#include "crypto/random.h"
#include "event/evidence_events.h"
#include "spec/document.h"
#include "sys/poll.h"
#include "sys/socket.h"

namespace cell {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kReadyLimit{5000}, kTotalsLimit{1000}, kEndLimit{2000};
constexpr std::uint64_t kRefusalsTold = 16;
// A busy gate sends a packet of records each time it wakes. They are safe in our socket, which holds more than comes in
// this time; what comes in it is read at once.
constexpr milliseconds kGather{2};

base::Error AtGate(base::Error error) {
  if (error.step.empty()) error.step = "gate";
  return error;
}

std::vector<std::string> ResponseAllowlist(const spec::CellSpec& spec) {
  const auto& dns = spec.authority.dns_authority;
  if (!dns || !dns->rebinding_policy) return {};
  return dns->rebinding_policy->response_ip_allowlist;
}

bool Ready(std::span<const pollfd> polls, std::size_t slot) { return slot < polls.size() && polls[slot].revents != 0; }

}  // namespace

base::Result<NetworkPrograms> NetworkPrograms::Open(const plan::NetworkPlan& network) {
  NetworkPrograms programs;
  programs.gate = TRY(OpenProgramBeside(kGateProgram));
  if (network.upstream) programs.upstream = TRY(OpenProgramBeside(kUpstreamProgram));
  return programs;
}

base::Result<std::unique_ptr<NetworkSession>> NetworkSession::Start(const Options& options) {
  std::unique_ptr<NetworkSession> session(new NetworkSession(options));
  session->events_ = std::make_unique<GateEvents>(
      GateEvents::Parts{.recorder = options.recorder,
                        .clock = options.clock,
                        .network = &session->network(),
                        .settings = options.settings,
                        .policy_digest = spec::CanonicalSpecHash(*options.spec),
                        .response_allowlist = ResponseAllowlist(*options.spec)});
  if (auto started = session->StartAll(); !started) return std::unexpected(AtGate(std::move(started).error()));
  return session;
}

base::Result<> NetworkSession::StartAll() {
  const bool by_root = o_.plan->ids_from_range;
  plan::GateConfigExtras extras{.cell_uid_seen = by_root ? sandbox::kSeenUid : sandbox::kLockedUid};
  auto [cell_ours, cell_gates] = TRY(sys::SocketPair(SOCK_SEQPACKET));
  auto [dial_ours, dial_gates] = TRY(sys::SocketPair(SOCK_SEQPACKET));
  const auto refused = [this](const std::string& target, const char* why) { OnRefusedDial(target, why); };
  gate_dials_ = TRY(Dialler::Create(Dialler::Asker::kGate, network(), *o_.clock, std::move(dial_ours), refused));
  base::UniqueFd secrets_gates;
  if (network().secret_socket) {
    auto [ours, gates] = TRY(sys::SocketPair(SOCK_SEQPACKET));
    secret_service_ = TRY(SecretService::Create(std::move(ours), *o_.clock));
    secrets_gates = std::move(gates);
    extras.secret_token = token_ = crypto::NewUuid();
    for (const plan::SecretPlan& secret : o_.plan->secrets) extras.secret_keys.push_back(secret.name);
    secret_environment_ = {fmt::format("CELLOS_SECRET_DELIVERY={}", o_.plan->secrets.front().delivery),
                           fmt::format("CELLOS_RUNTIME_SECRET_SOCKET={}", plan::kSecretSocket),
                           fmt::format("CELLOS_RUNTIME_SECRET_TOKEN={}", token_)};
  }
  if (o_.plan->telemetry) {
    telemetry_ = TRY(TelemetrySession::Create({.plan = &*o_.plan->telemetry,
                                               .recorder = o_.recorder,
                                               .clock = o_.clock,
                                               .run_directory = o_.run_directory,
                                               .spec_hash = spec::CanonicalSpecHash(*o_.spec)}));
    extras.telemetry = wire::TelemetryMode::kStream;
    extras.frames_per_second = o_.plan->telemetry->frames_per_second;
    extras.bytes_per_second = o_.plan->telemetry->bytes_per_second;
  }
  base::UniqueFd upstream_gates, upstream_ours;
  if (network().upstream) std::tie(upstream_gates, upstream_ours) = TRY(sys::SocketPair(SOCK_SEQPACKET));

  HelperOptions gate{.name = kGateProgram,
                     .program = o_.programs->gate.get(),
                     .config = plan::EncodeGateConfig(network(), extras),
                     .descriptors = {dial_gates.get(), cell_gates.get(), secrets_gates.get(), upstream_gates.get(),
                                     telemetry_ ? telemetry_->gate_stream() : -1,
                                     telemetry_ ? telemetry_->gate_frames() : -1},
                     .host_uid = by_root ? o_.cell_uid + 1 : o_.cell_uid,
                     .host_gid = by_root ? o_.cell_gid + 1 : o_.cell_gid,
                     .clock = o_.clock};
  if (by_root) gate.seen_uid = o_.cell_uid;
  gate_ = TRY(Helper::Start(std::move(gate)));
  if (telemetry_) telemetry_->CloseGateEnds();
  cell_channel_ = std::move(cell_ours);
  if (network().upstream) TRY(StartUpstream(std::move(upstream_ours)));
  return {};
}

std::optional<std::string> NetworkSession::WhyGone() { return gate_->Read([](const wire::GateRecord&) {}); }

base::Result<> NetworkSession::Attach(backend::LiveCell& cell, event::LeafIndex controls) {
  CloseCellChannel();
  if (telemetry_) telemetry_->CloseAgentEnd();
  controls_ = controls;
  events_->AttachDenialFile(cell.TakeDenials());
  if (network().network) {
    auto kernel = KernelView::Open({.recorder = o_.recorder,
                                    .clock = o_.clock,
                                    .network = &network(),
                                    .spec_hash = spec::CanonicalSpecHash(*o_.spec),
                                    .netfilter = cell.TakeNetfilter(),
                                    .flow_log = cell.TakeFlowLog(),
                                    .on_denial = [this](const Denial& denial) { events_->AddDenial(denial); }});
    if (!kernel) return std::unexpected(AtGate(std::move(kernel).error()));
    kernel_.emplace(std::move(*kernel));
  }
  const auto take = [this](const wire::GateRecord& record) { TakeRecord(record); };
  if (upstream_) {
    if (auto ready = upstream_->AwaitReady(kReadyLimit, take); !ready) {
      return std::unexpected(AtGate(std::move(ready).error()));
    }
  }
  if (auto ready = gate_->AwaitReady(kReadyLimit, take); !ready) return std::unexpected(AtGate(std::move(ready).error()));
  ready_ = true;
  return {};
}

std::vector<std::string_view> NetworkSession::SecretEnvironment() const {
  return {secret_environment_.begin(), secret_environment_.end()};
}

void NetworkSession::ServeSecrets(SecretSession& secrets, base::BootTime expires_at) {
  secrets_ = &secrets;
  if (!secret_service_) return;
  secret_service_->Open([this](std::uint32_t index) { return secrets_->HandOver(index, *o_.recorder); },
                        [this](std::uint32_t index, std::string_view reason) {
                          secrets_->TellDenied(index, reason, *o_.recorder);
                        },
                        expires_at);
}

void NetworkSession::WatchTelemetry(const SecretSession& secrets) {
  if (telemetry_) telemetry_->Arm(secrets.traces(), *controls_);
}

std::optional<std::string> NetworkSession::failure() const {
  return failure_ || !telemetry_ ? failure_ : telemetry_->failure();
}

void NetworkSession::OnAgentFailed(const sandbox::CellEvent& event) {
  if (telemetry_) telemetry_->OnAgentFailed(event);
}

void NetworkSession::Watch(std::vector<pollfd>& polls) {
  first_slot_ = polls.size();
  const bool on = !failure_ && !finished_;
  const auto watch = [&](int fd, short events) { polls.push_back({on ? fd : -1, events, 0}); };
  EndGathering();
  watch(gathering_ ? -1 : gate_->records_fd(), POLLIN);
  watch(gate_->pidfd(), POLLIN);
  watch(gate_dials_->fd(), gate_dials_->events());
  watch(secret_service_ ? secret_service_->fd() : -1, POLLIN);
  watch(upstream_ ? upstream_->records_fd() : -1, POLLIN);
  watch(upstream_ ? upstream_->pidfd() : -1, POLLIN);
  watch(upstream_dials_ ? upstream_dials_->fd() : -1, upstream_dials_ ? upstream_dials_->events() : POLLIN);
  watch(kernel_ ? kernel_->flow_log_fd() : -1, POLLIN);
  watch(telemetry_ ? telemetry_->fd() : -1, POLLIN);
}

void NetworkSession::Act(std::span<const pollfd> polls) {
  if (failure_ || finished_) return;
  if (kernel_ && Ready(polls, first_slot_ + 7)) kernel_->ReadLog();
  if (kernel_) kernel_->SampleIfDue();
  std::string why;
  // What a process said last is read before its end is taken for news; what it asked for comes before that.
  if (Ready(polls, first_slot_ + 2) && !gate_dials_->Serve(&why)) Fail(fmt::format("{}: {}", kGateProgram, why));
  if (Ready(polls, first_slot_ + 3) && !secret_service_->Serve(&why)) Fail(fmt::format("{}: {}", kGateProgram, why));
  if (Ready(polls, first_slot_ + 6) && !upstream_dials_->Serve(&why)) Fail(fmt::format("{}: {}", kUpstreamProgram, why));
  if (telemetry_ && (Ready(polls, first_slot_ + 8) || telemetry_->more())) ReadTelemetry();
  if (telemetry_) telemetry_->Tick();
  const bool was_gathering = gathering_;
  EndGathering();
  if (Ready(polls, first_slot_ + 1)) gathering_ = false;
  // A wait that ends for a dial request alone brought no record.
  const bool told = Ready(polls, first_slot_) || Ready(polls, first_slot_ + 1) || was_gathering || gate_->more();
  if (!gathering_ && (told || o_.clock->Boot() >= gate_->silent_at())) ServeHelper(*gate_);
  if (Ready(polls, first_slot_)) {
    gathering_ = !gate_->more();
    gather_until_ = o_.clock->Boot() + kGather;
  }
  if (upstream_) ServeHelper(*upstream_);
  if (Ready(polls, first_slot_ + 1) && !gate_->more()) Fail("cellos-gate has ended");
  if (Ready(polls, first_slot_ + 5)) Fail("cellos-upstream has ended");
}

void NetworkSession::ReadTelemetry() {
  if (auto why = telemetry_->Read()) Fail(fmt::format("{}: {}", kGateProgram, *why));
}

void NetworkSession::EndGathering() {
  if (gathering_ && o_.clock->Boot() >= gather_until_) gathering_ = false;
}

void NetworkSession::ServeHelper(Helper& helper) {
  if (auto why = helper.Read([this](const wire::GateRecord& record) { TakeRecord(record); })) return Fail(std::move(*why));
  if (!helper.more() && helper.Silent()) {
    Fail(fmt::format("{} said nothing for {} ms", &helper == &*gate_ ? kGateProgram : kUpstreamProgram,
                     kHelperSilence.count()));
  }
}

base::BootTime NetworkSession::Deadline() const {
  if (failure_ || finished_) return base::BootTime::max();
  base::BootTime until = gate_->more() ? base::BootTime{0} : gate_->silent_at();
  if (gathering_) until = std::min(until, gather_until_);
  if (telemetry_) until = std::min(until, telemetry_->Deadline());
  if (upstream_) until = std::min(until, upstream_->more() ? base::BootTime{0} : upstream_->silent_at());
  return kernel_ ? std::min(until, kernel_->next_sample()) : until;
}

void NetworkSession::TakeRecord(const wire::GateRecord& told) {
  // The one place where text that a workload chose comes in.
  if (secrets_ == nullptr || secrets_->traces().empty() || told.name[0] == 0) return TakeMasked(told);
  wire::GateRecord record = told;
  const std::string masked = secrets_->traces().Mask(record.name);
  std::snprintf(record.name, sizeof record.name, "%s", masked.c_str());
  TakeMasked(record);
}

void NetworkSession::TakeMasked(const wire::GateRecord& record) {
  if (record.kind != wire::GateRecordKind::kSecretDenied) return events_->Take(record);
  if (secrets_ == nullptr) return;
  std::optional<std::uint32_t> index;
  for (std::uint32_t i = 0; i < o_.plan->secrets.size(); ++i) {
    if (o_.plan->secrets[i].name == record.name) index = i;
  }
  secrets_->TellDenied(index, SecretFaultText(static_cast<wire::SecretFault>(record.code)), *o_.recorder);
}

void NetworkSession::Fail(std::string why) {
  if (failure_) return;
  failure_ = std::move(why);
  gate_dials_->Revoke();
  if (upstream_dials_) upstream_dials_->Revoke();
  // Nobody decides any more: what it still holds open ends with it.
  gate_->End(kEndLimit);
  // What a busy gate told before another part failed lies in our socket, unread so far.
  if (std::exchange(gathering_, false)) {
    do {
      if (gate_->Read([this](const wire::GateRecord& record) { TakeRecord(record); })) break;
    } while (gate_->more());
  }
  o_.recorder->TryEmit(event::GateFailedEvent(
      o_.recorder->cell(), {.phase = ready_ ? "run" : "start", .reason = *failure_, .flows_reset = events_->flows_open()}));
  for (const event::Observer observer : {event::Observer::kGateDns, event::Observer::kGateFlow, event::Observer::kGateL7,
                                         event::Observer::kGateRecord}) {
    o_.recorder->NoteHole(observer, gate_->heard(), o_.clock->Boot(), *failure_);
  }
  if (telemetry_) telemetry_->OnGateFailed(*failure_);
}

void NetworkSession::Revoke() {
  if (finished_) return;
  gate_dials_->Revoke();
  if (upstream_dials_) upstream_dials_->Revoke();
  if (secret_service_) secret_service_->Close();
  // A gate that can't be told is ended: its sockets are reset by the kernel.
  if (!failure_ && !gate_->Command({.kind = wire::GateCommandKind::kRevoke})) gate_->End(kEndLimit);
}

void NetworkSession::Finish(bool killed) {
  if (std::exchange(finished_, true)) return;
  if (secret_service_) secret_service_->Close();
  if (!failure_ && ready_) {
    // What the witness says last comes before the gate is told to stop.
    if (telemetry_) telemetry_->AwaitEnd(killed);
    gate_dials_->Revoke();
    (void)gate_->Command({.kind = wire::GateCommandKind::kStop});
    if (auto why = AwaitLastWords()) {
      finished_ = false;
      Fail(std::move(*why));
      finished_ = true;
    } else if (events_->totals()->lost > 0) {
      o_.recorder->log().CountDropped(event::Observer::kGateRecord, events_->totals()->lost);
    }
  }
  if (telemetry_) telemetry_->Close();
  if (!gate_->End(kEndLimit) && !failure_) failure_ = "cellos-gate would not die";
  if (upstream_) (void)upstream_->End(kEndLimit);
  if (refused_dials_ > kRefusalsTold && controls_) {
    o_.recorder->Find(event::Verdict::kContradiction, "gate.dial_not_granted", {*controls_},
                      fmt::format("{} requests for connections that no rule grants were refused in all", refused_dials_));
  }
}

// The gate's totals and the last packet of telemetry; why they did not come.
std::optional<std::string> NetworkSession::AwaitLastWords() {
  const base::BootTime until = o_.clock->Boot() + kTotalsLimit;
  pollfd waits[] = {{gate_->records_fd(), POLLIN, 0}, {-1, POLLIN, 0}};
  std::optional<std::string> gone;
  const auto open = [&] { return telemetry_ && !telemetry_->final_seen(); };
  while ((!events_->totals() || open()) && !gone && o_.clock->Boot() < until) {
    waits[0].fd = events_->totals() ? -1 : gate_->records_fd();
    waits[1].fd = open() ? telemetry_->fd() : -1;
    const auto left = std::chrono::ceil<milliseconds>(until - o_.clock->Boot());
    (void)o_.recorder->log().Flush();  // a failure comes back with the next event
    if (!sys::Poll(waits, std::max(left, milliseconds(1)))) break;
    if (open()) gone = telemetry_->Read();
    if (!gone && !events_->totals()) gone = gate_->Read([this](const wire::GateRecord& record) { TakeRecord(record); });
  }
  if (!events_->totals()) return gone.value_or("cellos-gate did not tell its totals");
  if (open()) return gone ? fmt::format("{}: {}", kGateProgram, *gone) : "cellos-gate did not hand on all telemetry";
  return std::nullopt;
}

void NetworkSession::OnRefusedDial(const std::string& target, const char* why) {
  if (++refused_dials_ > kRefusalsTold || !controls_) return;
  o_.recorder->Find(event::Verdict::kContradiction, "gate.dial_not_granted", {*controls_},
                    fmt::format("the gate asked for a connection to {}: {}; it was refused", base::Escape(target), why));
}

void NetworkSession::TellKernelRows() {
  if (!kernel_) return;
  const event::DecisionTrust trust{o_.settings->trust_keyset_id, o_.settings->l7_kid, spec::CanonicalSpecHash(*o_.spec)};
  const auto steered = kernel_->Finish(o_.settings->per_flow_enforcement_events, trust);
  const auto& totals = events_->totals();
  if (!steered || !totals) return;
  const std::uint64_t kernel = steered->tcp_connections, gate = totals->relay_accepts;
  const std::string text = fmt::format("the kernel steered {} connections to the gate, which accepted {}", kernel, gate);
  // A connection that ended before it was accepted is the kernel's alone; one that only the gate saw is made up.
  const auto verdict = gate == kernel  ? event::Verdict::kAgree
                       : gate < kernel ? event::Verdict::kGap
                                       : event::Verdict::kContradiction;
  o_.recorder->Find(verdict, "gate.connections", {steered->leaf}, text);
}

}  // namespace cell
