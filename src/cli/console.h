// SPDX-License-Identifier: Apache-2.0
// Text to the caller, straight to the descriptors.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cli {

// Exit statuses that every command shares (extensions.md §4).
inline constexpr int kOk = 0, kFailed = 1, kUsage = 2;

// Everything to standard output; false when it could not be written.
bool PrintOut(std::string_view text);
// "cellos: <message>" and a line feed to standard error. `message` is escaped already.
void PrintError(std::string_view message);
void PrintRaw(int fd, std::string_view text);

// PrintError and the exit status of the failure: 2 for what the caller got wrong on the command line, else 1.
int Fail(const base::Error& error);
int FailUsage(const base::Error& error);

bool IsTerminal(int fd);

// 1536 -> "1.5 KiB"; 83.4 s -> "1m 23s".
std::string HumanBytes(std::uint64_t bytes);
std::string HumanDuration(std::uint64_t milliseconds);

}  // namespace cli
