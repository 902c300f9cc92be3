// SPDX-License-Identifier: Apache-2.0
// HTTP/2 with prior knowledge: every stream is judged by its first header block.
//
// What reaches the server: the preface and control frames (held until the first allowed stream), and frames of allowed
// streams. Nothing of a refused stream does; it gets RST_STREAM. As long as no refused block has touched the client's
// HPACK table, allowed blocks are forwarded byte for byte; from then on each is rewritten where, and only where, it
// refers to the dynamic table, so that it means the same to the server whatever its table holds. Size updates of
// refused blocks are made up for. Frames that break the framing of RFC 9113 end the connection.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "gate/l7/h2_frames.h"
#include "gate/l7/h2_request.h"
#include "gate/l7/hpack.h"
#include "gate/l7/protocol.h"

namespace gate::l7 {

inline constexpr std::size_t kMaxHeldBytes = 64 << 10;     // before the first allowed stream
inline constexpr std::size_t kMaxBlockFrames = 512;        // HEADERS and CONTINUATION of one block
inline constexpr std::size_t kMaxRefusedStreams = 1024;    // of one connection; then it ends
inline constexpr std::size_t kMaxPendingBytes = 64 << 10;  // for the client, waiting for the end of a server's frame

class H2c final : public Protocol {
 public:
  H2c(const Matcher& matcher, Replies replies) : matcher_(matcher), replies_(replies) {}
  void FromClient(std::string_view bytes, Output* out) override;
  bool Undecided() const override { return !decided_; }
  void ClientEnded(Output* out) override;
  void TimedOut(Output* out) override;
  void UpstreamFailed(Output* out) override;
  bool WantsServerBytes() const override { return true; }
  void FromServer(std::string_view bytes, Output* out) override;

 private:
  struct Block {
    std::uint32_t stream = 0;  // 0: none open
    std::uint8_t flags = 0;
    std::size_t frames = 0;
    std::string coded, verbatim;
  };
  void Frame(const FrameHead& head, std::string_view frame, Output* out);
  bool Control(const FrameHead& head, Output* out);
  void Headers(const FrameHead& head, std::string_view frame, Output* out);
  void Judge(Output* out);
  Decision JudgeRequest(const H2Request& request) const;
  void Allow(const DecodedBlock& decoded, Output* out);
  void Keep(const DecodedBlock& decoded);
  void Refuse(Decision decision, const DecodedBlock* decoded, Output* out);
  void Broken(std::uint32_t stream, Output* out);
  void Forward(std::string_view bytes, Output* out);
  void ToClient(std::string_view bytes, Output* out);
  void DropData(const FrameHead& head, Output* out);
  bool Refused(std::uint32_t stream) const { return refused_.contains(stream); }
  Decision Unparseable(std::uint32_t stream) const;

  Matcher matcher_;
  Replies replies_;
  HeaderDecoder decoder_;
  std::string in_;       // a frame that is not whole
  std::string held_;     // for the server, before the first allowed stream
  std::string pending_;  // for the client
  Block block_;
  FrameWalker server_;
  std::set<std::uint32_t> refused_;
  std::optional<std::size_t> owed_smallest_, owed_last_;  // table sizes the server was not told
  std::uint32_t last_stream_ = 0;
  bool preface_ = false, settings_ = false, decided_ = false, allowed_ = false, ended_ = false;
  bool server_spoke_ = false, own_settings_ = false, ack_due_ = false;
  bool verbatim_ = true;  // the server's table is the client's
  wire::RuleRef last_rule_;
};

}  // namespace gate::l7
