// SPDX-License-Identifier: Apache-2.0
// One request to a VMM's API: HTTP/1.1 over its Unix socket, answered within a deadline or not at all.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sys/call.h"

namespace probe {

// The status of a response whose first line is `line` ("HTTP/1.1 204 No Content"); nullopt when it is none.
std::optional<int> ParseStatusLine(std::string_view line);

// PUT `path` with the JSON text `body` over the socket `name` in the open directory `directory`; the status of the
// response, of which no more than the first line is read, at most 1 KiB. Takes `deadline` at most: kDeadline.
base::Result<int> PutOverUnixSocket(int directory, sys::CText name, std::string_view path, std::string_view body,
                                    std::chrono::milliseconds deadline);

}  // namespace probe
