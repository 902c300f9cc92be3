// SPDX-License-Identifier: Apache-2.0
// Where paths lead, and the places that grants must not reach: state directories, and files that events go to.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/host_facts.h"
#include "base/result.h"

namespace sys {

// True when the error says that there is nothing for us at a path. Any other failure is no answer, and a question of
// protection without an answer stops the start.
bool IsAbsent(const base::Error& error);

base::FileKind KindOf(mode_t mode);

// What `path` leads to through its links. Path and identity come from one descriptor, so they belong together whatever
// happens to the path meanwhile.
base::Result<base::ResolvedPath> Resolve(const std::string& path);

// The part of `path` below directory `above`: "" for itself, nullopt when it lies elsewhere.
std::optional<std::string_view> Below(std::string_view path, std::string_view above);

// Fills in `state_directories` and `missing_state_directories`; after the grants, which alone make them matter.
base::Result<> FindStateDirectories(const base::FactsRequest& request, base::HostFacts& facts);

// Fills in `event_sinks`; after the grants.
base::Result<> FindEventSinks(const base::FactsRequest& request, base::HostFacts& facts);

}  // namespace sys
