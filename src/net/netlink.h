// SPDX-License-Identifier: Apache-2.0
// Netlink messages: total readers of their parts, and requests whose answer is awaited.
#pragma once

#include <cstdint>
#include <functional>
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
// Calls `see` for each attribute in order; false when the bytes are no whole list.
bool ForEachAttribute(std::string_view bytes, const std::function<void(const Attribute&)>& see);
// The last attribute of this type, or nullopt.
std::optional<std::string_view> FindAttribute(std::string_view bytes, std::uint16_t type);
std::optional<std::uint64_t> BigEndianNumber(std::string_view bytes);  // of 1, 2, 4 or 8 bytes
std::string HexOf(std::string_view bytes);
std::string_view TextOf(std::string_view bytes);                       // up to the first NUL

struct Message {
  std::uint16_t type = 0, flags = 0;
  std::uint32_t sequence = 0;
  std::string_view body;       // behind the header
};
// Calls `see` for each message; false when the bytes are no whole list.
bool ForEachMessage(std::string_view bytes, const std::function<void(const Message&)>& see);

// Sends one request for a list and gives the messages of the answer, headers and all. Bounded in size and time.
base::Result<std::string> Dump(int socket, std::string_view request);
// Sends messages and awaits the acknowledgement of the last that asks for one; the kernel's error otherwise.
base::Result<> SendAndAwait(int socket, std::string_view messages);

}  // namespace net
