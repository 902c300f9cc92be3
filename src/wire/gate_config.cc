// SPDX-License-Identifier: Apache-2.0
// Reading a gate's configuration: every count, text and enumerator is judged before a view is given.
#include "wire/gate_config.h"

namespace wire {
namespace {

static_assert(sizeof(GateConfigHeader) % 8 == 0 && sizeof(GateRule) % 8 == 0 && sizeof(GateName) % 8 == 0 &&
              sizeof(GateResolver) % 8 == 0 && sizeof(GateResponseRule) % 8 == 0 && sizeof(GateAddress) % 8 == 0 &&
              sizeof(GateSecret) % 8 == 0);

constexpr std::uint32_t kMaxGateResponses = 16384, kMaxGateHostAddresses = 4096;

// Printable ASCII, then nothing but NULs.
template <std::size_t size>
bool IsText(const char (&text)[size]) {
  std::size_t end = 0;
  while (end < size && text[end] != 0) {
    if (text[end] < 0x20 || text[end] > 0x7e) return false;
    ++end;
  }
  if (end == size) return false;
  for (std::size_t i = end; i < size; ++i) {
    if (text[i] != 0) return false;
  }
  return true;
}

template <std::size_t size>
bool IsFilledText(const char (&text)[size]) {
  return text[0] != 0 && IsText(text);
}

bool IsAddress(const GateAddress& address) {
  if (address.v6 > 1 || address.prefix > (address.v6 != 0 ? 128 : 32)) return false;
  if (address.v6 != 0) return true;
  for (std::size_t i = 4; i < sizeof address.bytes; ++i) {
    if (address.bytes[i] != 0) return false;
  }
  return true;
}

GateConfigFault CheckRule(const GateRule& rule) {
  if (rule.form > HostForm::kWildcard || rule.protocol > FlowProtocol::kUdp) return GateConfigFault::kEnum;
  if (!IsFilledText(rule.host)) return GateConfigFault::kText;
  return IsAddress(rule.address) ? GateConfigFault::kNone : GateConfigFault::kAddress;
}

GateConfigFault CheckName(const GateName& name) {
  if (name.source > NameSource::kEgressRules) return GateConfigFault::kEnum;
  return IsFilledText(name.pattern) ? GateConfigFault::kNone : GateConfigFault::kText;
}

GateConfigFault CheckResolver(const GateResolver& resolver) {
  if (resolver.transport > Transport::kDoh || resolver.dnssec > DnssecMode::kRequire || resolver.via_upstream > 1) {
    return GateConfigFault::kEnum;
  }
  if (!IsFilledText(resolver.id) || !IsText(resolver.server_name) || !IsText(resolver.path)) {
    return GateConfigFault::kText;
  }
  return IsAddress(resolver.address) ? GateConfigFault::kNone : GateConfigFault::kAddress;
}

GateConfigFault CheckResponse(const GateResponseRule& rule) {
  if (!IsFilledText(rule.host)) return GateConfigFault::kText;
  return IsAddress(rule.address) ? GateConfigFault::kNone : GateConfigFault::kAddress;
}

GateConfigFault CheckHostAddress(const GateAddress& address) {
  return IsAddress(address) ? GateConfigFault::kNone : GateConfigFault::kAddress;
}

GateConfigFault CheckSecret(const GateSecret& secret) {
  return IsFilledText(secret.key) ? GateConfigFault::kNone : GateConfigFault::kText;
}

GateConfigFault CheckHeader(const GateConfigHeader& header) {
  if (header.rules > kMaxGateRules || header.names > kMaxGateNames || header.resolvers > kMaxGateResolvers ||
      header.responses > kMaxGateResponses || header.host_addresses > kMaxGateHostAddresses ||
      header.secrets > kMaxGateSecrets || header.filter_bytes > kMaxFilterBytes || header.filter_bytes % 8 != 0 ||
      header.udp_ports > kMaxGateUdpPorts || header.query_type_count > 16) {
    return GateConfigFault::kCount;
  }
  if (header.reject_on_rebind > 1 || header.has_dns_authority > 1 || header.network > 1 ||
      header.telemetry > TelemetryMode::kPassed || header.telemetry_ours > 1 || header.refresh.at_start > 1 ||
      header.refresh.continuous > 1 || header.refresh.manual > 1 || header.refresh.resolve_egress > 1) {
    return GateConfigFault::kEnum;
  }
  if (header.telemetry != TelemetryMode::kNone &&
      (header.telemetry_frames_per_second == 0 || header.telemetry_bytes_per_second == 0)) {
    return GateConfigFault::kCount;
  }
  const auto* token = reinterpret_cast<const char*>(header.secret_token);
  return IsText(*reinterpret_cast<const char(*)[sizeof header.secret_token]>(token)) ? GateConfigFault::kNone
                                                                                     : GateConfigFault::kText;
}

// Gives the rows that begin at `*at` and moves behind them; the bytes were counted before.
template <class Row, class Check>
GateConfigFault Rows(const std::uint8_t** at, std::uint32_t count, const Row** rows, Check check) {
  *rows = reinterpret_cast<const Row*>(*at);
  *at += sizeof(Row) * count;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (const GateConfigFault fault = check((*rows)[i]); fault != GateConfigFault::kNone) return fault;
  }
  return GateConfigFault::kNone;
}

}  // namespace

GateConfigFault DecodeGateConfig(Bytes bytes, GateConfig* config) {
  *config = {};
  if (bytes.size > kMaxGateConfigBytes) return GateConfigFault::kTooLarge;
  if (bytes.data == nullptr || bytes.size < sizeof(GateConfigHeader)) return GateConfigFault::kTooShort;
  const auto& header = *reinterpret_cast<const GateConfigHeader*>(bytes.data);
  if (header.magic != kGateConfigMagic) return GateConfigFault::kMagic;
  if (const GateConfigFault fault = CheckHeader(header); fault != GateConfigFault::kNone) return fault;
  const std::size_t size = sizeof header + sizeof(GateRule) * header.rules + sizeof(GateName) * header.names +
                           sizeof(GateResolver) * header.resolvers + sizeof(GateResponseRule) * header.responses +
                           sizeof(GateAddress) * header.host_addresses + sizeof(GateSecret) * header.secrets +
                           header.filter_bytes;
  if (header.size != bytes.size || size != bytes.size) return GateConfigFault::kSize;

  GateConfig read;
  read.header = &header;
  const std::uint8_t* at = bytes.data + sizeof header;
  GateConfigFault fault = Rows(&at, header.rules, &read.rules, CheckRule);
  if (fault == GateConfigFault::kNone) fault = Rows(&at, header.names, &read.names, CheckName);
  if (fault == GateConfigFault::kNone) fault = Rows(&at, header.resolvers, &read.resolvers, CheckResolver);
  if (fault == GateConfigFault::kNone) fault = Rows(&at, header.responses, &read.responses, CheckResponse);
  if (fault == GateConfigFault::kNone) fault = Rows(&at, header.host_addresses, &read.host_addresses, CheckHostAddress);
  if (fault == GateConfigFault::kNone) fault = Rows(&at, header.secrets, &read.secrets, CheckSecret);
  if (fault != GateConfigFault::kNone) return fault;
  read.filter = {at, header.filter_bytes};
  *config = read;
  return GateConfigFault::kNone;
}

}  // namespace wire
