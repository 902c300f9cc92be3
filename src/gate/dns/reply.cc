// SPDX-License-Identifier: Apache-2.0
// Writing into buffers of the caller; nothing here allocates.
#include "gate/dns/reply.h"

#include <string.h>

#include <algorithm>

namespace gate::dns {
namespace {

constexpr std::size_t kOptBytes = 11, kMaxErrorText = 160;
constexpr std::uint16_t kOwnUdpBytes = 1232;  // what fits every path without fragments
constexpr std::uint16_t kOptionExtendedError = 15;
constexpr std::size_t kMinUdpBytes = 512, kMaxUdpBytes = 65507;

std::size_t WriteOpt(std::uint8_t* out, bool dnssec_ok) {
  memset(out, 0, kOptBytes);
  Write16(out + 1, kTypeOpt);
  Write16(out + 3, kOwnUdpBytes);
  if (dnssec_ok) out[7] = 0x80;
  return kOptBytes;
}

void Flip(std::uint8_t* name, const CaseBits& letters) {
  std::size_t bit = 0;
  for (std::size_t at = 0; name[at] != 0;) {
    const std::size_t length = name[at];
    for (std::size_t i = 1; i <= length; ++i) {
      std::uint8_t& byte = name[at + i];
      if (!IsLetter(byte)) continue;
      const bool upper = (letters[bit / 64 % letters.size()] >> bit % 64 & 1) != 0;
      byte = static_cast<std::uint8_t>(upper ? byte & ~0x20 : byte | 0x20);
      ++bit;
    }
    at += 1 + length;
  }
}

// Only to get behind a name of a message that was checked; still total.
std::size_t Behind(Bytes message, std::size_t at) {
  while (at < message.size() && message[at] != 0) {
    if ((message[at] & 0xc0) != 0) return at + 2;
    at += 1u + message[at];
  }
  return at + 1;
}

// Calls visit(start, fixed, end) for each record; `fixed` is where its type stands.
template <typename Visit>
void EachRecord(Bytes message, Visit visit) {
  if (message.size() < kHeaderBytes) return;
  const std::uint32_t records =
      std::uint32_t{Read16(message, 6)} + Read16(message, 8) + Read16(message, 10);
  std::size_t at = Behind(message, kHeaderBytes) + 4;
  for (std::uint32_t i = 0; i < records; ++i) {
    const std::size_t start = at, fixed = Behind(message, at);
    if (fixed + 10 > message.size()) return;
    at = fixed + 10 + Read16(message, fixed + 8);
    if (at > message.size()) return;
    visit(start, fixed, at);
  }
}

}  // namespace

std::size_t WriteReply(const Question& question, std::uint8_t rcode, const ExtendedError& error,
                       std::span<std::uint8_t, kMaxReplyBytes> out) {
  std::uint8_t* to = out.data();
  memset(to, 0, kHeaderBytes);
  Write16(to, question.id);
  Write16(to + 2, static_cast<std::uint16_t>((question.flags & ~(kFlagRa | kMaskRcode)) | kFlagQr | rcode));
  Write16(to + 4, 1);
  const Bytes section = question.section();
  memcpy(to + kHeaderBytes, section.data(), section.size());
  std::size_t size = kHeaderBytes + section.size();
  if (!question.edns) return size;

  Write16(to + 10, 1);
  std::uint8_t* opt = to + size;
  size += WriteOpt(opt, question.dnssec_ok);
  if (error.code == 0) return size;
  const std::size_t text = std::min(error.text.size(), kMaxErrorText);
  Write16(opt + 9, static_cast<std::uint16_t>(6 + text));
  Write16(to + size, kOptionExtendedError);
  Write16(to + size + 2, static_cast<std::uint16_t>(2 + text));
  Write16(to + size + 4, error.code);
  memcpy(to + size + 6, error.text.data(), text);
  return size + 6 + text;
}

std::size_t WriteForward(const Question& question, const ForwardOptions& options,
                         std::span<std::uint8_t, kMaxForwardBytes> out) {
  const bool own_opt = options.ask_dnssec && !question.edns;
  const std::size_t whole = own_opt ? kHeaderBytes + question.section_bytes : question.message.size();
  std::size_t size = std::min(whole, kMaxForwardedBytes);
  std::uint8_t* to = out.data();
  memcpy(to, question.message.data(), size);
  Write16(to, options.id);
  if (options.letters != nullptr) Flip(to + kHeaderBytes, *options.letters);
  if (own_opt) {
    size += WriteOpt(to + size, true);
    Write16(to + 10, 1);
  } else if (options.ask_dnssec && question.edns_at + kOptBytes <= size) {
    to[question.edns_at + 7u] |= 0x80;
  }
  return size;
}

std::size_t UdpLimit(const Question& question) {
  return std::clamp<std::size_t>(question.edns_bytes, kMinUdpBytes, kMaxUdpBytes);
}

std::size_t CutForUdp(std::span<std::uint8_t> message, std::size_t limit) {
  if (message.size() <= limit || message.size() < kHeaderBytes) return message.size();
  std::size_t opt = 0, opt_end = 0;
  EachRecord(message, [&](std::size_t start, std::size_t fixed, std::size_t end) {
    if (Read16(message, fixed) != kTypeOpt || opt != 0) return;
    opt = start;
    opt_end = end;
  });
  std::size_t size = std::min(Behind(message, kHeaderBytes) + 4, message.size());
  Write16(message.data() + 2, Read16(message, 2) | kFlagTc);
  memset(message.data() + 6, 0, 6);
  if (opt != 0 && opt >= size && size + kOptBytes <= limit) {
    const bool whole = size + (opt_end - opt) <= limit;
    const std::size_t kept = whole ? opt_end - opt : kOptBytes;
    memmove(message.data() + size, message.data() + opt, kept);
    if (!whole) Write16(message.data() + size + kOptBytes - 2, 0);
    Write16(message.data() + 10, 1);
    size += kept;
  }
  return size;
}

void RestoreQuestion(std::span<std::uint8_t> message, const Question& question) {
  const Bytes section = question.section();
  if (message.size() < kHeaderBytes + section.size()) return;
  Write16(message.data(), question.id);
  memcpy(message.data() + kHeaderBytes, section.data(), section.size());
}

void AgeTtls(std::span<std::uint8_t> message, std::uint32_t seconds) {
  EachRecord(message, [&](std::size_t, std::size_t fixed, std::size_t) {
    if (Read16(message, fixed) == kTypeOpt) return;
    const std::uint32_t ttl = Read32(message, fixed + 4);
    Write32(message.data() + fixed + 4, ttl > seconds ? ttl - seconds : 0);
  });
}

}  // namespace gate::dns
