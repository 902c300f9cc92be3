// SPDX-License-Identifier: Apache-2.0
#include "cli/network_values.h"

#include <gtest/gtest.h>

namespace cli {
namespace {

void Expect(std::string_view text, std::string_view host, int port, std::string_view protocol, bool is_name) {
  const auto allowed = ParseAllowedHost(text);
  ASSERT_TRUE(allowed) << text;
  EXPECT_EQ(allowed->host, host) << text;
  EXPECT_EQ(allowed->port, port) << text;
  EXPECT_EQ(allowed->protocol, protocol) << text;
  EXPECT_EQ(allowed->is_name, is_name) << text;
}

TEST(AllowedHost, EveryFormIsCutWhereItIsMeant) {
  Expect("packages.example", "packages.example", 443, "", true);
  Expect("*.files.example", "*.files.example", 443, "", true);
  Expect("a.example:8443", "a.example", 8443, "", true);
  Expect("a.example/http", "a.example", 443, "http", true);
  Expect("10.1.2.3:5432/tcp", "10.1.2.3", 5432, "tcp", false);
  Expect("10.0.0.0/8", "10.0.0.0/8", 443, "", false);
  Expect("10.0.0.0/8:53/udp", "10.0.0.0/8", 53, "udp", false);
  Expect("2001:db8::1", "2001:db8::1", 443, "", false);
  Expect("2001:db8::/32/tcp", "2001:db8::/32", 443, "tcp", false);
  Expect("[2001:db8::1]:22/tcp", "2001:db8::1", 22, "tcp", false);
}

TEST(AllowedHost, WhatIsNotUnderstoodIsRefused) {
  for (const char* text : {"", ":443", "a.example:", "a.example:0", "a.example:65536", "a.example:x", "a.example/quic",
                           "a.example/", "[2001:db8::1", "[2001:db8::1]22", "a.example:443x"}) {
    EXPECT_FALSE(ParseAllowedHost(text)) << text;
  }
}

TEST(Resolver, TheSchemeDecidesTheProtocol) {
  EXPECT_EQ(ParseResolver("192.0.2.53:5353")->endpoint, "192.0.2.53:5353");
  EXPECT_EQ(ParseResolver("192.0.2.53")->endpoint, "192.0.2.53:53");
  EXPECT_EQ(ParseResolver("tls://192.0.2.53")->endpoint, "192.0.2.53:853");
  EXPECT_EQ(ParseResolver("tls://192.0.2.53")->protocol, "dot");
  EXPECT_EQ(ParseResolver("tls://[2001:db8::53]:8853")->endpoint, "[2001:db8::53]:8853");
  EXPECT_EQ(ParseResolver("https://192.0.2.53/dns-query")->protocol, "doh");
  EXPECT_FALSE(ParseResolver("resolver.example"));
  EXPECT_FALSE(ParseResolver("quic://192.0.2.53"));
}

}  // namespace
}  // namespace cli
