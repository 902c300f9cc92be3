// SPDX-License-Identifier: Apache-2.0
// The small forms that documents are made of: ids, digests, versions, paths. Pure and total.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace spec {

// [A-Za-z0-9][A-Za-z0-9._-]*, 1 to 128 bytes, no "..".
bool IsPortableId(std::string_view text);
// A portable id without '.': what may be one token of an event subject.
bool IsTenantId(std::string_view text);
// A Kubernetes namespace: 1 to 63 of [a-z0-9-], a letter or digit at both ends.
bool IsNamespace(std::string_view text);
// "sha256:" + 64 lower-case hexadecimal digits.
bool IsImageDigest(std::string_view text);
// Absolute, no ".." component, no control and no deceptive character.
bool IsAbsolutePath(std::string_view text);
// Absolute: the shape of a path in a grant. Its form is judged at admission.
bool IsGrantPath(std::string_view text);

// MAJOR.MINOR.PATCH without leading zeros, each within 64 bits; optionally "-" and [A-Za-z0-9.-]+. No "+build".
struct Semver {
  std::uint64_t major = 0, minor = 0, patch = 0;  // compared; the pre-release is not
};
std::optional<Semver> ParseSemver(std::string_view text);

// The next code point of well-formed UTF-8 `text`, which is not empty; cuts it off.
char32_t TakeCodePoint(std::string_view& text);
// Unicode White_Space.
bool IsWhiteSpace(char32_t c);
// Controls, and characters that hide or reorder what stands around them (bidi, zero-width, tags).
bool IsDeceptive(char32_t c);
// `text` without white space at both ends.
std::string_view Trim(std::string_view text);
// True when `text` has a control or deceptive character.
bool HasDeceptive(std::string_view text);

char AsciiLower(char c);
bool EqualIgnoringCase(std::string_view a, std::string_view b);  // ASCII only

}  // namespace spec
