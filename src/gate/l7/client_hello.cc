// SPDX-License-Identifier: Apache-2.0
// ClientHello: records are joined, then the message is read once.
#include "gate/l7/client_hello.h"

#include <algorithm>
#include <optional>

namespace gate::l7 {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kRecordHeader = 5, kMaxRecord = 16384, kHandshakeHeader = 4;
constexpr std::uint16_t kServerName = 0, kAlpn = 16, kEchFirst = 0xfe08, kEch = 0xfe0d, kEsni = 0xffce;

// A cursor: a field that is cut is kTruncated, a length that leaves its frame is kBadLength. The first fault stays.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : bytes_(bytes) {}
  bool done() const { return bytes_.empty(); }
  HelloFault fault() const { return fault_; }
  bool ok() const { return fault_ == HelloFault::kNone; }

  Bytes Take(std::size_t size) { return Cut(size, HelloFault::kTruncated); }
  std::size_t Number(std::size_t size) {
    std::size_t value = 0;
    for (const std::uint8_t byte : Take(size)) value = value << 8 | byte;
    return value;
  }
  Bytes Block(std::size_t length_bytes) {
    const std::size_t size = Number(length_bytes);
    return Cut(size, HelloFault::kBadLength);
  }

 private:
  Bytes Cut(std::size_t size, HelloFault fault) {
    if (!ok()) return {};
    if (size > bytes_.size()) {
      fault_ = fault;
      bytes_ = {};
      return {};
    }
    const Bytes taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }
  Bytes bytes_;
  HelloFault fault_ = HelloFault::kNone;
};

std::string Text(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

HelloFault ReadServerName(Bytes data, ClientHello* hello) {
  Cursor extension(data);
  Cursor list(extension.Block(2));
  if (!extension.ok()) return extension.fault();
  if (!extension.done()) hello->irregular = "bytes after the server name list";
  while (list.ok() && !list.done()) {
    const std::size_t type = list.Number(1);
    const Bytes name = list.Block(2);
    if (!list.ok()) break;
    if (type != 0) {
      hello->irregular = "a server name that is no host name";
    } else if (hello->has_name) {
      hello->irregular = "a second server name";
    } else {
      hello->has_name = true;
      hello->name = Text(name);
    }
  }
  return list.fault();
}

void ReadAlpn(Bytes data, ClientHello* hello) {
  Cursor extension(data);
  Cursor list(extension.Block(2));
  const Bytes first = list.Block(1);
  if (!extension.ok() || !list.ok() || first.empty() || !extension.done()) {
    hello->irregular = "a protocol list that can't be read";
    return;
  }
  const bool printable = std::ranges::all_of(first, [](std::uint8_t c) { return c > 0x20 && c < 0x7f; });
  hello->alpn = printable && first.size() < 32 ? Text(first) : "?";
}

HelloFault ReadExtensions(Bytes block, ClientHello* hello) {
  Cursor extensions(block);
  bool names = false, protocols = false;
  while (extensions.ok() && !extensions.done()) {
    const std::size_t type = extensions.Number(2);
    const Bytes data = extensions.Block(2);
    if (!extensions.ok()) break;
    if (type == kServerName) {
      if (names) hello->irregular = "a second server name list";
      names = true;
      if (const HelloFault fault = ReadServerName(data, hello); fault != HelloFault::kNone) return fault;
    } else if (type == kAlpn) {
      if (protocols) hello->irregular = "a second protocol list";
      protocols = true;
      ReadAlpn(data, hello);
    } else if ((type >= kEchFirst && type <= kEch) || type == kEsni) {
      hello->encrypted = true;
    }
  }
  return extensions.fault();
}

HelloFault ReadBody(Bytes body, ClientHello* hello) {
  Cursor cursor(body);
  cursor.Take(2 + 32);
  const Bytes session = cursor.Block(1);
  if (session.size() > 32) return HelloFault::kBadLength;
  const Bytes ciphers = cursor.Block(2);
  if (ciphers.size() % 2 != 0) return HelloFault::kBadLength;
  const Bytes compressions = cursor.Block(1);
  if (!cursor.ok()) return cursor.fault();
  if (ciphers.empty() || compressions.empty()) hello->irregular = "no cipher or compression offered";
  if (cursor.done()) return HelloFault::kNone;
  const Bytes extensions = cursor.Block(2);
  if (!cursor.ok()) return cursor.fault();
  if (!cursor.done()) hello->irregular = "bytes after the extensions";
  return ReadExtensions(extensions, hello);
}

std::size_t BodySize(Bytes message) {
  return std::size_t{message[1]} << 16 | std::size_t{message[2]} << 8 | message[3];
}

}  // namespace

