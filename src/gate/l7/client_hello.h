// SPDX-License-Identifier: Apache-2.0
// Reads a TLS ClientHello from any number of segments and records: its server name, first ALPN protocol, and whether an
// encrypted hello rides along. Pure; RFC 8446 §4.1.2, §5.1, RFC 6066 §3, RFC 7301.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace gate::l7 {

enum class HelloFault : std::uint8_t {
  kNone,
  kTooShort,
  kNotAHandshake,
  kRecordTooLarge,
  kNotAClientHello,
  kTruncated,
  kBadLength
};
const char* ToString(HelloFault fault);  // "bad_length"

struct ClientHello {
  bool has_name = false;
  std::string name;        // of the first host_name entry, as sent: any bytes
  std::string alpn;        // first protocol; printable ASCII, at most 31 bytes, else "?"
  bool encrypted = false;  // ECH (0xfe0d and its drafts) or ESNI (0xffce)
  const char* irregular =
      nullptr;  // what no honest client sends though it can be read, e.g. a second name; null: nothing
};

inline constexpr std::size_t kMaxHelloBytes = 65536;      // of the handshake message
inline constexpr std::size_t kMaxHelloOnWire = 96 << 10;  // with the headers of its records

class HelloReader {
 public:
  enum class State : std::uint8_t { kMore, kDone, kFault };
  // Takes all bytes, also those behind the hello. Not to be called after kDone or kFault.
  State Feed(std::span<const std::uint8_t> bytes);
  // No more bytes come: the fault of what is there (kMore until now).
  HelloFault FaultAtEnd() const;

  HelloFault fault() const { return fault_; }
  const ClientHello& hello() const { return hello_; }  // kDone
  std::string& raw() { return raw_; }                  // everything that was fed, unchanged

 private:
  State Fail(HelloFault fault);
  State Record(std::size_t length);
  State Whole(std::span<const std::uint8_t> message, std::size_t size);
  std::string raw_;
  std::string message_;       // fragments so far, when the hello is in more than one record
  std::size_t position_ = 0;  // of the next record in raw_
  HelloFault fault_ = HelloFault::kNone;
  ClientHello hello_;
};

}  // namespace gate::l7
