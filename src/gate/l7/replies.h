// SPDX-License-Identifier: Apache-2.0
// The bytes a refused workload sees.
#pragma once

#include <cstdint>
#include <string>

#include "gate/l7/inspector.h"

namespace gate::l7 {

enum class Alert : std::uint8_t { kAccessDenied = 49, kDecodeError = 50 };
// A fatal alert in a record of its own; nothing under kPublished.
std::string TlsAlert(Alert alert, Replies replies);
// A 403 that closes; under kExplained with the code and rule in `CellOS-Denied` and a sentence as body.
std::string Forbidden(const Decision& decision, Replies replies);

inline constexpr std::uint32_t kProtocolError = 1, kRefusedStream = 7;
std::string RstStream(std::uint32_t stream, std::uint32_t error);
// PROTOCOL_ERROR, last stream 1.
std::string GoAway();
std::string EmptySettings();
std::string WindowUpdate(std::uint32_t increment);  // of the connection
// A whole answer on a stream: status 403 and `cellos-denied`. Touches no dynamic table.
std::string ForbiddenHeaders(const Decision& decision);

}  // namespace gate::l7
