// SPDX-License-Identifier: Apache-2.0
// What resolvers send to cellos-upstream: frames, HTTP/2, validated answers to be fitted to a query.
#include <stdlib.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "upstream/framing.h"
#include "upstream/message.h"
#include "upstream/trust_anchors.h"

namespace {

void Demand(bool holds) {
  if (!holds) abort();
}

// The question that a message repeats, as a query with and without EDNS.
std::string QueryFor(std::string_view message, std::size_t question_end, bool dnssec_ok) {
  std::string query(message.substr(0, question_end));
  query[2] = 1;
  query[3] = 0;
  for (std::size_t at = 6; at < upstream::kDnsHeaderBytes; ++at) query[at] = 0;
  if (dnssec_ok) {
    query[11] = 1;
    query += std::string("\0\0\x29\x10\0\0\0\x80\0\0\0", 11);
  }
  return query;
}

void TryMessage(std::string_view message) {
  const std::optional<upstream::Question> question = upstream::QuestionOf(message);
  if (!question) return;
  Demand(question->end <= message.size() && question->name.size() <= 255);
  upstream::NameText(question->name);
  upstream::FirstSignature(message, question->type);
  std::string limited(message);
  upstream::LimitUdpSize(limited, 1232);
  Demand(limited.size() == message.size());
  for (const bool dnssec_ok : {false, true}) {
    const std::string query = QueryFor(message, question->end, dnssec_ok);
    Demand(upstream::EdnsOf(query).dnssec_ok == dnssec_ok);
    const std::optional<std::string> fitted = upstream::FitAnswer(message, query, true);
    if (!fitted) continue;
    Demand(fitted->size() <= upstream::kMaxDnsBytes && upstream::IdOf(*fitted) == upstream::IdOf(query));
    const std::optional<upstream::Question> again = upstream::QuestionOf(*fitted);
    Demand(again && upstream::SameQuestion(*question, *again));
    // What was fitted fits: nothing is lost or added the second time.
    const std::optional<std::string> second = upstream::FitAnswer(*fitted, query, true);
    Demand(second && *second == *fitted);
  }
}

void TryFraming(upstream::Framing& framing, std::string_view query, std::string_view bytes) {
  framing.Open();
  Demand(framing.Submit(1, query).has_value());
  for (int i = 0; i < 4; ++i) {
    const auto output = framing.Output();
    if (!output || output->empty()) break;
    framing.Written(output->size());
  }
  // In two pieces, so that every state meets an end of input.
  const std::size_t half = bytes.size() / 2;
  if (framing.Feed(bytes.substr(0, half))) [[maybe_unused]] const auto rest = framing.Feed(bytes.substr(half));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string query("\x12\x34\x01\0\0\1\0\0\0\0\0\0\3www\7example\0\0\1\0\1", 29);
  int replies = 0;
  const auto on_reply = [&replies](upstream::Framing::Tag tag, base::Result<std::string> reply) {
    Demand(tag == 1 && ++replies == 1);
    if (reply) Demand(reply->size() >= upstream::kDnsHeaderBytes && reply->size() <= upstream::kMaxDnsBytes);
  };
  switch (data[0] % 4) {
    case 0: TryMessage(bytes); break;
    case 1: TryFraming(*upstream::MakeLengthFraming(on_reply), query, bytes); break;
    case 2:
      TryFraming(*upstream::MakeHttp2Framing({.authority = "dns.example", .path = "/dns-query"}, on_reply), query, bytes);
      break;
    case 3: [[maybe_unused]] const auto anchors = upstream::ParseTrustAnchors(bytes); break;
  }
  return 0;
}
