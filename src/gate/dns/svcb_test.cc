// SPDX-License-Identifier: Apache-2.0
// Service bindings: what parses, and what is left when policy takes something out.
#include "gate/dns/svcb.h"

#include <gtest/gtest.h>

#include "gate/dns/message_fixture.h"

namespace gate::dns {
namespace {

using namespace testing;

// Priority 1, target the owner, then the parameters as hex.
Octets Data(std::string_view params) { return Hex("000100" + std::string(params)); }
bool Reads(std::string_view params) {
  Svcb svcb;
  return ReadSvcb(Data(params), &svcb);
}
std::string Without(std::string_view params, std::vector<std::uint16_t> refused = {}) {
  const Octets data = Data(params);
  Svcb svcb;
  EXPECT_TRUE(ReadSvcb(data, &svcb));
  Octets out;
  WriteSvcb(data, svcb, false, refused, &out);
  return ToHex(out).substr(6);
}

constexpr std::string_view kAlpn = "00010003026832", kPort = "0003000201bb", kHints4 = "00040008c0000201c0000202",
                           kEch = "00050004deadbeef",
                           kHint6 = "0006001020010db8000000000000000000000001";

TEST(Svcb, ReadsEveryKnownParameter) {
  EXPECT_TRUE(Reads(""));
  EXPECT_TRUE(Reads(std::string(kAlpn) + std::string(kPort) + std::string(kHints4) + std::string(kEch) +
                    std::string(kHint6) + "ff00000101"));
}

TEST(Svcb, RefusesWhatDoesNotParse) {
  Svcb svcb;
  EXPECT_FALSE(ReadSvcb(Hex("00"), &svcb));
  EXPECT_FALSE(ReadSvcb(Hex("0001c00c"), &svcb)) << "compressed target";
  EXPECT_FALSE(ReadSvcb(Hex("00010561"), &svcb)) << "cut target";
  EXPECT_FALSE(Reads(std::string(kPort) + std::string(kAlpn))) << "keys descend";
  EXPECT_FALSE(Reads(std::string(kPort) + std::string(kPort))) << "a key twice";
  EXPECT_FALSE(Reads("000300ff01bb")) << "length past the end";
  EXPECT_FALSE(Reads("000300")) << "cut parameter";
  EXPECT_FALSE(Reads("00030001bb"));
  EXPECT_FALSE(Reads("00040003c00002"));
  EXPECT_FALSE(Reads("00040000"));
  EXPECT_FALSE(Reads("00060004c0000201"));
  EXPECT_FALSE(Reads("00010000"));
  EXPECT_FALSE(Reads("000100020568"));
  EXPECT_FALSE(Reads("00020000")) << "no default protocol, and no other";
  EXPECT_FALSE(Reads("00050000"));
  EXPECT_FALSE(Reads("000000020003")) << "mandatory, and not there";
  EXPECT_FALSE(Reads("000000020000" + std::string(kPort)));
  EXPECT_FALSE(Reads("0000000400030003" + std::string(kPort)));
}

TEST(Svcb, EchIsTakenOutAndLeavesTheRestAlone) {
  EXPECT_EQ(Without(std::string(kAlpn) + std::string(kEch) + std::string(kHint6)),
            std::string(kAlpn) + std::string(kHint6));
}

TEST(Svcb, RefusedHintsAreTakenOutOneByOne) {
  const std::string params = std::string(kAlpn) + std::string(kHints4);
  EXPECT_EQ(Without(params, {14}), std::string(kAlpn) + "00040004c0000202");
  EXPECT_EQ(Without(params, {14, 18}), kAlpn);
}

TEST(Svcb, MandatoryKeysThatAreTakenOutAreMandatoryNoMore) {
  EXPECT_EQ(Without("0000000400030005" + std::string(kPort) + std::string(kEch)), "000000020003" + std::string(kPort));
  EXPECT_EQ(Without("000000020005" + std::string(kEch)), "");
}

}  // namespace
}  // namespace gate::dns
