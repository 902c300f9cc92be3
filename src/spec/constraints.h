// SPDX-License-Identifier: Apache-2.0
// What members must satisfy beyond their type, in words and as JSON Schema. The rules themselves are in primitives.h
// and validate.cc; a test holds the two together.
#pragma once

#include "spec/field_table.h"

namespace spec {

inline constexpr Constraint kApiVersion{"exactly cellos.io/v1", R"("const":"cellos.io/v1")"};
inline constexpr Constraint kCellKind{"exactly ExecutionCell", R"("const":"ExecutionCell")"};
inline constexpr Constraint kPackKind{"exactly PolicyPack", R"("const":"PolicyPack")"};
inline constexpr Constraint kAuthorizationKind{"exactly AuthorizationPolicy", R"("const":"AuthorizationPolicy")"};
inline constexpr Constraint kEd25519{"exactly ed25519; judged with the signature", ""};
inline constexpr Constraint kPayloadType{"exactly application/vnd.cellos.trust-keyset-v1+json",
                                         R"("const":"application/vnd.cellos.trust-keyset-v1+json")"};
// The shape that is granted; the decoder takes any JSON, which admission then refuses.
inline constexpr Constraint kFilesystemShape{
    "{\"readable\":[P…],\"writable\":[P…]}, P an absolute path or {\"source\":P,\"target\":P}",
    R"x("anyOf":[{"type":"null"},{"type":"object","additionalProperties":false,"properties":{)x"
    R"x("readable":{"type":"array","items":{"$ref":"#/$defs/Path"}},"writable":{"type":"array","items":{"$ref":"#/$defs/Path"}}}}])x"};
inline constexpr Constraint kNetworkShape{
    "absent or {\"mode\":\"declared\"}",
    R"x("anyOf":[{"type":"null"},{"type":"object","additionalProperties":false,"required":["mode"],"properties":{"mode":{"const":"declared"}}}])x"};
inline constexpr Constraint kPortableId{
    "a portable id: 1 to 128 of letters, digits, '.', '_' and '-', a letter or digit first, no '..'",
    R"("pattern":"^(?!.*\\.\\.)[A-Za-z0-9][A-Za-z0-9._-]*$","maxLength":128)"};
inline constexpr Constraint kTenant{"a portable id without '.'",
                                    R"("pattern":"^[A-Za-z0-9][A-Za-z0-9_-]*$","maxLength":128)"};
inline constexpr Constraint kNamespace{"1 to 63 of a-z, 0-9 and '-', a letter or digit at both ends",
                                       R"("pattern":"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$","maxLength":63)"};
inline constexpr Constraint kImageDigest{"sha256: and 64 lower-case hexadecimal digits",
                                         R"("pattern":"^sha256:[0-9a-f]{64}$")"};
inline constexpr Constraint kNotEmpty{"not empty", R"("minLength":1)"};
inline constexpr Constraint kPositive{"at least 1", R"("minimum":1)"};
inline constexpr Constraint kGrace{"1 to 120", R"("minimum":1,"maximum":120)"};
inline constexpr Constraint kPort{"1 to 65535", R"("minimum":1)"};
inline constexpr Constraint kArgv{
    "at least one element, none empty or with U+0000; as base64 of the JSON array at most 3072 bytes",
    R"("minItems":1)"};
inline constexpr Constraint kAbsolutePath{"an absolute path without '..'", R"x("pattern":"^/(?!(.*/)?\\.\\.(/|$))")x"};
inline constexpr Constraint kUnique{"each once", R"("uniqueItems":true)"};
inline constexpr Constraint kListNotEmpty{"at least one", R"("minItems":1)"};
inline constexpr Constraint kHost{"an address, a CIDR, a name or *.name; no white space, controls or metacharacters",
                                  R"("minLength":1)"};
inline constexpr Constraint kProtocol{"tcp, udp, http, https or dns-acknowledged",
                                      R"("enum":["tcp","udp","http","https","dns-acknowledged",null])"};
inline constexpr Constraint kPattern{"a host name of at least two labels, or *.name", R"("maxLength":253)"};
inline constexpr Constraint kRebindEntry{"hostname:address or hostname:CIDR", ""};
inline constexpr Constraint kEndpoint{"do53 and dot: ip:port or [v6]:port; doh: https://…; doq: quic://… or host:port",
                                      R"("minLength":1)"};
inline constexpr Constraint kExportUrl{"an absolute http or https URL without user, query and fragment", ""};
inline constexpr Constraint kBucket{"3 to 63 bytes", R"("minLength":3,"maxLength":63)"};
inline constexpr Constraint kSemver{"MAJOR.MINOR.PATCH, optionally -PRERELEASE", ""};
inline constexpr Constraint kEnvVariables{
    "at most 256 entries and 32 KiB; names [A-Za-z_][A-Za-z0-9_]*, no loader or shell hooks, no CELLOS_*",
    R"("maxProperties":256,"propertyNames":{"pattern":"^[A-Za-z_][A-Za-z0-9_]*$"})"};
inline constexpr Constraint kKeysetSchemaVersion{"exactly 1.0.0", R"("const":"1.0.0")"};

}  // namespace spec
