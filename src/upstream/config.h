// SPDX-License-Identifier: Apache-2.0
// What cellos-upstream is started with: its descriptors, its bounds, what it says when it stands.
//
// Two processes: the relay, which the launcher starts and which holds the connections, and where something is validated the
// validator, forked from it, which runs libunbound (validator_process.h). Neither can do what the other one does
// (system_calls.h). It is started only where a resolver of the plan is DoT, DoH or validated: by the same launcher as the gate, in an empty
// network namespace whose loopback is up, with an empty root and no capability. Order of its life: read configuration,
// certificates and trust anchors; fork the validator; set limits; install the filters; read its own state back; say kReady on
// kRecordsFd; then serve until the gate or the supervisor closes its end.
#pragma once

#include <chrono>
#include <cstddef>

namespace upstream {

// Descriptors at the start, in this order.
inline constexpr int kConfigFd = 3;   // sealed memory, wire/gate_config.h: resolvers, limits.upstream_ms and the filter (of
                                      // this process, not of the gate) are used
inline constexpr int kRecordsFd = 4;  // seqpacket to the supervisor: GateRecord up (kReady, kBeat, kFailing); its end of file
                                      // ends the process
inline constexpr int kDialFd = 5;     // seqpacket: DialRequest (purpose resolver) up, DialReply with a descriptor down
inline constexpr int kGateFd = 6;     // seqpacket to the gate: UpstreamRequest in, UpstreamReply out
inline constexpr int kCertificatesFd = 7;  // PEM certificates of the authorities that are trusted (DoT, DoH), or /dev/null
inline constexpr int kAnchorsFd = 8;       // regular file of trust anchors, or /dev/null: the IANA root's

inline constexpr std::size_t kMaxCertificatesBytes = 4u << 20;
inline constexpr std::size_t kMaxAnchorsBytes = 32u << 10;
inline constexpr std::size_t kMaxInFlight = 512;  // questions of the gate, and exchanges of one resolver

// Every time here follows from limits.upstream_ms (U), which is also how long the gate waits for one resolver: an exchange
// over a connection that stands is bounded by U, making a connection (dial, TCP, TLS) by U more, a validated lookup, which needs
// several exchanges, by 2 U. What the gate no longer waits for goes on to its bound, so that the next question finds the
// connection, the keys and the answer there.
inline constexpr int kConnectFactor = 1;
inline constexpr int kLookupFactor = 2;
// A connection without a question is closed after this time.
inline constexpr std::chrono::milliseconds kIdleClose{10'000};

}  // namespace upstream
