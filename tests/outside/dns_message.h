// SPDX-License-Identifier: Apache-2.0
// Just enough DNS for a server of tests: it reads a question and writes records from their text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outside {

std::optional<std::uint16_t> DnsType(std::string_view text);  // "A", "HTTPS", "TYPE65280"
std::string Lower(std::string_view text);

// "a.example" as labels; "." is the root.
std::string DnsName(std::string_view text);
std::string Big16(unsigned value);
std::string Big32(std::uint32_t value);

struct DnsQuestion {
  std::string id;    // two bytes
  std::string name;  // as it was written, without the final dot
  std::uint16_t type = 0;
  std::string wire;  // name, type, class as they were sent
  std::uint16_t udp_size = 512;
  bool recursion = false;
  bool edns = false;     // it had an OPT record
};
// nullopt: not one plain question.
std::optional<DnsQuestion> ReadQuestion(std::string_view message);

// The data of a record in wire form; nullopt: `text` is not of this type.
std::optional<std::string> DnsData(std::uint16_t type, std::string_view text);

}  // namespace outside
