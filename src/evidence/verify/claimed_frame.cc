// SPDX-License-Identifier: Apache-2.0
#include "evidence/verify/claimed_frame.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "event/guest_events.h"
#include "event/types.h"
#include "wire/telemetry_frame.h"

namespace evidence {
namespace {

std::unexpected<base::Error> Bad(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, std::move(message));
}

base::Result<wire::TelemetryFrame> Decode(std::string_view frame) {
  if (frame.size() < wire::kFrameHeader) return Bad("it has no header");
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(frame.data());
  wire::TelemetryFrame decoded;
  const wire::HostFrameFault fault =
      wire::DecodeHostFrame(bytes + wire::kFrameHeader, frame.size() - wire::kFrameHeader, true, &decoded);
  if (fault != wire::HostFrameFault::kNone) {
    return Bad(fmt::format("it does not decode: {}", wire::HostFrameFaultText(fault)));
  }
  return decoded;
}

std::string_view TypeOf(wire::ProbeSource source) {
  if (source == wire::ProbeSource::kAgentExitStatus) return event::kGuestProcessExitStatus;
  return event::GuestTypeOf(wire::ProbeSourceText(source));
}

base::Result<> CompareNumber(const char* name, std::optional<std::uint64_t> leaf, std::uint64_t frame) {
  if (leaf == frame) return {};
  return Bad(fmt::format("the leaf's {} is {}, the frame's {}", name, leaf ? fmt::to_string(*leaf) : "none", frame));
}

base::Result<> CompareText(const char* name, const std::optional<std::string>& leaf, std::string_view frame) {
  if (leaf == frame) return {};
  return Bad(fmt::format("the leaf's {} is {}, the frame's {}", name, leaf ? base::Escape(*leaf) : "none",
                         base::Escape(frame)));
}

base::Result<> CompareCause(std::string_view cause, std::uint64_t told) {
  const bool killed = (told & wire::kExitBySignal) != 0;
  TRY(CompareText("cause.kind", StringOf(FindMember(cause, "kind")),
                  event::ToString(killed ? event::ExitKind::kSignal : event::ExitKind::kExited)));
  return CompareNumber("cause.status", UintOf(FindMember(cause, "status")), static_cast<std::uint32_t>(told));
}

}  // namespace

base::Result<> CheckClaimAgainstFrame(const LeafFacts& facts, const JcsScanner& leaf, std::string_view frame) {
  if (facts.observer != event::Observer::kAgent) return {};
  const wire::TelemetryFrame told = TRY(Decode(frame));
  TRY(CompareText("type", std::string(facts.type), TypeOf(told.source)));
  const std::string_view guest = leaf.FindData("guest");
  TRY(CompareText("probeSource", StringOf(FindMember(guest, "probeSource")), wire::ProbeSourceText(told.source)));
  TRY(CompareNumber("guestPid", UintOf(FindMember(guest, "guestPid")), told.guest_pid));
  TRY(CompareText("guestComm", StringOf(FindMember(guest, "guestComm")), {told.comm, told.comm_size}));
  if (told.source == wire::ProbeSource::kAgentExitStatus) {
    return CompareCause(leaf.FindData("cause"), told.guest_monotonic_ns);
  }
  return CompareNumber("guestMonotonicNs", UintOf(FindMember(guest, "guestMonotonicNs")), told.guest_monotonic_ns);
}

}  // namespace evidence
