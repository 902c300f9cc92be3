// SPDX-License-Identifier: Apache-2.0
// h2c: the judgement of header blocks.
#include <algorithm>

#include "gate/l7/h2c.h"
#include "gate/l7/replies.h"

namespace gate::l7 {

namespace {

// A block as frames of its own: HEADERS, then CONTINUATION.
std::string Frames(std::string_view block, std::uint32_t stream, bool end_stream) {
  std::string frames;
  std::uint8_t type = kHeaders;
  do {
    const std::string_view part = block.substr(0, std::min(block.size(), kMaxFrame));
    block.remove_prefix(part.size());
    std::uint8_t flags = block.empty() ? kEndHeaders : 0;
    if (type == kHeaders && end_stream) flags |= kEndStream;
    for (int shift = 16; shift >= 0; shift -= 8) frames.push_back(static_cast<char>(part.size() >> shift));
    frames.push_back(static_cast<char>(type));
    frames.push_back(static_cast<char>(flags));
    for (int shift = 24; shift >= 0; shift -= 8) frames.push_back(static_cast<char>(stream >> shift));
    frames.append(part);
    type = kContinuation;
  } while (!block.empty());
  return frames;
}

wire::GateReason Reason(bool allowed, Coding coding) {
  using enum wire::GateReason;
  switch (coding) {
    case Coding::kPlain:
      return allowed ? kL7H2AuthorityAllowlistMatch : kL7H2AuthorityAllowlistMiss;
    case Coding::kHuffman:
      return allowed ? kL7H2AuthorityAllowlistMatchHuffman : kL7H2AuthorityAllowlistMissHuffman;
    case Coding::kDynamicIndexed:
      return allowed ? kL7H2AuthorityAllowlistMatchDynamicIndexed : kL7H2AuthorityAllowlistMissDynamicIndexed;
  }
  return kL7H2UnparseableHeaders;
}

}  // namespace

Decision H2c::Unparseable(std::uint32_t stream) const {
  Decision decision;
  decision.reason = wire::GateReason::kL7H2UnparseableHeaders;
  decision.rule = Builtin(wire::BuiltinRule::kH2Frames);
  decision.name = kUnknownName;
  decision.stream = stream;
  return decision;
}

void H2c::Judge(Output* out) {
  H2Request request;
  DecodedBlock decoded;
  const auto* start = reinterpret_cast<const std::uint8_t*>(block_.coded.data());
  const HpackFault fault = decoder_.Decode({start, block_.coded.size()}, &request, &decoded);
  const bool trailers = block_.stream <= last_stream_;
  if (fault != HpackFault::kNone) {
    if (trailers) return Broken(block_.stream, out);
    verbatim_ = false;
    last_stream_ = block_.stream;
    return Refuse(Unparseable(block_.stream), nullptr, out);
  }
  if (trailers) {
    if (Refused(block_.stream)) return Keep(decoded);
    // No request hides in trailers: those of a stream that never was end in an error of the server.
    if (request.has_pseudo() || request.irregular() != nullptr || (block_.flags & kEndStream) == 0) {
      return Broken(block_.stream, out);
    }
    return Allow(decoded, out);
  }
  last_stream_ = block_.stream;
  request.Finish();
  Decision decision = JudgeRequest(request);
  if (!decision.allowed()) return Refuse(std::move(decision), &decoded, out);
  decided_ = true;
  last_rule_ = decision.rule;
  out->decisions.push_back(std::move(decision));
  Allow(decoded, out);
}

Decision H2c::JudgeRequest(const H2Request& request) const {
  using enum wire::GateReason;
  Decision decision = Unparseable(block_.stream);
  const Host host = ReadHost(request.host());
  if (request.irregular() != nullptr || host.kind == Host::Kind::kBad || !request.ascii()) return decision;
  decision.name = host.ForRecord();
  decision.has_host = !host.text.empty();
  if (request.host_differs()) {
    decision.reason = kL7HostMismatch;
    return decision;
  }
  if (request.connect()) {
    decision.reason = Reason(false, request.coding());
    return decision;
  }
  const auto rule = matcher_.Granting(wire::FlowProtocol::kHttp, host);
  decision.rule = rule.value_or(DefaultRule());
  const bool missing = host.kind == Host::Kind::kMissing;
  decision.reason = !rule && missing ? kL7H2AuthorityMissing : Reason(rule.has_value(), request.coding());
  return decision;
}

void H2c::Allow(const DecodedBlock& decoded, Output* out) {
  if (!allowed_) {
    allowed_ = true;
    out->to_server.append(held_);
    held_ = {};
  }
  if (decoded.last_table) owed_smallest_ = owed_last_ = std::nullopt;  // its own update says it
  const bool owed = owed_last_.has_value();
  if (!owed && (verbatim_ || !decoded.references)) {
    out->to_server.append(block_.verbatim);
    return;
  }
  std::string block;
  if (owed) {
    if (*owed_smallest_ < *owed_last_) block = EncodeTableSize(*owed_smallest_);
    block += EncodeTableSize(*owed_last_);
    owed_smallest_ = owed_last_ = std::nullopt;
  }
  block += decoded.without_table;
  out->to_server.append(Frames(block, block_.stream, (block_.flags & kEndStream) != 0));
}

// What a block that the server never sees did to the client's table.
void H2c::Keep(const DecodedBlock& decoded) {
  if (decoded.changes) verbatim_ = false;
  if (!decoded.last_table) return;
  owed_smallest_ = std::min(owed_smallest_.value_or(*decoded.smallest_table), *decoded.smallest_table);
  owed_last_ = decoded.last_table;
}

void H2c::Refuse(Decision decision, const DecodedBlock* decoded, Output* out) {
  decided_ = true;
  if (decoded != nullptr) Keep(*decoded);
  const std::uint32_t stream = decision.stream;
  if (replies_ == Replies::kExplained) {
    if (!server_spoke_ && !own_settings_) {  // a server's first frame is its settings
      ToClient(EmptySettings(), out);
      own_settings_ = ack_due_ = true;
    }
    ToClient(ForbiddenHeaders(decision), out);
  }
  ToClient(RstStream(stream, kRefusedStream), out);
  refused_.insert(stream);
  out->decisions.push_back(std::move(decision));
  if (refused_.size() > kMaxRefusedStreams) Broken(stream, out);
}

}  // namespace gate::l7
