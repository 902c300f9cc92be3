// SPDX-License-Identifier: Apache-2.0
// Canonical byte forms of a value: forms V and C of the published formats, and RFC 8785 with 64-bit integers for the
// log.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "json/reader.h"
#include "json/value.h"

namespace json {

// Members at every level sorted by code point; numbers: integers in decimal, doubles shortest with at least one decimal
// (1.0), exponent with sign from 1e16 on and below 1e-5, -0.0 kept. Forms V and C differ only in what they are applied
// to.
std::string Sorted(const Value& value);
void AppendSorted(std::string& out, const Value& value);
void AppendNumber(std::string& out, const Value& number);

// JCS of the run log: members sorted by UTF-16 code units, integers -2^63…2^64-1 only. nullopt when `value` holds any
// other number.
std::optional<std::string> Jcs(const Value& value);

// True when `text` is exactly the JCS bytes of one object nested at most `max_depth` levels.
bool IsCanonicalJcs(std::string_view text, unsigned max_depth = 32);

// Order of two member names by UTF-16 code units: what JCS sorts by.
bool Utf16Less(std::string_view a, std::string_view b);

}  // namespace json
