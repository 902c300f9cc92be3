// SPDX-License-Identifier: Apache-2.0
// HTTP/1 connections: the same decisions and the same bytes onward in one piece or byte by byte; every byte onward was
// sent, in order, and no second Host is among them.
#include <stdlib.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "gate/l7/http1.h"
#include "gate/l7/inspector.h"

namespace {

struct Seen {
  std::string to_server;
  std::vector<wire::GateReason> reasons;
};

Seen Run(const std::uint8_t* data, std::size_t size, std::size_t piece) {
  wire::GateRule rules[2] = {};
  rules[0].form = wire::HostForm::kName;
  rules[1].form = wire::HostForm::kWildcard;
  rules[0].protocol = rules[1].protocol = wire::FlowProtocol::kHttp;
  std::strcpy(rules[0].host, "a.example");
  std::strcpy(rules[1].host, "*.b.example");
  gate::l7::Inspector inspector(rules, {0, 1});
  gate::l7::Output out;
  for (std::size_t at = 0; at < size && out.next == gate::l7::Next::kMore;) {
    const std::size_t left = size - at;
    if (out.unseen > 0) {
      const std::size_t moved = out.unseen < left ? static_cast<std::size_t>(out.unseen) : left;
      out.to_server.append(reinterpret_cast<const char*>(data) + at, moved);
      out.unseen -= moved;
      at += moved;
      continue;
    }
    const std::size_t taken = piece < left ? piece : left;
    inspector.FromClient({data + at, taken}, &out);
    at += taken;
  }
  Seen seen{out.to_server, {}};
  for (const auto& decision : out.decisions) seen.reasons.push_back(decision.reason);
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > (64u << 10) || (size > 0 && (data[0] == 0x16 || data[0] == 'P'))) return 0;
  const Seen whole = Run(data, size, size), slow = Run(data, size, 1);
  if (whole.to_server != slow.to_server || whole.reasons != slow.reasons) abort();
  const std::string_view sent(reinterpret_cast<const char*>(data), size);
  if (!sent.starts_with(whole.to_server)) abort();
  if (whole.to_server.empty()) return 0;
  gate::l7::RequestHead head;
  std::size_t scanned = 0;
  gate::l7::HeadFault fault = gate::l7::HeadFault::kNone;
  const std::size_t end = gate::l7::HeadSize(whole.to_server, &scanned, &fault);
  if (end == 0 || end > gate::l7::kMaxHead) abort();
  if (gate::l7::ParseHead(std::string_view(whole.to_server).substr(0, end), &head) != gate::l7::HeadFault::kNone)
    abort();
  const bool granted = head.host == "a.example" || head.host.ends_with(".b.example");
  if (!granted || head.irregular != nullptr) abort();
  return 0;
}
