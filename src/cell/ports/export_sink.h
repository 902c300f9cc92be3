// SPDX-License-Identifier: Apache-2.0
// Port: where exported artefacts go.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace cell {

struct ExportReceipt {
  std::string target_kind;   // local | s3 | http
  std::string target_name;   // empty: none
  std::string destination;   // "<cell id>/<name>"
  std::uint64_t bytes = 0;
  std::string sha256;        // hex, of the bytes delivered
  std::string path;          // where a local user finds it
  bool changed_while_read = false;  // the source was written to meanwhile; digest and bytes are of what was delivered
};

struct PushLimits {
  std::uint64_t max_bytes = 0;
  base::BootTime deadline{0};  // 0: none
};

class ExportSink {
 public:
  virtual ~ExportSink() = default;
  virtual std::string_view target_kind() const = 0;
  virtual std::string DestinationHint(std::string_view name) const = 0;
  // Delivers what `source` (an open regular file, at its start) holds, each byte read once. On failure nothing is left
  // at the destination.
  virtual base::Result<ExportReceipt> Push(std::string_view name, int source, const PushLimits& limits) = 0;
};

}  // namespace cell
