// SPDX-License-Identifier: Apache-2.0
#include "spec/host.h"

#include <gtest/gtest.h>

#include "spec/primitives.h"
#include "spec/url.h"

namespace spec {
namespace {

TEST(HostnameMatches, CountsLabelsAndNeverTheApex) {
  EXPECT_TRUE(HostnameMatches("*.a.b", "x.a.b"));
  EXPECT_TRUE(HostnameMatches("*.A.b", "x.Y.a.B"));
  EXPECT_FALSE(HostnameMatches("*.a.b", "a.b"));
  EXPECT_FALSE(HostnameMatches("*.a.b", "xa.b"));
  EXPECT_FALSE(HostnameMatches("*.a.b", "x.a.b."));
  EXPECT_FALSE(HostnameMatches("*.a.b", ".a.b"));
  EXPECT_FALSE(HostnameMatches("a.b", "x.a.b"));
  EXPECT_FALSE(HostnameMatches("*", "a"));
  EXPECT_FALSE(HostnameMatches("*.1", "10.0.0.1"));
  EXPECT_FALSE(HostnameMatches("*.a.b", "evil.test/.a.b"));
}

TEST(Addresses, HaveOneFormEach) {
  EXPECT_EQ(ToString(*ParseAddress("2001:DB8:0::1")), "2001:db8::1");
  for (const auto* text : {"", "1.2.3", "01.2.3.4", "1.2.3.256", "[::1]", "::1%lo", "1.2.3.4 ", "0x1.2.3.4", ":::"}) {
    EXPECT_FALSE(ParseAddress(text)) << text;
  }
  EXPECT_EQ(ParseCidr("fd00::/8")->length, 8u);
  for (const auto* text :
       {"10.0.0.0", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/33", "10.0.0.1/8", "::1/127", "10.0.0.0/8/8", "/8"}) {
    EXPECT_FALSE(ParseCidr(text)) << text;
  }
}

TEST(Endpoints, AreParsedByTheirForm) {
  EXPECT_TRUE(IsAddressAndPort("10.0.0.1:53"));
  EXPECT_TRUE(IsAddressAndPort("[::1]:53"));
  for (const auto* text :
       {"10.0.0.1", "::1:53", "a.b:53", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:053", "[10.0.0.1]:53", "[::1]"}) {
    EXPECT_FALSE(IsAddressAndPort(text)) << text;
  }
  EXPECT_TRUE(IsDohUrl("https://dns.example/dns-query"));
  EXPECT_TRUE(IsDohUrl("https://[2001:db8::1]:8443/dns-query?a=b"));
  for (const auto* text :
       {"http://dns.example/", "https://", "https://u@dns.example/", "https://dns.example/#f", "dns.example"}) {
    EXPECT_FALSE(IsDohUrl(text)) << text;
  }
  EXPECT_TRUE(IsDoqEndpoint("quic://dns.example"));
  EXPECT_TRUE(IsDoqEndpoint("dns.example:853"));
  EXPECT_FALSE(IsDoqEndpoint("dns.example"));
}

TEST(RebindEntries, NameAHostAndItsAddresses) {
  EXPECT_TRUE(IsRebindEntry("a.b:10.0.0.1"));
  EXPECT_TRUE(IsRebindEntry("a.b:2001:db8::/32"));
  for (const auto* text : {"10.0.0.0/8", "a:10.0.0.1", "a.b:", "a.b:c.d", "*.a.b:10.0.0.1", "a.b"})
    EXPECT_FALSE(IsRebindEntry(text)) << text;
}

TEST(ExportUrl, BringsTheHostToOneForm) {
  EXPECT_EQ(ParseExportUrl("http://0x7f.1")->host, "127.0.0.1");
  EXPECT_EQ(ParseExportUrl("https://[0:0::1]")->host, "::1");
  EXPECT_EQ(ParseExportUrl("https://b\u00fccher.Example")->host, "xn--bcher-kva.example");
  EXPECT_EQ(ParseExportUrl("https://%61.b:8443/x")->port, 8443);
  EXPECT_EQ(ParseExportUrl("HTTP://a.b")->port, 80);
  EXPECT_EQ(ParseExportUrl("ftp://a.b").error(), UrlFault::kScheme);
  for (const auto* text :
       {"", "a.b", "https:a.b", "https://", "https://a b", "https://a.b?x", "https://u@a.b", "https://a.b\\c",
        "https://[::1", "https://1.2.3.999", "https://a.b:99999", "https://a%00b", "https://a%zzb"}) {
    EXPECT_EQ(ParseExportUrl(text).error(), UrlFault::kForm) << text;
  }
}

TEST(Primitives, JudgeIdsVersionsAndPaths) {
  EXPECT_TRUE(IsPortableId("a."));
  EXPECT_FALSE(IsPortableId("a..b"));
  EXPECT_FALSE(IsPortableId("-rf"));
  EXPECT_TRUE(IsPortableId(std::string(128, 'a')));
  EXPECT_FALSE(IsPortableId(std::string(129, 'a')));
  EXPECT_FALSE(IsTenantId("a.b"));
  EXPECT_TRUE(IsNamespace("a--b"));
  EXPECT_FALSE(IsNamespace("A"));
  EXPECT_TRUE(ParseSemver("18446744073709551615.0.0-rc.1"));
  EXPECT_FALSE(ParseSemver("18446744073709551616.0.0"));
  EXPECT_FALSE(ParseSemver("1.0.0+b"));
  EXPECT_TRUE(IsAbsolutePath("/a/...b/..c"));
  EXPECT_FALSE(IsAbsolutePath("/a/.."));
  EXPECT_EQ(Trim("\u00a0 a\u2003b \t"), "a\u2003b");
}

}  // namespace
}  // namespace spec
