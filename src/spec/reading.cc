// SPDX-License-Identifier: Apache-2.0
// Faults of the reader as faults of a document.
#include "spec/reading.h"

#include <fmt/format.h>

namespace spec {
namespace {

std::string_view ClassOf(json::Fault fault) {
  switch (fault) {
    case json::Fault::kTooLarge:
      return "too_large";
    case json::Fault::kTooDeep:
      return "too_deep";
    case json::Fault::kDuplicate:
      return "duplicate_field";
    case json::Fault::kSyntax:
    case json::Fault::kBadUtf8:
    case json::Fault::kNumberRange:
      break;
  }
  return "malformed_json";
}

}  // namespace

DocumentError FromParseError(json::ParseError error) {
  return {ClassOf(error.fault), std::move(error.pointer), fmt::format("{} (byte {})", error.message, error.offset)};
}

}  // namespace spec
