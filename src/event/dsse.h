// SPDX-License-Identifier: Apache-2.0
// DSSE v1: an envelope of a payload, its type and signatures over both.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.h"
#include "base/result.h"

namespace event {

inline constexpr std::string_view kInTotoPayloadType = "application/vnd.in-toto+json";
inline constexpr std::size_t kMaxDsseBytes = 64u << 20;
inline constexpr std::size_t kMaxDsseSignatures = 16;

struct DsseSignature {
  std::string key_id;
  base::Bytes signature;
};

struct DsseEnvelope {
  std::string payload_type;
  std::string payload;
  std::vector<DsseSignature> signatures;  // at most kMaxDsseSignatures
};

// What is signed: "DSSEv1 " length type length payload, joined by spaces.
std::string DssePae(std::string_view payload_type, std::string_view payload);

// Strict: exactly the JCS bytes of members payload, payloadType and signatures [{keyid, sig}], base64 strict, nothing
// after; text members are of characters that JCS writes as themselves. The limits are judged before anything is copied.
base::Result<DsseEnvelope> ParseDsse(std::string_view text);
std::string FormatDsse(const DsseEnvelope& envelope);

}  // namespace event
