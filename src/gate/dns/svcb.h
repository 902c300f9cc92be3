// SPDX-License-Identifier: Apache-2.0
// Data of HTTPS and SVCB records (RFC 9460): read strictly, rewritten without what policy takes out.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "gate/dns/message.h"

namespace gate::dns {

inline constexpr std::uint16_t kSvcMandatory = 0, kSvcAlpn = 1, kSvcNoDefaultAlpn = 2, kSvcPort = 3, kSvcIpv4Hint = 4,
                               kSvcEch = 5, kSvcIpv6Hint = 6;

struct SvcParam {
  std::uint16_t key = 0;
  std::uint16_t offset = 0;  // of the value in the record's data
  std::uint16_t size = 0;
};
struct Svcb {
  std::uint16_t priority = 0;
  std::uint16_t params_at = 0;        // offset of the first parameter
  Name target;                        // the root: the owner itself
  std::vector<SvcParam> params;       // keys strictly ascending
  bool has(std::uint16_t key) const;
};
// False when it does not parse: compressed or cut target, keys out of order, a known value of a wrong form, or a
// mandatory key that is missing.
bool ReadSvcb(Bytes data, Svcb* svcb);

// Appends the data without `ech` (unless kept) and without the hints at the offsets `refused` (ascending); a parameter
// left empty goes, from the mandatory list too.
void WriteSvcb(Bytes data, const Svcb& svcb, bool keep_ech, std::span<const std::uint16_t> refused,
               std::vector<std::uint8_t>* out);

}  // namespace gate::dns