const char* ToString(HelloFault fault) {
  switch (fault) {
    case HelloFault::kNone:
      return "none";
    case HelloFault::kTooShort:
      return "too_short";
    case HelloFault::kNotAHandshake:
      return "not_a_handshake";
    case HelloFault::kRecordTooLarge:
      return "record_too_large";
    case HelloFault::kNotAClientHello:
      return "not_a_client_hello";
    case HelloFault::kTruncated:
      return "truncated";
    case HelloFault::kBadLength:
      return "bad_length";
  }
  return "none";
}

HelloReader::State HelloReader::Fail(HelloFault fault) {
  fault_ = fault;
  return State::kFault;
}

HelloReader::State HelloReader::Feed(Bytes bytes) {
  raw_.append(bytes.begin(), bytes.end());
  while (raw_.size() - position_ >= kRecordHeader) {
    const auto* header = reinterpret_cast<const std::uint8_t*>(raw_.data()) + position_;
    const std::size_t length = std::size_t{header[3]} << 8 | header[4];
    if (header[0] != 22) return Fail(HelloFault::kNotAHandshake);
    if (length > kMaxRecord) return Fail(HelloFault::kRecordTooLarge);
    if (length == 0 || position_ + kRecordHeader + length > kMaxHelloOnWire) return Fail(HelloFault::kBadLength);
    if (raw_.size() - position_ - kRecordHeader < length) return State::kMore;
    if (const State state = Record(length); state != State::kMore) return state;
  }
  return State::kMore;
}

HelloReader::State HelloReader::Record(std::size_t length) {
  const auto* start = reinterpret_cast<const std::uint8_t*>(raw_.data()) + position_ + kRecordHeader;
  Bytes message(start, length);
  if (!message_.empty() || length < kHandshakeHeader || BodySize(message) + kHandshakeHeader > length) {
    message_.append(message.begin(), message.end());
    message = {reinterpret_cast<const std::uint8_t*>(message_.data()), message_.size()};
  }
  position_ += kRecordHeader + length;
  if (message[0] != 1) return Fail(HelloFault::kNotAClientHello);
  if (message.size() < kHandshakeHeader) return State::kMore;
  const std::size_t size = BodySize(message) + kHandshakeHeader;
  if (size > kMaxHelloBytes) return Fail(HelloFault::kBadLength);
  return message.size() < size ? State::kMore : Whole(message, size);
}

HelloReader::State HelloReader::Whole(Bytes message, std::size_t size) {
  if (message.size() > size) hello_.irregular = "more than a hello in its record";
  const Bytes body = message.subspan(kHandshakeHeader, size - kHandshakeHeader);
  if (const HelloFault fault = ReadBody(body, &hello_); fault != HelloFault::kNone) return Fail(fault);
  return State::kDone;
}

HelloFault HelloReader::FaultAtEnd() const {
  if (fault_ != HelloFault::kNone) return fault_;
  if (raw_.size() < kRecordHeader) return HelloFault::kTooShort;
  if (position_ < raw_.size() || message_.size() < kHandshakeHeader) return HelloFault::kTruncated;
  return HelloFault::kBadLength;
}

}  // namespace gate::l7
