// SPDX-License-Identifier: Apache-2.0
// h2c: frames of the client, and the way of what is inserted for it.
#include "gate/l7/h2c.h"

#include "gate/l7/replies.h"

namespace gate::l7 {

void H2c::FromClient(std::string_view bytes, Output* out) {
  if (ended_) return;
  in_.append(bytes);
  std::string_view left(in_);
  if (!preface_) {
    if (left.size() < kPreface.size()) return;
    left.remove_prefix(kPreface.size());
    held_ = kPreface;
    preface_ = true;
  }
  while (!ended_ && left.size() >= kFrameHeader) {
    const FrameHead head = ReadFrameHead(left);
    if (head.length > kMaxFrame) return Broken(head.stream, out);
    if (left.size() < kFrameHeader + head.length) break;
    Frame(head, left.substr(0, kFrameHeader + head.length), out);
    left.remove_prefix(kFrameHeader + head.length);
  }
  in_.erase(0, in_.size() - left.size());
}

void H2c::Frame(const FrameHead& head, std::string_view frame, Output* out) {
  const bool first = !settings_;
  settings_ = true;
  if (block_.stream != 0 && (head.type != kContinuation || head.stream != block_.stream)) {
    // A block that is interrupted can't be read on: the stream is refused, and nothing more is taken.
    ended_ = true;
    Refuse(Unparseable(block_.stream), nullptr, out);
    out->next = Next::kEnd;
    return;
  }
  if (first && (head.type != kSettings || (head.flags & kAck) != 0)) return Broken(head.stream, out);
  switch (head.type) {
    case kHeaders:
    case kContinuation:
      return Headers(head, frame, out);
    case kData:
      if (head.stream == 0 || head.stream > last_stream_) return Broken(head.stream, out);
      return Refused(head.stream) ? DropData(head, out) : Forward(frame, out);
    case kRstStream:
    case kWindowUpdate:
      if (head.stream > last_stream_ || (head.type == kRstStream && head.stream == 0) || head.length != 4) {
        return Broken(head.stream, out);
      }
      return Refused(head.stream) ? void() : Forward(frame, out);
    case kPriority:
      if (head.stream == 0 || head.length != 5) return Broken(head.stream, out);
      return Refused(head.stream) ? void() : Forward(frame, out);
    case kSettings:
    case kPing:
    case kGoAwayFrame:
      return Control(head, out) ? Forward(frame, out) : void();
    case kPushPromise:
      return Broken(head.stream, out);
    default:
      return;  // an extension: whoever does not know it ignores it
  }
}

// Frames of the connection; false: not forwarded.
bool H2c::Control(const FrameHead& head, Output* out) {
  const bool ack = (head.flags & kAck) != 0;
  const bool sized = head.type == kSettings ? head.length % 6 == 0 && (!ack || head.length == 0)
                     : head.type == kPing   ? head.length == 8
                                            : head.length >= 8;
  if (head.stream != 0 || !sized) {
    Broken(head.stream, out);
    return false;
  }
  if (head.type == kSettings && ack && ack_due_) {
    ack_due_ = false;  // of the settings that were ours
    return false;
  }
  return true;
}

void H2c::Headers(const FrameHead& head, std::string_view frame, Output* out) {
  FragmentFault fault = FragmentFault::kNone;
  const std::string_view fragment = Fragment(head, frame.substr(kFrameHeader), &fault);
  if (fault != FragmentFault::kNone || head.stream % 2 == 0) return Broken(head.stream, out);
  if (head.type == kContinuation && block_.stream == 0) return Broken(head.stream, out);
  if (head.type == kHeaders) {
    block_.stream = head.stream;
    block_.flags = head.flags;
    block_.frames = 0;
  }
  if (++block_.frames > kMaxBlockFrames || block_.coded.size() + fragment.size() > kMaxHeaderBlock) {
    return Broken(head.stream, out);
  }
  block_.coded.append(fragment);
  block_.verbatim.append(frame);
  if ((head.flags & kEndHeaders) == 0) return;
  Judge(out);
  block_ = {};
}

void H2c::ClientEnded(Output* out) {
  ended_ = true;
  out->next = Next::kEnd;  // whole frames, and no request among them: nothing was decided
}

void H2c::TimedOut(Output* out) {
  if (allowed_ || ended_) return;
  ended_ = true;
  out->next = Next::kEnd;
  if (decided_) return ToClient(GoAway(), out);  // streams, and none was granted: all is told
  Decision decision;
  decision.reason = wire::GateReason::kL7PeekTimeout;
  decision.rule = Builtin(wire::BuiltinRule::kLimits);
  decision.name = kUnknownName;
  out->decisions.push_back(std::move(decision));
  decided_ = true;
}

void H2c::UpstreamFailed(Output* out) {
  Decision decision;
  decision.reason = wire::GateReason::kL7UnknownProtocol;
  decision.rule = last_rule_;
  decision.name = kUnknownName;
  out->decisions.push_back(std::move(decision));
  ToClient(GoAway(), out);
  ended_ = true;
  out->next = Next::kEnd;
}

// The framing is lost: the stream's refusal is told, then GOAWAY, and nothing more is taken.
void H2c::Broken(std::uint32_t stream, Output* out) {
  if (ended_) return;
  decided_ = ended_ = true;
  out->decisions.push_back(Unparseable(stream));
  ToClient(GoAway(), out);
  out->next = Next::kEnd;
}

void H2c::Forward(std::string_view bytes, Output* out) {
  if (allowed_) {
    out->to_server.append(bytes);
  } else if (held_.size() + bytes.size() <= kMaxHeldBytes) {
    held_.append(bytes);
  } else {
    Broken(0, out);
  }
}

// The client spent its window of the connection on these bytes, and no server will give it back.
void H2c::DropData(const FrameHead& head, Output* out) {
  if (head.length > 0) ToClient(WindowUpdate(static_cast<std::uint32_t>(head.length)), out);
}

void H2c::ToClient(std::string_view bytes, Output* out) {
  if (server_.AtBoundary()) {
    out->to_client.append(bytes);
  } else if (pending_.size() + bytes.size() <= kMaxPendingBytes) {
    pending_.append(bytes);
  } else {
    ended_ = true;
    out->next = Next::kEnd;
  }
}

void H2c::FromServer(std::string_view bytes, Output* out) {
  server_spoke_ = server_spoke_ || !bytes.empty();
  while (!bytes.empty() && !pending_.empty()) {
    const std::size_t boundary = server_.ToBoundary(bytes);
    const std::size_t taken = boundary == std::string_view::npos ? bytes.size() : boundary;
    out->to_client.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (boundary != std::string_view::npos) {
      out->to_client.append(pending_);
      pending_.clear();
    }
  }
  out->to_client.append(bytes);
  while (!bytes.empty()) {
    const std::size_t boundary = server_.ToBoundary(bytes);
    if (boundary == std::string_view::npos) return;
    bytes.remove_prefix(boundary);
  }
}

std::unique_ptr<Protocol> MakeH2c(const Matcher& matcher, Replies replies) {
  return std::make_unique<H2c>(matcher, replies);
}

}  // namespace gate::l7
