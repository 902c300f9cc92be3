// SPDX-License-Identifier: Apache-2.0
// Absolute paths as plain text: cleaning and nesting, without looking at any file system.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace plan {

// `path` without doubled, "." and trailing slashes parts; nullopt when it is not absolute, has a ".." part, holds a NUL
// or is longer than PATH_MAX.
std::optional<std::string> CleanPath(std::string_view path);

// The part of clean `path` below clean directory `above`: "" for itself, nullopt when it lies elsewhere.
std::optional<std::string_view> Below(std::string_view path, std::string_view above);
inline bool IsAtOrBelow(std::string_view path, std::string_view above) { return Below(path, above).has_value(); }

// `directory` and relative `rest` as one path; `rest` may be empty.
std::string Join(std::string_view directory, std::string_view rest);
// "/a/b" for "/a/b/c"; "/" for "/a".
std::string_view Parent(std::string_view path);

}  // namespace plan
