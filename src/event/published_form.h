// SPDX-License-Identifier: Apache-2.0
// From a leaf of the log to the event that consumers of the published format expect (events.md §1, extensions.md §3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "event/event.h"

namespace event {

enum class EventsForm : std::uint8_t {
  kPublished,  // the eight members, data without what only ours adds; types of ours are not sent
  kLog,        // the leaf as it is
};
std::string_view ToString(EventsForm form);
std::optional<EventsForm> EventsFormOf(std::string_view name);  // "published", "log"

// True for a type that only ours has.
bool IsOurType(std::string_view type);

// The published event of `leaf`; nullopt when its type is one of ours. kInvalid when `leaf` is no event.
base::Result<std::optional<Event>> PublishedForm(std::string_view leaf);

// The eight members of `leaf` with all its data, for what is signed in the log form.
base::Result<Event> LogForm(std::string_view leaf);

}  // namespace event
