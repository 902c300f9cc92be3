// SPDX-License-Identifier: Apache-2.0
// Records of a flow ring, byte by byte.
#include "net/flow_ring.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace net {
namespace {

std::string Bytes(std::string_view hex) {
  const auto bytes = base::HexDecode(hex);
  return {bytes->begin(), bytes->end()};
}

TEST(FlowRing, EveryMemberHasItsPlace) {
  const std::string bytes = Bytes("0100000a0200000a409cbb0106ffffff03000000000000000010a5d4e800000002ffffffffffffff");
  const auto flow = ReadFlowRingRecord(bytes);
  ASSERT_TRUE(flow);
  EXPECT_EQ(base::ToString(flow->source), "10.0.0.1");
  EXPECT_EQ(base::ToString(flow->destination), "10.0.0.2");
  EXPECT_EQ(flow->source_port, 40000);
  EXPECT_EQ(flow->destination_port, 443);
  EXPECT_EQ(flow->protocol_name(), "tcp");
  EXPECT_EQ(flow->packets, 3u);
  EXPECT_EQ(flow->first_seen_ns, 1000000000000u);
  EXPECT_TRUE(flow->dropped());
}

TEST(FlowRing, OnlyADropVerdictIsADrop) {
  std::string bytes(kFlowRingRecordBytes, '\0');
  for (const int verdict : {0, 1, 3, 255}) {
    bytes[32] = static_cast<char>(verdict);
    EXPECT_FALSE(ReadFlowRingRecord(bytes)->dropped()) << verdict;
  }
}

TEST(FlowRing, AnotherLengthIsNoRecord) {
  for (const std::size_t size : {0, 20, 39, 41, 80}) EXPECT_FALSE(ReadFlowRingRecord(std::string(size, 1))) << size;
}

}  // namespace
}  // namespace net
