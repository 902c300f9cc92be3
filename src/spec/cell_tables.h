// SPDX-License-Identifier: Apache-2.0
// The table of the execution cell document and of the parts other documents share with it.
#pragma once

#include "spec/field_table.h"

namespace spec {

template <>
struct EnumNames<IdentityKind> {
  static constexpr std::string_view kNames[] = {"federatedOidc"};
};
template <>
struct EnumNames<SecretDelivery> {
  static constexpr std::string_view kNames[] = {"env", "runtimeBroker", "runtimeLeasedBroker"};
};
template <>
struct EnumNames<LimitKind> {
  static constexpr std::string_view kNames[] = {"memory", "cpu", "pids"};
};
template <>
struct EnumNames<ResolverProtocol> {
  static constexpr std::string_view kNames[] = {"do53-udp", "do53-tcp", "dot", "doh", "doq"};
};
template <>
struct EnumNames<QueryType> {
  static constexpr std::string_view kNames[] = {"A", "AAAA", "CNAME", "TXT", "MX", "SRV", "NS", "PTR", "HTTPS", "SVCB"};
};
template <>
struct EnumNames<RefreshStrategy> {
  static constexpr std::string_view kNames[] = {"ttl-honor", "fixed-interval", "manual"};
};
template <>
struct EnumNames<ExportTargetKind> {
  static constexpr std::string_view kNames[] = {"http", "s3"};
};
template <>
struct EnumNames<TelemetryChannel> {
  static constexpr std::string_view kNames[] = {"vsock-cbor"};
};
template <>
struct EnumNames<AgentFailure> {
  static constexpr std::string_view kNames[] = {"fail-cell", "degrade"};
};
template <>
struct EnumNames<ProcessDetail> {
  static constexpr std::string_view kNames[] = {"starts", "full"};
};

#define CELLOS_SHAPE(Type)           \
  template <>                        \
  struct ShapeOf<Type> {             \
    static const ObjectShape kShape; \
  }
CELLOS_SHAPE(CellDocument);
CELLOS_SHAPE(CellSpec);
CELLOS_SHAPE(Correlation);
CELLOS_SHAPE(GitIngress);
CELLOS_SHAPE(OciImageIngress);
CELLOS_SHAPE(Ingress);
CELLOS_SHAPE(Environment);
CELLOS_SHAPE(Placement);
CELLOS_SHAPE(PolicyClaim);
CELLOS_SHAPE(Identity);
CELLOS_SHAPE(CpuMax);
CELLOS_SHAPE(RunLimits);
CELLOS_SHAPE(RunSpec);
CELLOS_SHAPE(EgressRule);
CELLOS_SHAPE(Capability);
CELLOS_SHAPE(DerivationStep);
CELLOS_SHAPE(GrantorSignature);
CELLOS_SHAPE(AuthorityDerivation);
CELLOS_SHAPE(Dnssec);
CELLOS_SHAPE(Resolver);
CELLOS_SHAPE(RefreshPolicy);
CELLOS_SHAPE(RebindingPolicy);
CELLOS_SHAPE(DnsBudget);
CELLOS_SHAPE(DnsAuthority);
CELLOS_SHAPE(CdnProvider);
CELLOS_SHAPE(CdnAuthority);
CELLOS_SHAPE(Authority);
CELLOS_SHAPE(Lifetime);
CELLOS_SHAPE(ExportArtifact);
CELLOS_SHAPE(Export);
CELLOS_SHAPE(RateLimits);
CELLOS_SHAPE(HostVsGuestFields);
CELLOS_SHAPE(Telemetry);

// By the tag "kind": http, then s3.
extern const ObjectShape kExportTargetShapes[2];

template <>
struct Codec<ExportTarget> {
  static constexpr TypeShape kType{
      .shape = Shape::kTagged, .names = EnumNames<ExportTargetKind>::kNames, .object = kExportTargetShapes};
  static bool Decode(ExportTarget& to, const json::Value& value, Decoder& decoder);
  static void Encode(const ExportTarget& from, std::string& out);
};

// Any JSON without floating point numbers, kept in form V.
template <>
struct Codec<FilesystemAuthority> {
  static constexpr TypeShape kType{.shape = Shape::kAny};
  static bool Decode(FilesystemAuthority& to, const json::Value& value, Decoder& decoder);
  static void Encode(const FilesystemAuthority& from, std::string& out) { out += from.canonical; }
};
template <>
struct Codec<NetworkAuthority> {
  static constexpr TypeShape kType{.shape = Shape::kAny};
  static bool Decode(NetworkAuthority& to, const json::Value& value, Decoder& decoder);
  static void Encode(const NetworkAuthority& from, std::string& out) { out += from.canonical; }
};

}  // namespace spec
