// SPDX-License-Identifier: Apache-2.0
// Composition, beats, commands.
#include "gate/process/gate.h"

#include <errno.h>

#include <algorithm>

#include "sys/inet.h"
#include "sys/memory.h"

namespace gate {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kPipes = 128;
constexpr std::uint64_t kForItself = 256;  // its own descriptors, those in the cell, and the DNS proxy's upstreams
constexpr std::uint64_t kUdpShare = 4;     // of the flows, at most one in so many is a UDP association
constexpr milliseconds kLastWords{2000};   // for the supervisor to take them

}  // namespace

std::uint64_t Gate::DescriptorsFor(const wire::GateLimits& limits) {
  return kForItself + limits.tcp_dns_clients + 2 * kPipes + std::uint64_t{2} * limits.flows + limits.flows / kUdpShare;
}

Gate::Gate(const base::Clock& clock, std::unique_ptr<Loop> loop, Grants grants)
    : clock_(clock),
      loop_(std::move(loop)),
      grants_(std::move(grants)),
      credits_(grants_.limits().answer_entries),
      reporter_(*loop_, clock, wire::kGateRecordsFd, {.denials_per_second = grants_.limits().denials_per_second}),
      dialler_(*loop_, wire::kGateDialFd) {}

base::Result<std::unique_ptr<Gate>> Gate::Create(const base::Clock& clock, Grants grants, const CellSockets& sockets,
                                                 std::uint64_t descriptors) {
  std::unique_ptr<Loop> loop = TRY(Loop::Create(clock));
  std::unique_ptr<Gate> gate(new Gate(clock, std::move(loop), std::move(grants)));
  TRY(gate->reporter_.WatchInput([raw = gate.get()] { raw->OnCommands(); }));
  if (gate->grants_.header().network != 0) TRY(gate->StartNetwork(sockets, descriptors));
  if (sockets.secrets >= 0 && gate->grants_.header().secret_token[0] != 0) {
    gate->secrets_ =
        TRY(SecretSocket::Create(*gate->loop_, gate->grants_, gate->reporter_, sockets.secrets, wire::kGateSecretsFd));
  }
  if (gate->grants_.header().telemetry != wire::TelemetryMode::kNone) TRY(gate->StartTelemetry());
  return gate;
}

base::Result<> Gate::StartTelemetry() {
  const wire::GateConfigHeader& header = grants_.header();
  TelemetryChannel::Options options{
      .frames = wire::kGateFramesFd,
      .budget = {header.telemetry_frames_per_second, header.telemetry_bytes_per_second},
      .ours = header.telemetry_ours != 0};
  if (header.telemetry == wire::TelemetryMode::kStream) {
    options.stream = base::UniqueFd(wire::kGateTelemetryFd);
    TRY(sys::SetNonBlocking(options.stream.get()));
  }
  telemetry_ = TRY_WITH("receiving telemetry", TelemetryChannel::Create(*loop_, clock_, std::move(options)));
  return {};
}

base::Result<> Gate::StartNetwork(const CellSockets& sockets, std::uint64_t descriptors) {
  TRY(dialler_.Start());
  const wire::GateLimits& limits = grants_.limits();
  const std::uint64_t for_others = kForItself + limits.tcp_dns_clients + 2 * kPipes;
  const std::uint64_t for_flows = descriptors - std::min(descriptors, for_others);
  // Two descriptors a flow, and a quarter of one for the share of UDP.
  const std::uint64_t most = std::max(limits.flows, 1u);
  const auto flows = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(for_flows * 4 / 9, 1, most));
  const RelayBounds bounds = {.flows = flows, .half_open = std::min(limits.half_open, flows), .pipes = kPipes};
  relay_ = TRY(Relay::Create(
      {*loop_, grants_, credits_, reporter_, dialler_, destinations_, [this] { return reporter_.Congested(); }},
      {sockets.relay4, sockets.relay6}, bounds));
  std::vector<UdpRelay::Port> ports;
  for (std::size_t i = 0; i < sockets.udp.size(); ++i) {
    ports.push_back({grants_.header().udp_port[i], sockets.udp[i].v4, sockets.udp[i].v6});
  }
  udp_ = TRY(UdpRelay::Create({*loop_, grants_, credits_, reporter_, dialler_}, std::move(ports),
                              std::max<std::size_t>(flows / kUdpShare, 1)));
  const int upstream = IsSocket(wire::kGateUpstreamFd) ? wire::kGateUpstreamFd : -1;
  proxy_ = TRY(dns::Proxy::Create({*loop_, grants_, reporter_, dialler_, credits_},
                                  {sockets.dns_udp4, sockets.dns_udp6, sockets.dns_tcp4, sockets.dns_tcp6, upstream}));
  return {};
}

