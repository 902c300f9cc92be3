// SPDX-License-Identifier: Apache-2.0
// What an entry of telemetry.events asks for. Names in documents are free text; what no source tells is refused, so that
// nobody takes silence for calm.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace spec {

// Version of the witness that ships with this program; a document that asks for a later one is refused.
inline constexpr std::string_view kAgentVersion = "1.0.0";

// In the order of telemetry.md §1.3.
enum class TelemetrySource : std::uint8_t {
  kProcessSpawned, kProcessExited, kCapabilityDenied, kFsInotifyFired, kNetConnectAttempted
};
// The registry's own name or a synonym of published documents ("process.spawn", "net.connect.attempt"); white space at
// both ends and the case of letters don't matter. nullopt: no source tells it.
std::optional<TelemetrySource> FindTelemetrySource(std::string_view event);

// True when a document that asks for `version` (valid, see ParseSemver) can be served; the pre-release is not compared.
bool IsAgentVersionServed(std::string_view version);

}  // namespace spec
