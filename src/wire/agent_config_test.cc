// SPDX-License-Identifier: Apache-2.0
#include "wire/agent_config.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wire {
namespace {

Bytes View(const std::string& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

struct Sample {
  std::string path{"/work/in\0", 9}, filter = std::string(24, 'f');
  AgentConfig Config() const {
    AgentConfig config;
    config.sources = SourceBit(ProbeSource::kProcessExited) | SourceBit(ProbeSource::kFsInotifyFired);
    config.full = true;
    config.ours = true;
    config.heartbeat_ms = 1234;
    config.watch_path = View(path);
    config.filter = View(filter);
    return config;
  }
  std::vector<std::uint8_t> Encoded() const {
    std::vector<std::uint8_t> bytes(EncodedSize(Config()));
    EXPECT_EQ(EncodeAgentConfig(Config(), bytes.data(), bytes.size()), bytes.size());
    return bytes;
  }
};

TEST(AgentConfig, RoundTrips) {
  const auto bytes = Sample().Encoded();
  AgentConfig config;
  ASSERT_EQ(DecodeAgentConfig({bytes.data(), bytes.size()}, &config), AgentConfigFault::kNone);
  EXPECT_EQ(config.sources, 0b1010u);
  EXPECT_TRUE(config.full);
  EXPECT_TRUE(config.ours);
  EXPECT_EQ(config.heartbeat_ms, 1234u);
  EXPECT_STREQ(reinterpret_cast<const char*>(config.watch_path.data), "/work/in");
  EXPECT_EQ(config.filter.size, 24u);
}

TEST(AgentConfig, EachFlagIsItsOwn) {
  for (const bool full : {false, true}) {
    Sample sample;
    AgentConfig config = sample.Config(), back;
    config.full = full;
    config.ours = !full;
    std::vector<std::uint8_t> bytes(EncodedSize(config));
    ASSERT_NE(EncodeAgentConfig(config, bytes.data(), bytes.size()), 0u);
    ASSERT_EQ(DecodeAgentConfig({bytes.data(), bytes.size()}, &back), AgentConfigFault::kNone);
    EXPECT_EQ(back.full, full);
    EXPECT_EQ(back.ours, !full);
  }
}

TEST(AgentConfig, RefusesEveryTruncationAndTrailingByte) {
  auto bytes = Sample().Encoded();
  AgentConfig config;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(DecodeAgentConfig({bytes.data(), size}, &config), AgentConfigFault::kNone) << size;
  }
  bytes.push_back(0);
  EXPECT_EQ(DecodeAgentConfig({bytes.data(), bytes.size()}, &config), AgentConfigFault::kSize);
  bytes[4] = static_cast<std::uint8_t>(bytes.size());
  EXPECT_EQ(DecodeAgentConfig({bytes.data(), bytes.size()}, &config), AgentConfigFault::kTrailing);
  const std::vector<std::uint8_t> huge(kMaxAgentConfigBytes + 1);
  EXPECT_EQ(DecodeAgentConfig({huge.data(), huge.size()}, &config), AgentConfigFault::kTooLarge);
}

TEST(AgentConfig, EveryFlippedByteIsRefusedOrEncodesBackToItself) {
  const auto good = Sample().Encoded();
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const std::uint8_t bit : {0x01, 0x80, 0xff}) {
      auto bytes = good;
      bytes[at] ^= bit;
      AgentConfig config;
      if (DecodeAgentConfig({bytes.data(), bytes.size()}, &config) != AgentConfigFault::kNone) continue;
      std::vector<std::uint8_t> again(EncodedSize(config));
      ASSERT_EQ(EncodeAgentConfig(config, again.data(), again.size()), bytes.size());
      EXPECT_EQ(again, bytes);
    }
  }
}

TEST(AgentConfig, RefusesToEncodeWhatBreaksABound) {
  const Sample sample;
  const auto with = [&](auto change) {
    AgentConfig config = sample.Config();
    change(config);
    return EncodedSize(config);
  };
  const std::string relative("work\0", 5), unended("/work"), two("/a\0/b\0", 6);
  const std::string long_path = "/" + std::string(kMaxWatchPath - 1, 'x') + '\0';
  const std::string long_filter(kMaxFilterBytes + 8, 'f');
  EXPECT_NE(with([](AgentConfig&) {}), 0u);
  EXPECT_EQ(with([](AgentConfig& c) { c.sources = 0; }), 0u);
  EXPECT_EQ(with([](AgentConfig& c) { c.sources |= SourceBit(ProbeSource::kAgentHeartbeat); }), 0u);
  EXPECT_EQ(with([](AgentConfig& c) { c.sources = SourceBit(ProbeSource::kProcessExited); }), 0u);
  EXPECT_EQ(with([](AgentConfig& c) { c.heartbeat_ms = 0; }), 0u);
  EXPECT_EQ(with([](AgentConfig& c) { c.heartbeat_ms = kMaxHeartbeatMs + 1; }), 0u);
  EXPECT_EQ(with([](AgentConfig& c) { c.watch_path = {}; }), 0u);
  EXPECT_EQ(with([&](AgentConfig& c) { c.watch_path = View(relative); }), 0u);
  EXPECT_EQ(with([&](AgentConfig& c) { c.watch_path = View(unended); }), 0u);
  EXPECT_EQ(with([&](AgentConfig& c) { c.watch_path = View(two); }), 0u);
  EXPECT_EQ(with([&](AgentConfig& c) { c.watch_path = View(long_path); }), 0u);
  EXPECT_EQ(with([](AgentConfig& c) { c.filter = {}; }), 0u);
  EXPECT_EQ(with([](AgentConfig& c) { c.filter.size = 7; }), 0u);
  EXPECT_EQ(with([&](AgentConfig& c) { c.filter = View(long_filter); }), 0u);
}

}  // namespace
}  // namespace wire