base::Result<> Gate::Run(std::uint32_t lock) {
  wire::GateRecord ready;
  ready.kind = wire::GateRecordKind::kReady;
  ready.count = lock;
  reporter_.Report(ready);
  // The supervisor opens no barrier before it has read this.
  reporter_.Flush();
  Beat();
  return loop_->Run();
}

std::uint32_t Gate::OpenFlows() const {
  const std::size_t tcp = relay_ ? relay_->open() : 0, udp = udp_ ? udp_->open() : 0;
  return static_cast<std::uint32_t>(tcp + udp);
}

void Gate::Beat() {
  if (stopping_) return;
  if (reporter_.Broken()) return loop_->Stop();
  wire::GateRecord beat;
  beat.count = OpenFlows();
  const std::uint64_t id = reporter_.Report(beat);
  // Since the beat before nothing was decided: what the work left behind is given back, once.
  const bool idle = id == last_beat_ + 1 && beat.count == 0;
  last_beat_ = id;
  if (idle && !std::exchange(released_, true)) sys::ReleaseUnusedMemory();
  if (!idle) released_ = false;
  credits_.Sweep(loop_->Now());
  // Somewhat before it is due, so that a busy round does not make it late.
  loop_->At(loop_->Now() + milliseconds(wire::kGateBeatMs * 4 / 5), [this] { Beat(); });
}

void Gate::OnCommands() {
  for (;;) {
    wire::GateCommand command;
    const long got = sys::Receive(wire::kGateRecordsFd, {reinterpret_cast<std::uint8_t*>(&command), sizeof command});
    if (got == -EAGAIN) return;
    // The supervisor is gone, and with it everybody who would hear of what is done here.
    if (got <= 0) return loop_->Stop();
    if (got == sizeof command) Obey(command);
  }
}

void Gate::Obey(const wire::GateCommand& command) {
  switch (command.kind) {
    case wire::GateCommandKind::kRevoke:
      return Revoke();
    case wire::GateCommandKind::kStop:
      return Stop();
    case wire::GateCommandKind::kRefresh:
      if (proxy_ && command.index < grants_.names().size()) proxy_->Refresh(command.index);
      return;
  }
}

void Gate::Revoke() {
  if (proxy_) proxy_->Revoke();
  if (relay_) relay_->Revoke();
  if (udp_) udp_->Revoke();
  if (secrets_) secrets_->Revoke();
}

void Gate::Stop() {
  if (std::exchange(stopping_, true)) return;
  Revoke();
  reporter_.Flush();
  reporter_.TellSuppressed();
  wire::GateRecord last;
  last.kind = wire::GateRecordKind::kTotals;
  if (proxy_) proxy_->AddTo(&last.totals);
  if (relay_) relay_->AddTo(&last.totals);
  if (udp_) udp_->AddTo(&last.totals);
  reporter_.AddTo(&last.totals);
  reporter_.Report(last);
  if (telemetry_) telemetry_->Stop();
  loop_->OnRoundEnd([this] {
    const bool told = reporter_.Empty() && (!telemetry_ || telemetry_->done());
    if (told || reporter_.Broken()) loop_->Stop();
  });
  loop_->At(loop_->Now() + kLastWords, [this] { loop_->Stop(); });
}

}  // namespace gate
