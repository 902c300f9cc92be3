// SPDX-License-Identifier: Apache-2.0
// Heads that two readers could read differently are refused; bodies end where an honest server ends them.
#include "gate/l7/http1.h"

#include <gtest/gtest.h>

#include <string>

namespace gate::l7 {
namespace {

RequestHead Parsed(const std::string& head) {
  RequestHead parsed;
  EXPECT_EQ(ParseHead(head, &parsed), HeadFault::kNone) << head;
  return parsed;
}

std::string Get(std::string_view fields, std::string_view target = "/") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a.example\r\n" + std::string(fields) + "\r\n";
}

class IrregularHead : public testing::TestWithParam<const char*> {};
TEST_P(IrregularHead, IsRefused) {
  RequestHead head;
  const std::string text = Get(GetParam());
  EXPECT_EQ(ParseHead(text, &head), HeadFault::kNone);
  EXPECT_NE(head.irregular, nullptr) << text;
}
INSTANTIATE_TEST_SUITE_P(
    Http1, IrregularHead,
    testing::Values("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 4\r\nContent-Length: 4\r\n",
                    "Content-Length: 4, 4\r\n", "Content-Length: +4\r\n", "Content-Length: 0x4\r\n",
                    "Content-Length:\r\n", "Content-Length: 9999999999999999999\r\n",
                    "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n",
                    "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                    "Transfer-Encoding : chunked\r\n", "X: y\r\n folded\r\n", " Host: b\r\n", "no colon\r\n", ": x\r\n",
                    "X: a\x01"
                    "b\r\n",
                    "Upgrade: websocket\r\n", "Connection: Upgrade\r\n", "Connection: keep-alive, Host\r\n",
                    "Connection: transfer-encoding\r\n"));

TEST(Http1Head, AnOrdinaryRequestIsRegular) {
  const RequestHead head = Parsed(Get("Accept: */*\r\nConnection: keep-alive\r\nX: caf\xc3\xa9\r\n", "/a?b=http://c/"));
  EXPECT_EQ(head.irregular, nullptr);
  EXPECT_EQ(head.host, "a.example");
  EXPECT_EQ(head.body, BodyForm::kNone);
}

TEST(Http1Head, LengthsAreRead) {
  EXPECT_EQ(Parsed(Get("Content-Length: 42\r\n")).length, 42u);
  EXPECT_EQ(Parsed(Get("Transfer-Encoding: Chunked\r\n")).body, BodyForm::kChunked);
  EXPECT_EQ(Parsed(Get("Transfer-Encoding: Chunked\r\n")).irregular, nullptr);
}

TEST(Http1Head, AnAbsoluteTargetMustNameTheHost) {
  RequestHead head;
  for (const char* target : {"http://b.example/", "http://a.example:81/", "http://u@a.example/", "http://a.example@b/",
                             "http://a.example\\@b.example/", "http:///", "HTTP://b.example"}) {
    head = {};
    const std::string text = Get("", target);
    EXPECT_EQ(ParseHead(text, &head), HeadFault::kHostMismatch) << target;
  }
  for (const char* target :
       {"http://a.example/", "http://A.EXAMPLE:80/x", "http://a.example./", "http://a.example?x", "http://a.example:/"}) {
    EXPECT_EQ(Parsed(Get("", target)).irregular, nullptr) << target;
  }
}

TEST(Http1Head, TargetsOfNoKnownFormAreRefused) {
  for (const char* target : {"*", "a", "https://a.example/", "ws://a.example/", "?x", "a.example:80"}) {
    EXPECT_NE(Parsed(Get("", target)).irregular, nullptr) << target;
  }
  EXPECT_EQ(Parsed("OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n").irregular, nullptr);
}

TEST(Http1Head, OneHostAndNoMore) {
  RequestHead head;
  EXPECT_EQ(ParseHead(Get("Host: a.example\r\n"), &head), HeadFault::kDuplicateHost);
  head = {};
  EXPECT_EQ(ParseHead(Get("hOST: b.example\r\n"), &head), HeadFault::kDuplicateHost);
}

TEST(Http1Head, AHostEndsInOneDotAtMost) {
  EXPECT_EQ(Parsed("GET / HTTP/1.1\r\nHost: a.example.\r\n\r\n").irregular, nullptr);
  EXPECT_NE(Parsed("GET / HTTP/1.1\r\nHost: a.example..\r\n\r\n").irregular, nullptr);
  EXPECT_NE(Parsed("GET / HTTP/1.1\r\nHost: a.example..:80\r\n\r\n").irregular, nullptr);
}

TEST(Http1Head, OnlyTwoSpacesAndTwoVersions) {
  for (const char* line : {"GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET / x HTTP/1.1", "GET / HTTP/1.2", "GET / HTTP/2.0",
                           "GET / http/1.1"}) {
    EXPECT_NE(Parsed(std::string(line) + "\r\nHost: a.example\r\n\r\n").irregular, nullptr) << line;
  }
}

TEST(Http1Head, ARequestLineOfOtherBytesOrPartsIsNoHead) {
  const auto fault = [](std::string_view text) {
    RequestHead head;
    return ParseHead(text, &head);
  };
  EXPECT_EQ(fault("GE\x01T / HTTP/1.1\r\nHost: a.example\r\n\r\n"), HeadFault::kBadByte);
  EXPECT_EQ(fault("GET /caf\xc3\xa9 HTTP/1.1\r\nHost: a.example\r\n\r\n"), HeadFault::kBadByte);
  EXPECT_EQ(fault("GET /\r\nHost: a.example\r\n\r\n"), HeadFault::kNoHttpVersion);
  EXPECT_EQ(fault("GET / HTTP/1.1\r\nHost: a.example\r\n"), HeadFault::kMalformedRequest);
  EXPECT_EQ(fault("GET / HTTP/1.1"), HeadFault::kMalformedRequest);
  EXPECT_NE(Parsed("G(T / HTTP/1.1\r\nHost: a.example\r\n\r\n").irregular, nullptr);
}

TEST(Http1Head, AHostIsANameOrAnAddressWithAtMostAPort) {
  for (const char* host : {"[::1", "[::1]x", "[::1]80", "a.example:x", "a.example:123456", "a.example:80:80"}) {
    EXPECT_NE(Parsed("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n").irregular, nullptr) << host;
  }
  for (const char* host : {"[::1]", "[::1]:80", "a.example:80", "a.example.", "192.0.2.1:8080"}) {
    EXPECT_EQ(Parsed("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n").irregular, nullptr) << host;
  }
}

TEST(Http1Head, ChunksAreOfHttp11Alone) {
  constexpr char kFields[] = "\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(Parsed("GET / HTTP/1.1" + std::string(kFields)).irregular, nullptr);
  EXPECT_NE(Parsed("GET / HTTP/1.0" + std::string(kFields)).irregular, nullptr);
}

TEST(Http1Head, ConnectIsRefusedWhateverItNames) {
  EXPECT_NE(Parsed("CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n").irregular, nullptr);
  RequestHead head;
  EXPECT_EQ(ParseHead("CONNECT b.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n", &head), HeadFault::kHostMismatch);
}

TEST(Http1Head, ItsEndIsFoundByteByByteAndBareLineEndsAreRefusedAtOnce) {
  const std::string head = Get("X: y\r\n");
  std::size_t scanned = 0;
  HeadFault fault = HeadFault::kNone;
  for (std::size_t size = 1; size < head.size(); ++size) {
    ASSERT_EQ(HeadSize(head.substr(0, size), &scanned, &fault), 0u) << size;
  }
  EXPECT_EQ(HeadSize(head + "GET", &scanned, &fault), head.size());
  for (const char* bad :
       {"GET / HTTP/1.1\nH", "GET / HTTP/1.1\rH", "GET / HTTP/1.1\r\nX: y\nHost: b\r\n\r\n", "GET /\r\r\n"}) {
    scanned = 0;
    EXPECT_EQ(HeadSize(bad, &scanned, &fault), std::string_view::npos) << bad;
    EXPECT_EQ(fault, HeadFault::kMalformedRequest);
  }
}

TEST(Http1Head, EightKibibytesAndNotOneMore) {
  const std::size_t rest = kMaxHead - Get("X: \r\n").size();
  std::size_t scanned = 0;
  HeadFault fault = HeadFault::kNone;
  EXPECT_EQ(HeadSize(Get("X: " + std::string(rest, 'y') + "\r\n"), &scanned, &fault), kMaxHead);
  scanned = 0;
  EXPECT_EQ(HeadSize(Get("X: " + std::string(rest + 1, 'y') + "\r\n"), &scanned, &fault), std::string_view::npos);
  EXPECT_EQ(fault, HeadFault::kHeaderTooLong);
}

std::pair<BodyTracker::State, std::size_t> Whole(std::string_view bytes) {
  BodyTracker body;
  body.Start(BodyForm::kChunked, 0);
  std::size_t used = 0;
  const auto state = body.Feed(bytes, &used);
  BodyTracker slow;
  slow.Start(BodyForm::kChunked, 0);
  std::size_t total = 0;
  auto last = BodyTracker::State::kMore;
  for (std::size_t i = 0; i < bytes.size() && last == BodyTracker::State::kMore; ++i) {
    std::size_t one = 0;
    last = slow.Feed(bytes.substr(i, 1), &one);
    total += one;
  }
  EXPECT_EQ(last, state) << bytes;
  EXPECT_EQ(total, used) << bytes;
  return {state, used};
}

TEST(Http1Body, ChunksEndWhereTheLastOneEnds) {
  using State = BodyTracker::State;
  EXPECT_EQ(Whole("4\r\nbody\r\n0\r\n\r\nGET"), std::pair(State::kDone, std::size_t{14}));
  EXPECT_EQ(Whole("a;x=y\r\n0123456789\r\n0\r\nT: u\r\n\r\n").first, State::kDone);
  EXPECT_EQ(Whole("4\r\nbody\r\n").first, State::kMore);
  for (const char* bad : {"\r\n", "x\r\n", "4\nbody", "4 \r\nbody", "4\r\nbodyX", "4\r\nbody\rX", "0x4\r\n", "-1\r\n",
                          "1000000000000000\r\n", "4;\x01\r\n", "0\r\n fold\r\n\r\n", "0\r\nT: u\n\r\n"}) {
    EXPECT_EQ(Whole(bad).first, State::kFault) << bad;
  }
}

TEST(Http1Body, SizeLinesAndTrailersAreBounded) {
  EXPECT_EQ(Whole("4;" + std::string(300, 'x')).first, BodyTracker::State::kFault);
  EXPECT_EQ(Whole("0\r\n" + std::string(kMaxHead + 10, 'x')).first, BodyTracker::State::kFault);
}

}  // namespace
}  // namespace gate::l7
