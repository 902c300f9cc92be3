// SPDX-License-Identifier: Apache-2.0
// POSIX ustar headers (pax(1), "ustar Interchange Format"), strictly: no extensions of any kind.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "evidence/verify/run_files.h"

namespace evidence {

struct UstarEntry {
  std::string name;  // prefix and name joined, without a trailing slash
  bool directory = false;
  std::uint64_t offset = 0, size = 0;  // of the content
};

// Calls `visit` for every entry in order until it fails. kInvalid: a header that is not ustar, a bad check sum, a type
// other than regular file and directory (links, devices, extended headers), a size that is not octal or runs past the
// end, something but zeros between contents and next header, no two zero blocks at the end, or more than zeros after.
base::Result<> ForEachUstarEntry(const FileView& archive,
                                 const std::function<base::Result<>(const UstarEntry& entry)>& visit);

}  // namespace evidence
