// SPDX-License-Identifier: Apache-2.0
// Records of kind hostname_extraction: the name in the first bytes of a connection, before it is judged. The readers
// give it as it was sent; bytes that are not UTF-8 are shown as U+FFFD.
#include <string>

#include "gate/l7/client_hello.h"
#include "gate/l7/h2_frames.h"
#include "gate/l7/h2_request.h"
#include "gate/l7/hpack.h"
#include "gate/l7/http1.h"
#include "gate/l7/match.h"
#include "json/writer.h"
#include "vectors/kind.h"
#include "vectors/kinds.h"

namespace vectors {
namespace {

using gate::l7::HeadFault;
using gate::l7::HelloFault;
using gate::l7::HpackFault;

struct Extracted {
  const char* error = nullptr;
  std::optional<std::string> host;
};

Extracted FromHello(base::ByteSpan bytes) {
  using State = gate::l7::HelloReader::State;
  gate::l7::HelloReader reader;
  const State state = reader.Feed(bytes);
  if (state != State::kDone) return {.error = ToString(reader.FaultAtEnd())};
  if (!reader.hello().has_name) return {};
  std::string host = reader.hello().name;
  for (char& c : host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  if (host.ends_with('.')) host.pop_back();
  return {.host = host};
}

Extracted FromRequest(std::string_view bytes) {
  std::size_t scanned = 0;
  HeadFault fault = HeadFault::kMalformedRequest;  // of a head that ends too soon
  const std::size_t size = gate::l7::HeadSize(bytes, &scanned, &fault);
  if (size == 0 || size == std::string_view::npos) return {.error = ToString(fault)};
  gate::l7::RequestHead head;
  if (fault = gate::l7::ParseHead(bytes.substr(0, size), &head); fault != HeadFault::kNone)
    return {.error = ToString(fault)};
  if (!head.has_host) return {};
  return {.host = head.host};
}

Extracted FromBlock(std::string_view coded) {
  gate::l7::HeaderDecoder decoder;
  gate::l7::H2Request request;
  gate::l7::DecodedBlock decoded;
  const auto* start = reinterpret_cast<const std::uint8_t*>(coded.data());
  const HpackFault fault = decoder.Decode({start, coded.size()}, &request, &decoded);
  if (fault != HpackFault::kNone) return {.error = ToString(fault)};
  if (!request.ascii()) return {.error = "non_ascii_authority"};
  if (!request.has_authority()) return {};
  return {.host = request.host()};
}

// SETTINGS, then the first header block: the order is the record's, stricter than a connection's.
Extracted FromFrames(std::string_view bytes) {
  using namespace gate::l7;
  std::string coded;
  std::uint32_t stream = 0;
  bool settings = false, open = false;
  for (; bytes.size() >= kFrameHeader;) {
    const FrameHead head = ReadFrameHead(bytes);
    if (head.length > kMaxFrame) return {.error = "oversized_frame"};
    if (bytes.size() < kFrameHeader + head.length) return {};
    const std::string_view payload = bytes.substr(kFrameHeader, head.length);
    bytes.remove_prefix(kFrameHeader + head.length);
    if (open && (head.type != kContinuation || head.stream != stream)) return {.error = "interleaved_frame"};
    if (!settings) {
      if (head.type != kSettings || (head.flags & kAck) != 0) return {.error = "unexpected_first_frame"};
      settings = true;
      continue;
    }
    if (!open && head.type != kHeaders) return {.error = "unexpected_first_frame"};
    FragmentFault fault = FragmentFault::kNone;
    coded.append(Fragment(head, payload, &fault));
    if (fault == FragmentFault::kPaddingOverflow) return {.error = "padding_overflow"};
    if (fault == FragmentFault::kMalformed) return {.error = "malformed_headers"};
    if (coded.size() > kMaxHeaderBlock) return {.error = ToString(HpackFault::kOversizedHeaderBlock)};
    stream = head.stream;
    open = true;
    if ((head.flags & kEndHeaders) != 0) return FromBlock(coded);
  }
  return {};
}

// Each byte that begins no whole code point becomes U+FFFD.
std::string Shown(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    std::size_t size = 0;
    for (std::size_t length = 1; length <= 4 && length <= bytes.size() && size == 0; ++length) {
      if (base::IsUtf8(bytes.substr(0, length))) size = length;
    }
    text.append(size > 0 ? bytes.substr(0, size) : std::string_view("\xef\xbf\xbd"));
    bytes.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return text;
}

}  // namespace

Outcome JudgeHostnameExtraction(const json::Value& record, const Source&) {
  const auto source = TextAt(record, {"input", "source"});
  const auto bytes = HexAt(record, {"input", "hex"});
  if (!source || !bytes) return Failed("no input.source or input.hex");
  const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  Extracted found;
  if (*source == "tls_client_hello") {
    found = FromHello(*bytes);
  } else if (*source == "http1_request") {
    found = FromRequest(text);
  } else if (*source == "http2_after_preface") {
    found = FromFrames(text);
  } else {
    return Failed("unknown input.source");
  }
  std::string actual;
  json::Writer out(actual);
  out.BeginObject().Member("ok", found.error == nullptr);
  if (found.error != nullptr) out.Member("error", found.error);
  if (found.error == nullptr) {
    out.Key("host");
    found.host ? out.String(Shown(*found.host)) : out.Null();
  }
  out.EndObject();
  return Compare(record, actual);
}

}  // namespace vectors
