// SPDX-License-Identifier: Apache-2.0
// The parser of the kernel's flat-keyed files.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "json/canonical.h"
#include "probe/flat_keys.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto keys = probe::ParseFlatKeys({reinterpret_cast<const char*>(data), size});
  if (keys && !json::IsCanonicalJcs(probe::ToJson(*keys))) std::abort();
  return 0;
}
