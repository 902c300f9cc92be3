// SPDX-License-Identifier: Apache-2.0
// Messages that the gate writes itself: refusals, the forwarded question, an answer cut for UDP, aged TTLs.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "gate/dns/message.h"

namespace gate::dns {

// Extended DNS Errors (RFC 8914).
inline constexpr std::uint16_t kEdeBogus = 6, kEdeBlocked = 15, kEdeFiltered = 17, kEdeNoReachableAuthority = 22;
struct ExtendedError {
  std::uint16_t code = 0;
  std::string_view text;  // UTF-8; cut to 160 bytes
};

inline constexpr std::size_t kMaxReplyBytes = 512;
// The client's flags with QR set, RA cleared and `rcode`; its question as sent, nothing else. Where the client sent an
// OPT record, one of ours with the error. Bytes written.
std::size_t WriteReply(const Question& question, std::uint8_t rcode, const ExtendedError& error,
                       std::span<std::uint8_t, kMaxReplyBytes> out);

// Letters of a name, one bit each from the lowest: 1 upper case.
using CaseBits = std::array<std::uint64_t, 4>;
struct ForwardOptions {
  std::uint16_t id = 0;
  const CaseBits* letters = nullptr;  // null: as the client wrote them
  bool ask_dnssec = false;            // sets DO, with an OPT record of our own where there was none
};
inline constexpr std::size_t kMaxForwardBytes = kMaxForwardedBytes + 11;
// The client's message, at most its first 1,500 bytes, under another id. Bytes written. Where an OPT record of ours is
// added, bytes that nothing counts behind the question are left out.
std::size_t WriteForward(const Question& question, const ForwardOptions& options,
                         std::span<std::uint8_t, kMaxForwardBytes> out);

// What a UDP client takes: 512 bytes, or what its OPT record offers.
std::size_t UdpLimit(const Question& question);
// Cuts a well-formed answer that is longer than `limit` to its question and OPT record and sets TC. Its new size.
std::size_t CutForUdp(std::span<std::uint8_t> message, std::size_t limit);

// Id and question of `question` into an answer to it (same name in whatever letters).
void RestoreQuestion(std::span<std::uint8_t> message, const Question& question);
// Takes `seconds` off every TTL of a well-formed message, not below 0; OPT is left alone.
void AgeTtls(std::span<std::uint8_t> message, std::uint32_t seconds);

}  // namespace gate::dns
