// SPDX-License-Identifier: Apache-2.0
// Fields of one HTTP/2 request: which make none of it.
#include "gate/l7/h2_request.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace gate::l7 {
namespace {

using Fields = std::vector<std::pair<const char*, const char*>>;

H2Request Read(const Fields& fields) {
  H2Request request;
  for (const auto& [name, value] : fields) request.OnField(name, value, Coding::kPlain);
  request.Finish();
  return request;
}

Fields Ordinary(const Fields& more = {}, const char* path = "/", const char* authority = "a.example") {
  Fields fields = {{":method", "GET"}, {":scheme", "http"}, {":path", path}, {":authority", authority}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

TEST(H2Request, AnOrdinaryOneIsRegular) {
  const H2Request request = Read(Ordinary({{"accept", "*/*"}, {"host", "A.example"}}));
  EXPECT_EQ(request.irregular(), nullptr);
  EXPECT_EQ(request.host(), "a.example");
  EXPECT_FALSE(request.host_differs());
  EXPECT_EQ(Read({{":method", "OPTIONS"}, {":scheme", "http"}, {":path", "*"}, {":authority", "a"}}).irregular(), nullptr);
  EXPECT_EQ(Read({{":method", "CONNECT"}, {":authority", "a.example:80"}}).irregular(), nullptr) << "judged elsewhere";
}

TEST(H2Request, FieldsThatAnotherReaderMightReadOtherwiseAreRefused) {
  const Fields bad[] = {
      Ordinary({{"x", " y"}}), Ordinary({{"x", "y\t"}}), Ordinary({{"x", "a\r\nhost: b.example"}}),
      Ordinary({{"", "y"}}), Ordinary({{"X", "y"}}), Ordinary({{"a:b", "y"}}), Ordinary({{"a b", "y"}}),
      Ordinary({{"connection", "close"}}), Ordinary({{"transfer-encoding", "chunked"}}), Ordinary({{"upgrade", "x"}}),
      Ordinary({{"keep-alive", "1"}}), Ordinary({{"proxy-connection", "x"}}),
      Ordinary({{"host", "a.example"}, {"host", "a.example"}}),
  };
  for (const Fields& fields : bad) {
    EXPECT_NE(Read(fields).irregular(), nullptr) << fields.back().first << ": " << fields.back().second;
  }
}

TEST(H2Request, PseudoFieldsComeFirstOnceAndWhole) {
  EXPECT_NE(Read(Ordinary({{"x", "y"}, {":authority", "b.example"}})).irregular(), nullptr);
  EXPECT_NE(Read(Ordinary({{":path", "/b"}})).irregular(), nullptr);
  EXPECT_NE(Read(Ordinary({{":status", "200"}})).irregular(), nullptr);
  EXPECT_NE(Read({{":method", "GET"}, {":scheme", "http"}, {":authority", "a.example"}}).irregular(), nullptr);
  EXPECT_NE(Read({{":scheme", "http"}, {":path", "/"}, {":authority", "a.example"}}).irregular(), nullptr);
}

TEST(H2Request, PathsAndAuthoritiesHaveAForm) {
  for (const char* path : {"", "a", "http://b.example/", "*"}) {
    EXPECT_NE(Read(Ordinary({}, path)).irregular(), nullptr) << path;
  }
  for (const char* authority : {"[::1", "[::1]x", "a.example:x", "a.example:123456"}) {
    EXPECT_NE(Read(Ordinary({}, "/", authority)).irregular(), nullptr) << authority;
  }
}

TEST(H2Request, AHostThatIsNotTheAuthorityDiffers) {
  EXPECT_TRUE(Read(Ordinary({{"host", "b.example"}})).host_differs());
  EXPECT_TRUE(Read(Ordinary({{"host", "a.example:80"}})).host_differs());
}

}  // namespace
}  // namespace gate::l7
