// SPDX-License-Identifier: Apache-2.0
// Netlink messages: total readers of their parts, and requests whose answer is awaited.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace net {

struct Attribute {
  std::uint16_t type = 0;      // without the flags of nesting and byte order
  std::string_view value;
};
// Takes the first attribute off `bytes`; nullopt, and `bytes` as they were, when they do not begin with a whole one.
std::optional<Attribute> TakeAttribute(std::string_view* bytes);
// Calls `see` for each attribute in order; false when the bytes are no whole list.
template <class See>
bool ForEachAttribute(std::string_view bytes, See see) {
  while (!bytes.empty()) {
    const auto attribute = TakeAttribute(&bytes);
    if (!attribute) return false;
    see(*attribute);
  }
  return true;
}
// The last attribute of this type, or nullopt.
std::optional<std::string_view> FindAttribute(std::string_view bytes, std::uint16_t type);
std::optional<std::uint64_t> BigEndianNumber(std::string_view bytes);  // of 1, 2, 4 or 8 bytes
std::string HexOf(std::string_view bytes);
void AppendHex(std::string* text, std::string_view bytes);
std::string_view TextOf(std::string_view bytes);                       // up to the first NUL

struct Message {
  std::uint16_t type = 0, flags = 0;
  std::uint32_t sequence = 0;
  std::string_view body;       // behind the header
};
// The same as for attributes.
std::optional<Message> TakeMessage(std::string_view* bytes);
template <class See>
bool ForEachMessage(std::string_view bytes, See see) {
  while (!bytes.empty()) {
    const auto message = TakeMessage(&bytes);
    if (!message) return false;
    see(*message);
  }
  return true;
}

// Sends one request for a list and appends the messages of the answer, headers and all. Bounded in size and time.
base::Result<> Dump(int socket, std::string_view request, std::string* answer);
// Sends messages and awaits the acknowledgement of the last that asks for one; the kernel's error otherwise.
base::Result<> SendAndAwait(int socket, std::string_view messages);

}  // namespace net
