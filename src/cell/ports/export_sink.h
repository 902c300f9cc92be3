// SPDX-License-Identifier: Apache-2.0
// Port: where exported artefacts go.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cell {

struct ExportReceipt {
  std::string target_kind;   // local | s3 | http
  std::string target_name;   // empty: none
  std::string destination;   // "<cell id>/<name>"
  std::uint64_t bytes = 0;
  std::string sha256;        // hex, of the bytes delivered
  std::string path;          // where a local user finds it
};

class ExportSink {
 public:
  virtual ~ExportSink() = default;
  virtual std::string_view target_kind() const = 0;
  virtual std::string DestinationHint(std::string_view name) const = 0;
  // Delivers what `source` (an open regular file, at its start) holds, at most `max_bytes`.
  virtual base::Result<ExportReceipt> Push(std::string_view name, int source, std::uint64_t max_bytes) = 0;
};

}  // namespace cell
