// SPDX-License-Identifier: Apache-2.0
// h2c connections: the same decisions and bytes in one piece or byte by byte, and every header block that leaves is, to
// a decoder that saw only what left, a request to a granted authority.
#include <stdlib.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gate/l7/h2_frames.h"
#include "gate/l7/h2_request.h"
#include "gate/l7/hpack.h"
#include "gate/l7/protocol.h"

namespace {

using namespace gate::l7;

struct Seen {
  std::string to_server, to_client;
  std::vector<std::pair<wire::GateReason, std::uint32_t>> reasons;
  bool operator==(const Seen&) const = default;
};

Seen Run(std::string_view bytes, std::size_t piece) {
  wire::GateRule rules[2] = {};
  rules[0].form = wire::HostForm::kName;
  rules[1].form = wire::HostForm::kWildcard;
  rules[0].protocol = rules[1].protocol = wire::FlowProtocol::kHttp;
  std::strcpy(rules[0].host, "a.example");
  std::strcpy(rules[1].host, "*.b.example");
  Inspector inspector(rules, {0, 1});
  Output out;
  for (std::string_view left = bytes; !left.empty() && out.next == Next::kMore;) {
    const std::string_view part = left.substr(0, piece);
    inspector.FromClient({reinterpret_cast<const std::uint8_t*>(part.data()), part.size()}, &out);
    left.remove_prefix(part.size());
  }
  Seen seen{out.to_server, out.to_client, {}};
  for (const auto& decision : out.decisions) seen.reasons.emplace_back(decision.reason, decision.stream);
  return seen;
}

// Reads what left as the server would.
void CheckServerSide(std::string_view bytes) {
  if (!bytes.starts_with(kPreface)) abort();
  bytes.remove_prefix(kPreface.size());
  HeaderDecoder decoder;
  std::set<std::uint32_t> requests;
  std::string coded;
  while (!bytes.empty()) {
    if (bytes.size() < kFrameHeader) abort();
    const FrameHead head = ReadFrameHead(bytes);
    if (head.length > kMaxFrame || bytes.size() < kFrameHeader + head.length) abort();
    FragmentFault fault = FragmentFault::kNone;
    if (head.type == kHeaders || head.type == kContinuation) {
      coded.append(Fragment(head, bytes.substr(kFrameHeader, head.length), &fault));
      if (fault != FragmentFault::kNone) abort();
      if ((head.flags & kEndHeaders) != 0) {
        H2Request request;
        DecodedBlock decoded;
        if (decoder.Decode({reinterpret_cast<const std::uint8_t*>(coded.data()), coded.size()}, &request, &decoded) !=
            HpackFault::kNone) {
          abort();
        }
        const bool granted = request.host() == "a.example" || request.host().ends_with(".b.example");
        if (request.has_pseudo() ? !granted || !requests.insert(head.stream).second : request.has_authority()) abort();
        coded.clear();
      }
    }
    bytes.remove_prefix(kFrameHeader + head.length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > (128u << 10)) return 0;
  // The corpus holds what follows the preface.
  const std::string bytes = std::string(kPreface) + std::string(reinterpret_cast<const char*>(data), size);
  const Seen whole = Run(bytes, bytes.size());
  if (size < 8192 && whole != Run(bytes, 1)) abort();
  if (!whole.to_server.empty()) CheckServerSide(whole.to_server);
  return 0;
}
