// SPDX-License-Identifier: Apache-2.0
// Streams of one connection: each judged by its own first block, and none seen by the server but the allowed ones.
#include "gate/l7/h2c.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <map>
#include <random>

#include "gate/l7/test_bytes.h"

namespace gate::l7 {
namespace {

using namespace test;
using test::Frame;

std::vector<wire::GateRule> Http() {
  return {Rule(1, kName, kHttp, "a.example"), Rule(2, kName, kHttp, "c.example"),
          Rule(3, kWildcard, kHttp, "*.files.example")};
}

TEST(H2c, EachStreamIsJudgedAndTheRefusedOneNeverLeaves) {
  for (const bool slow : {false, true}) {
    Connection one(Http());
    const std::string bytes = kStart + Request(1, "a.example", 0x4) + Request(3, "b.example", 0x4) +
                              Frame(0, 0, 3, "foreign") + Frame(0, 1, 1, "granted") + Frame(8, 0, 3, Big(1, 4)) +
                              Frame(3, 0, 3, Big(8, 4));
    slow ? one.Trickle(bytes) : one.Send(bytes);
    EXPECT_EQ(one.Reasons(), "l7_h2_authority_allowlist_match l7_h2_authority_allowlist_miss");
    EXPECT_EQ(one.out.decisions[1].stream, 3u);
    EXPECT_EQ(one.out.to_server, kStart + Request(1, "a.example", 0x4) + Frame(0, 1, 1, "granted"));
    // The reset, and the window that the dropped bytes had used.
    EXPECT_EQ(one.out.to_client, Reset(3) + Frame(8, 0, 0, Big(7, 4)));
  }
}

TEST(H2c, NothingLeavesForRefusedStreamsAlone) {
  Connection one(Http());
  one.Send(kStart + Frame(8, 0, 0, Big(9, 4)) + Request(1, "b.example") + Frame(6, 0, 0, "pingpong"));
  EXPECT_TRUE(one.out.to_server.empty());
  EXPECT_EQ(one.out.to_client, Reset(1));
  one.Send(Request(3, "a.example"));
  EXPECT_EQ(one.out.to_server,
            kStart + Frame(8, 0, 0, Big(9, 4)) + Frame(6, 0, 0, "pingpong") + Request(3, "a.example"));
}

// After a refused block the server's table lacks its entries: index 62 would mean another host to it.
TEST(H2c, AnIndexIntoARefusedBlocksTableIsWrittenOut) {
  Connection one(Http());
  const std::string two = std::string("\x82\x84\x86\xbf", 4);  // the entry before the last: a.example
  one.Send(kStart + Request(1, "a.example") + Request(3, "b.example") + Frame(1, 5, 5, two));
  EXPECT_EQ(one.Reasons(),
            "l7_h2_authority_allowlist_match l7_h2_authority_allowlist_miss "
            "l7_h2_authority_allowlist_match_dynamic_indexed");
  const std::string literal = std::string(
      "\x82\x84\x86\x00\x0a:authority\x09"
      "a.example",
      25);
  EXPECT_EQ(one.out.to_server, kStart + Request(1, "a.example") + Frame(1, 5, 5, literal));
}

TEST(H2c, AnIndexToTheRefusedNameIsRefused) {
  Connection one(Http());
  one.Send(kStart + Request(1, "b.example") + Frame(1, 5, 3, std::string("\x82\x84\x86\xbe", 4)));
  EXPECT_EQ(one.Reasons(), "l7_h2_authority_allowlist_miss l7_h2_authority_allowlist_miss_dynamic_indexed");
  EXPECT_TRUE(one.out.to_server.empty());
}

TEST(H2c, ATableSizeOfARefusedBlockIsMadeUpFor) {
  Connection one(Http());
  one.Send(kStart + Frame(1, 5, 1, "\x20" + RequestBlock("b.example")) + Request(3, "a.example"));
  EXPECT_EQ(one.out.to_server, kStart + Frame(1, 5, 3, "\x20" + RequestBlock("a.example")));
}

TEST(H2c, TrailersPassOnlyWithoutARequestInside) {
  Connection good(Http()), hidden(Http());
  const std::string trailers = Frame(1, 5, 1, std::string("\x40\x01x\x01y", 5));
  good.Send(kStart + Request(1, "a.example", 0x4) + trailers);
  EXPECT_EQ(good.Reasons(), "l7_h2_authority_allowlist_match");
  EXPECT_TRUE(good.out.to_server.ends_with(trailers));
  hidden.Send(kStart + Request(1, "a.example", 0x4) + Request(1, "b.example"));
  EXPECT_EQ(hidden.Reasons(), "l7_h2_authority_allowlist_match l7_h2_unparseable_headers");
  EXPECT_EQ(hidden.out.next, Next::kEnd);
  EXPECT_EQ(hidden.out.to_server, kStart + Request(1, "a.example", 0x4));
}

TEST(H2c, TrailersOfARefusedStreamStayBehindAndUnreadableOnesEndTheConnection) {
  Connection refused(Http()), unreadable(Http());
  refused.Send(kStart + Request(1, "b.example", 0x4) + Frame(1, 5, 1, std::string("\x00\x01x\x01y", 5)) +
               Request(3, "a.example"));
  EXPECT_EQ(refused.Reasons(), "l7_h2_authority_allowlist_miss l7_h2_authority_allowlist_match");
  EXPECT_EQ(refused.out.to_server, kStart + Request(3, "a.example"));
  unreadable.Send(kStart + Request(1, "a.example", 0x4) + Frame(1, 5, 1, "\xff\x7f") + Request(3, "a.example"));
  EXPECT_EQ(unreadable.out.next, Next::kEnd);
  EXPECT_EQ(unreadable.out.to_client, kGoAway);
  EXPECT_EQ(unreadable.out.to_server, kStart + Request(1, "a.example", 0x4));
}

class H2cBadBlock : public testing::TestWithParam<std::string> {};
TEST_P(H2cBadBlock, IsRefusedAndTheNextStreamJudged) {
  Connection one(Http());
  one.Send(kStart + Frame(1, 5, 1, GetParam()) + Request(3, "a.example"));
  EXPECT_EQ(one.out.decisions.at(0).reason, wire::GateReason::kL7H2UnparseableHeaders);
  EXPECT_EQ(one.out.to_server, kStart + Request(3, "a.example"));
  EXPECT_EQ(one.out.to_client, Reset(1));
}
std::string B(std::string_view before, std::string_view after) {
  return std::string(before) + RequestBlock("a.example") + std::string(after);
}
INSTANTIATE_TEST_SUITE_P(H2c, H2cBadBlock,
                         testing::Values(B("", std::string("\x41\x09"
                                                           "b.example",
                                                           11)),                       // two authorities
                                         B("", std::string("\x00\x05:path\x01/", 9)),  // two paths, after another field
                                         B("", std::string("\x00\x02:x\x01y", 6)),     // an unknown pseudo-field
                                         B(std::string("\x00\x01x\x01y", 5), ""),  // a field before the pseudo-fields
                                         B("", std::string("\x00\x01X\x01y", 5)),  // upper case
                                         B("", std::string("\x00\x01x\x03"
                                                           "a\r\n",
                                                           7)),  // a line end in a value
                                         B("", std::string("\x00\x11transfer-encoding\x07"
                                                           "chunked",
                                                           27)),
                                         B("", std::string("\x00\x07upgrade\x03h2c", 13)), std::string("\xff\x7f"),
                                         std::string("\x41\x81\x18", 3),
                                         std::string("\x82\x84\x86\x41\x05"
                                                     "a\xe9"
                                                     ".ex",
                                                     10),
                                         std::string("\x82\x84\x86\x41\x03"
                                                     "a b",
                                                     8),
                                         std::string("\x82\x84\x86\x41\x0bu@a.example", 16),
                                         std::string("\x84\x86\x41\x09"
                                                     "a.example",
                                                     13),
                                         B("\x3f\xe1\xff\x3f", "")));

TEST(H2c, AHostThatIsNotTheAuthorityIsAMismatch) {
  EXPECT_EQ(Connection(Http())
                .Send(kStart + Frame(1, 5, 1,
                                     B("", std::string("\x66\x09"
                                                       "b.example",
                                                       11))))
                .Reasons(),
            "l7_host_mismatch");
  EXPECT_EQ(Connection(Http())
                .Send(kStart + Frame(1, 5, 1,
                                     B("", std::string("\x66\x09"
                                                       "a.example",
                                                       11))))
                .Reasons(),
            "l7_h2_authority_allowlist_match");
}

TEST(H2c, ConnectIsRefused) {
  const std::string connect = std::string(
      "\x02\x07"
      "CONNECT\x41\x09"
      "a.example",
      20);
  EXPECT_EQ(Connection(Http()).Send(kStart + Frame(1, 4, 1, connect)).Reasons(), "l7_h2_authority_allowlist_miss");
}

class H2cBrokenFraming : public testing::TestWithParam<std::string> {};
TEST_P(H2cBrokenFraming, EndsWithGoAway) {
  Connection one(Http());
  one.Send(kStart + GetParam() + Request(9, "a.example"));
  EXPECT_EQ(one.out.next, Next::kEnd);
  EXPECT_EQ(one.out.to_client, kGoAway);
  EXPECT_TRUE(one.out.to_server.empty());
  EXPECT_EQ(one.Reasons(), "l7_h2_unparseable_headers");
}
INSTANTIATE_TEST_SUITE_P(H2c, H2cBrokenFraming,
                         testing::Values(Request(0, "a.example"), Request(2, "a.example"), Frame(0, 0, 0, "x"),
                                         Frame(0, 0, 7, "x"), Frame(9, 4, 1, "x"), Frame(5, 4, 1, "xxxx"),
                                         Frame(4, 0, 1, ""), Frame(4, 0, 0, "x"), Frame(6, 0, 0, "x"),
                                         Frame(1, 0xc, 1, ""),
                                         Frame(1, 0xc, 1,
                                               "\xff"
                                               "abc"),
                                         Frame(1, 0x24, 1, "xx"), Frame(3, 0, 5, Big(0, 4)),
                                         Frame(3, 0, 0, Big(0, 4)), Frame(8, 0, 0, Big(1, 3)),
                                         Frame(2, 0, 0, "xxxxx"), Frame(2, 0, 1, "xxxx"), Frame(7, 0, 0, Big(1, 4)),
                                         Frame(0x7f, 0, 0, std::string(16385, 'x'))));

TEST(H2c, TheFirstFrameIsSettings) {
  const std::string preface(kPreface);
  EXPECT_EQ(Connection(Http()).Send(preface + Request(1, "a.example")).out.next, Next::kEnd);
  EXPECT_EQ(Connection(Http()).Send(preface + Frame(4, 1, 0, "")).out.next, Next::kEnd);
}

TEST(H2c, AnInterruptedBlockEndsTheConnectionWithItsStreamRefused) {
  for (const std::string& between :
       {Frame(0, 0, 1, "x"), Frame(9, 4, 3, "x"), Request(3, "a.example"), Frame(6, 0, 0, "pingpong")}) {
    Connection one(Http());
    one.Send(kStart + Request(1, "a.example", 0x1) + between + Frame(9, 4, 1, "") + Request(5, "a.example"));
    EXPECT_EQ(one.out.to_client, Reset(1));
    EXPECT_EQ(one.out.next, Next::kEnd);
    EXPECT_TRUE(one.out.to_server.empty());
  }
}

TEST(H2c, ContinuationsAreBoundedInBytesAndNumber) {
  Connection bytes(Http()), frames(Http());
  bytes.Send(kStart + Frame(1, 1, 1, RequestBlock("a.example")));
  int sent = 0;
  for (; sent < 1000 && bytes.out.next == Next::kMore; ++sent) bytes.Send(Frame(9, 0, 1, std::string(1000, '\0')));
  EXPECT_EQ(bytes.out.to_client, kGoAway);
  EXPECT_LE(sent, 66);
  frames.Send(kStart + Frame(1, 1, 1, RequestBlock("a.example")));
  for (int i = 0; i < 1000 && frames.out.next == Next::kMore; ++i) frames.Send(Frame(9, 0, 1, ""));
  EXPECT_EQ(frames.out.to_client, kGoAway);
  EXPECT_TRUE(frames.out.to_server.empty());
}

TEST(H2c, AContinuationOfNothingIsNotForwarded) {
  Connection one(Http());
  one.Send(kStart + Request(1, "a.example", 0x4) + Frame(9, 5, 1, std::string("\x40\x01x\x01y", 5)));
  EXPECT_EQ(one.out.to_client, kGoAway);
  EXPECT_EQ(one.out.to_server, kStart + Request(1, "a.example", 0x4));
}

TEST(H2c, AHeaderListThatGrowsFromALittleIsRefused) {
  Connection many(Http());  // of the static table
  many.Send(kStart + Frame(1, 5, 1, RequestBlock("a.example") + std::string(10000, '\x90')));
  EXPECT_EQ(many.Reasons(), "l7_h2_unparseable_headers");
  Connection one(Http());
  // One large entry, then thousands of references to it.
  const std::string big = std::string("\x40\x01x\x7f\x81\x17", 6) + std::string(3072, 'y');
  one.Send(kStart + Frame(1, 5, 1, RequestBlock("a.example") + big + std::string(8000, '\xbe')));
  EXPECT_EQ(one.Reasons(), "l7_h2_unparseable_headers");
}

TEST(H2c, RefusedStreamsAreBounded) {
  Connection one(Http());
  one.Send(kStart);
  std::uint32_t stream = 1;
  for (; one.out.next == Next::kMore && stream < 10000; stream += 2) one.Send(Request(stream, "b.example"));
  EXPECT_EQ(one.out.next, Next::kEnd);
  EXPECT_LE(stream / 2, kMaxRefusedStreams + 2);
}

TEST(H2c, WhatIsHeldBeforeTheFirstAllowedStreamIsBounded) {
  Connection one(Http());
  one.Send(kStart);
  int sent = 0;
  for (; one.out.next == Next::kMore && sent < 100000; ++sent) one.Send(Frame(6, 0, 0, "pingpong"));
  EXPECT_LE(sent, 5000);
}

TEST(H2c, AReplyIsPutBetweenFramesOfTheServer) {
  Connection one(Http());
  one.Send(kStart + Request(1, "a.example"));
  const std::string data = Frame(0, 0, 1, "0123456789"), headers = Frame(1, 0, 1, "\x88"), rest = Frame(9, 4, 1, "");
  one.Server(data.substr(0, 12));
  one.Send(Request(3, "b.example"));
  EXPECT_EQ(one.out.to_client, data.substr(0, 12));
  one.Server(data.substr(12) + headers);
  EXPECT_EQ(one.out.to_client, data + Reset(3) + headers);
  one.Send(Request(5, "b.example"));
  one.Server(rest + data);
  EXPECT_EQ(one.out.to_client, data + Reset(3) + headers + rest + Reset(5) + data);
}

TEST(H2c, OnlyRefusedStreamsDoNotOutliveTheDeadline) {
  Connection refused(Http()), allowed(Http());
  refused.Send(kStart + Request(1, "b.example"));
  refused.inspector().TimedOut(&refused.out);
  EXPECT_EQ(refused.out.next, Next::kEnd);
  EXPECT_EQ(refused.Reasons(), "l7_h2_authority_allowlist_miss");
  allowed.Send(kStart + Request(1, "a.example"));
  allowed.inspector().TimedOut(&allowed.out);
  EXPECT_EQ(allowed.out.next, Next::kMore);
}

TEST(H2c, UnknownFramesAreDropped) {
  Connection one(Http());
  one.Send(kStart + Request(1, "a.example") + Frame(0x7f, 0, 1, "b.example"));
  EXPECT_EQ(one.out.to_server, kStart + Request(1, "a.example"));
}

// A client and a server of nghttp2 with the inspector between them.
struct Peer {
  std::map<std::int32_t, std::map<std::string, std::string>> fields;
  std::map<std::int32_t, std::uint32_t> closed;
};
int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
             const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
  static_cast<Peer*>(user)->fields[frame->hd.stream_id][std::string(reinterpret_cast<const char*>(name), name_size)] =
      std::string(reinterpret_cast<const char*>(value), value_size);
  return 0;
}
int OnClose(nghttp2_session*, std::int32_t stream, std::uint32_t error, void* user) {
  static_cast<Peer*>(user)->closed[stream] = error;
  return 0;
}
std::string Sent(nghttp2_session* session) {
  std::string bytes;
  const std::uint8_t* data = nullptr;
  for (ssize_t size = 0; (size = nghttp2_session_mem_send(session, &data)) > 0;) {
    bytes.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  return bytes;
}

TEST(H2c, BetweenARealClientAndServerEveryAllowedRequestArrivesAsItWasSent) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
  Peer client_sees, server_sees;
  nghttp2_session *client = nullptr, *server = nullptr;
  nghttp2_session_client_new(&client, callbacks, &client_sees);
  nghttp2_session_server_new(&server, callbacks, &server_sees);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_submit_settings(client, NGHTTP2_FLAG_NONE, nullptr, 0);
  const nghttp2_settings_entry small = {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 256};
  nghttp2_submit_settings(server, NGHTTP2_FLAG_NONE, &small, 1);

  Connection one(Http(), Replies::kExplained);
  std::mt19937 random(7);
  std::map<std::int32_t, std::map<std::string, std::string>> allowed;
  for (int i = 0; i < 400; ++i) {
    const unsigned which = random() % 4;
    const std::string authority = which == 0   ? "a.example"
                                  : which == 1 ? "c.example"
                                  : which == 2 ? "b.example"
                                               : "x.files.example";
    std::map<std::string, std::string> fields = {{":method", "GET"},
                                                 {":scheme", "http"},
                                                 {":path", "/" + std::to_string(random() % 5)},
                                                 {":authority", authority},
                                                 {"x-a", std::string(random() % 40, 'v')},
                                                 {"x-b", std::to_string(random() % 6)}};
    std::vector<nghttp2_nv> list;
    for (auto& [name, value] : fields) {
      list.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    const std::int32_t stream = nghttp2_submit_request(client, nullptr, list.data(), list.size(), nullptr, nullptr);
    ASSERT_GT(stream, 0);
    if (which != 2) allowed[stream] = fields;
    for (int round = 0; round < 3; ++round) {
      one.Send(Sent(client));
      ASSERT_EQ(one.out.next, Next::kMore) << one.Reasons();
      const std::string up = std::exchange(one.out.to_server, {});
      ASSERT_EQ(nghttp2_session_mem_recv(server, reinterpret_cast<const std::uint8_t*>(up.data()), up.size()),
                static_cast<ssize_t>(up.size()));
      if (round == 0 && which != 2) {
        const nghttp2_nv status = {reinterpret_cast<std::uint8_t*>(const_cast<char*>(":status")),
                                   reinterpret_cast<std::uint8_t*>(const_cast<char*>("204")), 7, 3,
                                   NGHTTP2_NV_FLAG_NONE};
        nghttp2_submit_response(server, stream, &status, 1, nullptr);
      }
      if (!allowed.empty()) one.Server(Sent(server));
      const std::string down = std::exchange(one.out.to_client, {});
      ASSERT_EQ(nghttp2_session_mem_recv(client, reinterpret_cast<const std::uint8_t*>(down.data()), down.size()),
                static_cast<ssize_t>(down.size()));
    }
    EXPECT_EQ(client_sees.fields[stream][":status"], which == 2 ? "403" : "204") << stream;
    EXPECT_EQ(client_sees.fields[stream].contains("cellos-denied"), which == 2);
  }
  EXPECT_EQ(server_sees.fields, allowed);
  EXPECT_GT(allowed.size(), 200u);
  EXPECT_TRUE(nghttp2_session_want_read(server));
  EXPECT_TRUE(nghttp2_session_want_read(client));
  nghttp2_session_del(client);
  nghttp2_session_del(server);
}

}  // namespace
}  // namespace gate::l7
