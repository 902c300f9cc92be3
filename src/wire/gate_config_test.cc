// SPDX-License-Identifier: Apache-2.0
// The configuration is read whole or refused; nothing in it is believed.
#include "wire/gate_config.h"

#include <gtest/gtest.h>
#include <string.h>

#include <cstring>
#include <vector>

namespace wire {
namespace {

// Eight-byte words keep the alignment that decoding asks for.
class Block {
 public:
  Block() {
    header()->magic = kGateConfigMagic;
    header()->size = static_cast<std::uint32_t>(size_);
  }
  GateConfigHeader* header() { return reinterpret_cast<GateConfigHeader*>(words_.data()); }
  template <class Row>
  Row* Add() {
    const std::size_t at = size_;
    size_ += sizeof(Row);
    words_.resize(size_ / 8);
    header()->size = static_cast<std::uint32_t>(size_);
    return reinterpret_cast<Row*>(reinterpret_cast<std::uint8_t*>(words_.data()) + at);
  }
  Bytes bytes() const { return {reinterpret_cast<const std::uint8_t*>(words_.data()), size_}; }
  GateConfigFault Decode() {
    GateConfig config;
    return DecodeGateConfig(bytes(), &config);
  }

 private:
  std::size_t size_ = sizeof(GateConfigHeader);
  std::vector<std::uint64_t> words_ = std::vector<std::uint64_t>(sizeof(GateConfigHeader) / 8);
};

Block OneOfEach() {
  Block block;
  block.header()->rules = block.header()->names = block.header()->resolvers = block.header()->responses =
      block.header()->host_addresses = block.header()->secrets = 1;
  block.header()->filter_bytes = 8;
  strcpy(block.Add<GateRule>()->host, "a.example");
  strcpy(block.Add<GateName>()->pattern, "*.a.example");
  strcpy(block.Add<GateResolver>()->id, "r-1");
  strcpy(block.Add<GateResponseRule>()->host, "a.example");
  block.Add<GateAddress>()->prefix = 32;
  strcpy(block.Add<GateSecret>()->key, "TOKEN");
  *block.Add<std::uint64_t>() = 7;
  return block;
}

TEST(GateConfig, EveryBlockIsGivenWhereItLies) {
  Block block = OneOfEach();
  GateConfig config;
  ASSERT_EQ(DecodeGateConfig(block.bytes(), &config), GateConfigFault::kNone);
  EXPECT_STREQ(config.rules[0].host, "a.example");
  EXPECT_STREQ(config.names[0].pattern, "*.a.example");
  EXPECT_STREQ(config.resolvers[0].id, "r-1");
  EXPECT_STREQ(config.responses[0].host, "a.example");
  EXPECT_EQ(config.host_addresses[0].prefix, 32);
  EXPECT_STREQ(config.secrets[0].key, "TOKEN");
  EXPECT_EQ(config.filter.size, 8u);
}

TEST(GateConfig, ACutOrPaddedBlockIsRefused) {
  Block block = OneOfEach();
  GateConfig config;
  for (std::size_t size = 0; size < block.bytes().size; size += 8) {
    EXPECT_NE(DecodeGateConfig({block.bytes().data, size}, &config), GateConfigFault::kNone) << size;
    EXPECT_EQ(config.header, nullptr);
  }
  (void)block.Add<std::uint64_t>();
  EXPECT_EQ(block.Decode(), GateConfigFault::kSize);
}

TEST(GateConfig, CountsThatDoNotFitAreRefusedBeforeTheyAreUsed) {
  Block block = OneOfEach();
  block.header()->rules = 0xffffffff;
  EXPECT_EQ(block.Decode(), GateConfigFault::kCount);
  block.header()->rules = 2;
  EXPECT_EQ(block.Decode(), GateConfigFault::kSize);
  block.header()->rules = 1;
  block.header()->udp_ports = kMaxGateUdpPorts + 1;
  EXPECT_EQ(block.Decode(), GateConfigFault::kCount);
}

TEST(GateConfig, ATextWithoutItsEndIsRefused) {
  Block block;
  block.header()->rules = 1;
  auto* rule = block.Add<GateRule>();
  memset(rule->host, 'a', sizeof rule->host);
  EXPECT_EQ(block.Decode(), GateConfigFault::kText);
  memset(rule->host, 0, sizeof rule->host);
  EXPECT_EQ(block.Decode(), GateConfigFault::kText) << "an empty host";
  rule->host[0] = 'a';
  rule->host[9] = 'b';
  EXPECT_EQ(block.Decode(), GateConfigFault::kText) << "bytes behind the end";
  rule->host[9] = 0;
  EXPECT_EQ(block.Decode(), GateConfigFault::kNone);
  rule->host[0] = '\n';
  EXPECT_EQ(block.Decode(), GateConfigFault::kText);
}

TEST(GateConfig, EnumeratorsAndAddressesAreJudged) {
  Block block = OneOfEach();
  auto* rule = reinterpret_cast<GateRule*>(block.header() + 1);
  rule->form = static_cast<HostForm>(9);
  EXPECT_EQ(block.Decode(), GateConfigFault::kEnum);
  rule->form = HostForm::kName;
  rule->address.bytes[5] = 1;
  EXPECT_EQ(block.Decode(), GateConfigFault::kAddress) << "IPv4 has four bytes";
  rule->address.v6 = 1;
  EXPECT_EQ(block.Decode(), GateConfigFault::kNone);
  rule->address.prefix = 129;
  EXPECT_EQ(block.Decode(), GateConfigFault::kAddress);
}

TEST(GateConfig, ATelemetryWithoutABudgetIsRefused) {
  Block block = OneOfEach();
  block.header()->telemetry = TelemetryMode::kPassed;
  block.header()->telemetry_ours = 1;
  EXPECT_EQ(block.Decode(), GateConfigFault::kCount);
  block.header()->telemetry_frames_per_second = 1;
  EXPECT_EQ(block.Decode(), GateConfigFault::kCount);
  block.header()->telemetry_bytes_per_second = 1;
  EXPECT_EQ(block.Decode(), GateConfigFault::kNone);
  block.header()->telemetry_ours = 2;
  EXPECT_EQ(block.Decode(), GateConfigFault::kEnum);
  block.header()->telemetry_ours = 1;
  block.header()->telemetry = static_cast<TelemetryMode>(3);
  EXPECT_EQ(block.Decode(), GateConfigFault::kEnum);
}

}  // namespace
}  // namespace wire
