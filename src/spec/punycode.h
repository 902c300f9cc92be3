// SPDX-License-Identifier: Apache-2.0
// Names of other scripts in their ASCII form (RFC 3492), for comparing only: what a document grants is written in
// ASCII.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace spec {

// Each label lower-cased (ASCII) and, where it has other characters, as "xn--" + Punycode. `name` is well-formed UTF-8.
// nullopt when a label does not fit the arithmetic.
std::optional<std::string> ToAsciiName(std::string_view name);

}  // namespace spec
