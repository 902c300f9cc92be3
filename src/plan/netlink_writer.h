// SPDX-License-Identifier: Apache-2.0
// Writes netlink messages: header, fixed part, attributes in the type-length-value form of netlink(7).
#pragma once

#include <linux/netlink.h>

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace plan {

inline std::string BigEndian16(std::uint16_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}
inline std::string BigEndian32(std::uint32_t value) {
  return BigEndian16(static_cast<std::uint16_t>(value >> 16)) + BigEndian16(static_cast<std::uint16_t>(value));
}
inline std::string BigEndian64(std::uint64_t value) {
  return BigEndian32(static_cast<std::uint32_t>(value >> 32)) + BigEndian32(static_cast<std::uint32_t>(value));
}

// Attributes one after another; the content of a message or of a nested attribute.
class Attributes {
 public:
  Attributes& Put(std::uint16_t type, std::string_view value) {
    const nlattr header = {static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), type};
    bytes_.append(reinterpret_cast<const char*>(&header), sizeof header).append(value);
    bytes_.append((4 - bytes_.size() % 4) % 4, '\0');
    return *this;
  }
  Attributes& PutText(std::uint16_t type, std::string_view value) { return Put(type, std::string(value) + '\0'); }
  Attributes& Put16(std::uint16_t type, std::uint16_t value) { return Put(type, BigEndian16(value)); }
  Attributes& Put32(std::uint16_t type, std::uint32_t value) { return Put(type, BigEndian32(value)); }
  Attributes& Put64(std::uint16_t type, std::uint64_t value) { return Put(type, BigEndian64(value)); }
  Attributes& PutNested(std::uint16_t type, const Attributes& inner) {
    return Put(static_cast<std::uint16_t>(type | NLA_F_NESTED), inner.bytes_);
  }
  // Bytes of attributes that were written before.
  Attributes& Append(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Appends one message: `fixed` is the family's own header.
inline void AppendMessage(std::string* batch, std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
                          std::string_view fixed, const Attributes& attributes) {
  nlmsghdr header = {};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + fixed.size() + attributes.bytes().size());
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  header.nlmsg_seq = sequence;
  batch->append(reinterpret_cast<const char*>(&header), sizeof header).append(fixed).append(attributes.bytes());
}

}  // namespace plan
