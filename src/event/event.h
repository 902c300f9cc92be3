// SPDX-License-Identifier: Apache-2.0
// A CloudEvent as consumers of the published format know it: eight members, read strictly, written in envelope order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace event {

// Of an event as text, before anything is parsed.
inline constexpr std::size_t kMaxEventBytes = 1u << 20;
// Containers inside each other that a reader of events follows.
inline constexpr unsigned kMaxEventDepth = 127;

struct Event {
  std::string specversion, id, source, type;
  std::optional<std::string> datacontenttype;
  std::string data = "null";  // JSON text, members sorted by code point at every level (form V)
  std::optional<std::string> time, traceparent;

  // Compact JSON: the eight members in envelope order, absent ones null. These are the bytes that are signed, and a line
  // of the published form.
  std::string ToText() const;
  // The same event with all members sorted (form C), as the next version of the format signs it.
  std::string ToSortedText() const;
};

// A member of a JSON object that is known to be well-formed: the name with escapes resolved, the value as it stands.
struct RawMember {
  std::string name;
  std::string_view value;
};
struct RawObject {
  std::vector<RawMember> members;
  bool repeated = false;  // two members have the same name
  const RawMember* Find(std::string_view name) const;
};
// Members of the object `text`, which json::Parse has accepted; nullopt when it is no object.
std::optional<RawObject> SplitObject(std::string_view text);

// How numbers in `data` that are no 64-bit integers are read.
enum class Numbers : std::uint8_t {
  kNearest,    // to the nearest double
  kPublished,  // as the published readers and signers do: see published_numbers.h
};

// Reads an event. Missing or null members of the last four are absent, others must be strings (`data` anything); unknown
// members are dropped; a member given twice is refused. Inside `data` the last of two wins, as in the published reader.
// kInvalid says what is wrong.
base::Result<Event> ReadEvent(std::string_view text, Numbers numbers = Numbers::kNearest);
// The same for an object already split.
base::Result<Event> ReadEvent(const RawObject& object, Numbers numbers = Numbers::kNearest);

// True for a name that ReadEvent keeps.
bool IsEventMember(std::string_view name);

}  // namespace event
