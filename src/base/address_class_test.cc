// SPDX-License-Identifier: Apache-2.0
#include "base/address_class.h"

#include <gtest/gtest.h>

namespace base {
namespace {

AddressClass Of(std::string_view text) { return ClassOf(*ParseIpAddress(text)); }
bool GrantOpens(std::string_view grant, std::string_view address) {
  const auto prefix = ParseIpPrefix(grant);
  return Opens(prefix ? *prefix : Exactly(*ParseIpAddress(grant)), *ParseIpAddress(address));
}

TEST(AddressClass, EveryRowParsesAndDecidesForItsOwnFirstAddress) {
  for (const AddressRow& row : AddressTable()) {
    const auto prefix = ParseIpPrefix(row.prefix);
    ASSERT_TRUE(prefix) << row.name;
    EXPECT_EQ(ClassifyAddress(prefix->address), &row) << row.name;
  }
}

TEST(AddressClass, MetadataAddressesAreToldFromTheRangesAroundThem) {
  for (const auto* text : {"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"}) {
    EXPECT_EQ(Of(text), AddressClass::kMetadata) << text;
  }
  EXPECT_EQ(Of("168.63.129.17"), AddressClass::kPublic);
}

TEST(AddressClass, LooksThroughEveryFormThatCarriesAnIpv4Address) {
  for (const auto* text :
       {"::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1",
        "64:ff9b:1::169.254.169.254", "2001:0:a9fe:a9fe:0:0:fefe:fefe", "2001:0:0102:0304:0:0:5601:5601",
        "::ffff:0:169.254.169.254"}) {
    EXPECT_EQ(Of(text), AddressClass::kMetadata) << text;
  }
  EXPECT_NE(Of("64:ff9b:1:a9fe:a9:fe00::"), AddressClass::kPublic);
  EXPECT_EQ(Of("::ffff:192.0.2.1"), AddressClass::kPublic);
  EXPECT_EQ(Of("2002:c000:201::1"), AddressClass::kPublic);
  EXPECT_EQ(Of("::ffff:127.0.0.1"), AddressClass::kLoopback);
}

TEST(AddressClass, ASingleAddressGrantOpensThatAddressWhateverItsClass) {
  EXPECT_TRUE(GrantOpens("169.254.169.254", "169.254.169.254"));
  EXPECT_TRUE(GrantOpens("127.0.0.1/32", "127.0.0.1"));
  EXPECT_FALSE(GrantOpens("10.0.0.1", "10.0.0.2"));
}

TEST(AddressClass, ACidrOpensPrivateAddressesOnlyWhenItLiesWhollyInsideOneRange) {
  EXPECT_TRUE(GrantOpens("10.0.0.0/8", "10.1.2.3"));
  EXPECT_TRUE(GrantOpens("10.1.0.0/16", "10.1.2.3"));
  EXPECT_FALSE(GrantOpens("8.0.0.0/6", "10.1.2.3"));
  EXPECT_TRUE(GrantOpens("8.0.0.0/6", "8.8.8.8"));
  EXPECT_FALSE(GrantOpens("0.0.0.0/0", "192.168.1.1"));
  EXPECT_TRUE(GrantOpens("fc00::/7", "fd00::1"));
  EXPECT_FALSE(GrantOpens("::/0", "fd00::1"));
  EXPECT_FALSE(GrantOpens("100.64.0.0/10", "100.100.100.200"));
  EXPECT_FALSE(GrantOpens("169.254.0.0/16", "169.254.1.1"));
  EXPECT_FALSE(GrantOpens("127.0.0.0/8", "127.0.0.1"));
  EXPECT_FALSE(GrantOpens("2002::/16", "2002:a00:1::1"));
}

TEST(IpAddress, EndpointsHaveOneFormPerFamily) {
  EXPECT_EQ(ToString(*ParseIpEndpoint("[2001:db8::1]:53")), "[2001:db8::1]:53");
  EXPECT_EQ(ToString(*ParseIpEndpoint("192.0.2.1:53")), "192.0.2.1:53");
  for (const auto* text : {"2001:db8::1:53", "[192.0.2.1]:53", "192.0.2.1:0", "192.0.2.1:053", "192.0.2.1", "[::1]", ":53",
                           "192.0.2.1:65536"}) {
    EXPECT_FALSE(ParseIpEndpoint(text)) << text;
  }
}

}  // namespace
}  // namespace base
