// SPDX-License-Identifier: Apache-2.0
// The tables of paths that a broad grant does not cover: files that run code later, and sockets of host services.
#pragma once

#include <span>
#include <string_view>

namespace sys {

// Relative to a project or home directory. What exists of these in a writable grant stays read-only unless it is granted
// by its own path: writing one makes somebody else run code after the cell is gone.
std::span<const std::string_view> ProtectedPaths();

// Absolute sockets of host services, and directories of such; "<uid>" stands for the caller's id. None is reachable
// through a grant of a directory above it.
std::span<const std::string_view> ServiceSockets();

}  // namespace sys
