// SPDX-License-Identifier: Apache-2.0
// Small text forms that evidence uses: digests, times, ids.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace evidence {

// 64 lower-case hex digits; with "sha256:" before them.
bool IsHexDigest(std::string_view text);
bool IsPrefixedDigest(std::string_view text);
// RFC 3339 in UTC with a date that exists: "…T12:00:00.123Z" (exactly three digits), "…T12:00:00Z".
bool IsMillisTime(std::string_view text);
bool IsSecondsTime(std::string_view text);
// Is, or ends in, a UUID of version 4, lower-case.
bool EndsInUuid4(std::string_view text);
// [A-Za-z0-9][A-Za-z0-9._-]{0,127}
bool IsRunId(std::string_view text);

}  // namespace evidence
