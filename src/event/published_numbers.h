// SPDX-License-Identifier: Apache-2.0
// JSON values as the published readers of events take them in: numbers with a fraction or exponent not to the nearest.
#pragma once

#include <string>
#include <string_view>

#include "json/value.h"

namespace event {

// The double that the published reader makes of a JSON number that is no 64-bit integer: decimal digits as far as 64 bits
// hold them, then one multiplication or division by a power of ten. Its last digit may differ from the nearest double,
// and signatures are made over what it prints.
double PublishedNumber(std::string_view text);

// Form V of `value` with such numbers.
std::string SortedAsPublished(const json::Value& value);

}  // namespace event
