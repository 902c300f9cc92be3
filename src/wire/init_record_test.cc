// SPDX-License-Identifier: Apache-2.0
#include "wire/init_record.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace wire {
namespace {

Bytes View(const std::string& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

struct Sample {
  std::string arguments{"sh\0-c\0\0", 7}, environment{"A=1\0B=\0", 7}, directory{"/work\0", 6};
  std::string filter = std::string(16, 'f'), guard = std::string(8, 'g');
  InitRecord Record() const {
    InitRecord record;
    record.ttl_deadline_ns = 0x1122334455667788;
    record.oom_score_adj = -500;
    record.terminal = true;
    record.agent = true;
    record.argument_count = 3;
    record.environment_count = 2;
    record.rlimit_count = 2;
    record.rlimits[0] = {4, 1, 1};
    record.rlimits[1] = {7, 1024, ~0ull};
    record.working_directory = View(directory);
    record.arguments = View(arguments);
    record.environment = View(environment);
    record.filter = View(filter);
    record.guard_filter = View(guard);
    return record;
  }
  std::vector<std::uint8_t> Encoded() const {
    std::vector<std::uint8_t> bytes(EncodedSize(Record()));
    EXPECT_EQ(EncodeInitRecord(Record(), bytes.data(), bytes.size()), bytes.size());
    return bytes;
  }
};

TEST(InitRecord, RoundTrips) {
  const Sample sample;
  const auto bytes = sample.Encoded();
  InitRecord record;
  ASSERT_EQ(DecodeInitRecord({bytes.data(), bytes.size()}, &record), InitRecordFault::kNone);
  EXPECT_EQ(record.ttl_deadline_ns, 0x1122334455667788u);
  EXPECT_EQ(record.oom_score_adj, -500);
  EXPECT_TRUE(record.terminal);
  EXPECT_TRUE(record.agent);
  EXPECT_EQ(record.rlimits[1].hard, ~0ull);
  const char* list[4];
  ListTexts(record.arguments, 3, list);
  EXPECT_STREQ(list[0], "sh");
  EXPECT_STREQ(list[1], "-c");
  EXPECT_STREQ(list[2], "");
  EXPECT_EQ(list[3], nullptr);
}

TEST(InitRecord, RefusesEveryTruncationAndTrailingByte) {
  auto bytes = Sample().Encoded();
  InitRecord record;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(DecodeInitRecord({bytes.data(), size}, &record), InitRecordFault::kNone) << size;
  }
  bytes.push_back(0);
  EXPECT_EQ(DecodeInitRecord({bytes.data(), bytes.size()}, &record), InitRecordFault::kSize);
}

TEST(InitRecord, EveryFlippedByteIsRefusedOrStaysInBounds) {
  const auto good = Sample().Encoded();
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const std::uint8_t bit : {0x01, 0x80, 0xff}) {
      auto bytes = good;
      bytes[at] ^= bit;
      InitRecord record;
      if (DecodeInitRecord({bytes.data(), bytes.size()}, &record) != InitRecordFault::kNone) continue;
      std::vector<std::uint8_t> again(EncodedSize(record));
      ASSERT_EQ(EncodeInitRecord(record, again.data(), again.size()), bytes.size());
      EXPECT_EQ(again, bytes);
    }
  }
}

TEST(InitRecord, RefusesToEncodeWhatBreaksABound) {
  const Sample sample;
  const auto with = [&](auto change) {
    InitRecord record = sample.Record();
    change(record);
    return EncodedSize(record);
  };
  EXPECT_NE(with([](InitRecord&) {}), 0u);
  EXPECT_EQ(with([](InitRecord& r) { r.argument_count = 0; }), 0u);
  EXPECT_EQ(with([](InitRecord& r) { r.argument_count = 2; }), 0u);
  EXPECT_EQ(with([](InitRecord& r) { r.environment_count = 3; }), 0u);
  EXPECT_EQ(with([](InitRecord& r) { r.filter = {}; }), 0u);
  EXPECT_EQ(with([](InitRecord& r) { r.guard_filter.size = 7; }), 0u);
  EXPECT_EQ(with([](InitRecord& r) { r.working_directory.size = 0; }), 0u);
  const std::string relative("work\0", 5), big(kMaxInitRecordBytes, 'x'), empty_name("\0-c\0\0", 5);
  EXPECT_EQ(with([&](InitRecord& r) { r.working_directory = View(relative); }), 0u);
  EXPECT_EQ(with([&](InitRecord& r) { r.arguments = View(empty_name); }), 0u);
  std::string huge = big + '\0';
  EXPECT_EQ(with([&](InitRecord& r) { r.arguments = View(huge), r.argument_count = 1; }), 0u);
}

}  // namespace
}  // namespace wire
