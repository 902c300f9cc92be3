// SPDX-License-Identifier: Apache-2.0
// Where validation starts: DS and DNSKEY records that are trusted without proof.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace upstream {

struct TrustAnchors {
  std::vector<std::string> records;  // one line each
  std::vector<std::string> owners;   // wire form, lower-case
  // Whether an anchor stands at or above the name: without one nothing about it can be proven, not even that it is unsigned.
  bool Covers(std::string_view folded_wire_name) const;
};

// The DS records of the root's keys of 2017 and 2024, as IANA publishes them.
TrustAnchors IanaRoot();

// Lines "owner [TTL] [IN] DS|DNSKEY …"; empty lines and what follows ';' are left out. At most 32 KiB; directives, records
// over several lines, other types and no record at all are kInvalid with the line's number.
base::Result<TrustAnchors> ParseTrustAnchors(std::string_view text);

}  // namespace upstream
