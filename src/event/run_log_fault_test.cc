// SPDX-License-Identifier: Apache-2.0
// The run log on disks that are full, that lie, and that fail.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "event/merkle.h"
#include "event/run_log.h"
#include "event/types.h"
#include "sys/fault.h"
#include "sys/file.h"

namespace event {
namespace {

class RunLogFault : public testing::Test {
 protected:
  RunLogFault() {
    char name[] = "/tmp/run_log_fault.XXXXXX";
    path_ = mkdtemp(name);
    clock_.boot = std::chrono::seconds(5);
  }
  ~RunLogFault() override {
    sys::fault::Disarm();
    directory_.Reset();
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
    std::filesystem::remove_all(path_);
  }
  RunLog Make() {
    directory_ = base::UniqueFd(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto log = RunLog::Create(directory_.get(), std::move(*crypto::SigningKey::Generate()),
                              {.origin = "d.example/runs/r1", .clock = &clock_});
    EXPECT_TRUE(log.has_value()) << log.error().message;
    EXPECT_TRUE(log->Append({.type = kLogOpened, .source = kSourceSupervisor, .data = "{}"}).has_value());
    return std::move(*log);
  }
  static Draft Plain(std::size_t size = 10) {
    return {.type = kProcessSpawned, .source = kSourceSupervisor, .data = "{\"x\":\"" + std::string(size, 'x') + "\"}"};
  }
  std::size_t CompleteLines() const {
    std::ifstream in(path_ / "events.jsonl");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    EXPECT_TRUE(text.empty() || text.back() == '\n');
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
  }
  static void ExpectSums(const RunLog& log) {
    for (const Observer observer : {Observer::kSupervisor, Observer::kLog}) {
      const Counters counters = log.CountersOf(observer);
      EXPECT_EQ(counters.issued, counters.delivered + counters.dropped);
    }
  }

  std::filesystem::path path_;
  base::UniqueFd directory_;
  base::FakeClock clock_;
  bool mounted_ = false;
};

TEST_F(RunLogFault, OneFailedSyncEndsTheLogForGood) {
  RunLog log = Make();
  ASSERT_TRUE(log.Append(Plain()));
  sys::fault::ArmCall("fdatasync", EIO);
  const auto failed = log.Checkpoint();
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().os_errno, EIO);
  sys::fault::Disarm();
  EXPECT_FALSE(log.Checkpoint().has_value());
  EXPECT_FALSE(log.Append(Plain()).has_value());
  EXPECT_EQ(log.last_note(), "");
  EXPECT_EQ(std::filesystem::file_size(path_ / "checkpoints"), 0u);
  ExpectSums(log);
}

TEST_F(RunLogFault, FailedWriteCountsEveryGatheredLineAsDropped) {
  RunLog log = Make();
  ASSERT_TRUE(log.Append(Plain()));
  ASSERT_TRUE(log.Append(Plain()));  // gathered, as another was written within the millisecond
  sys::fault::ArmCall("write", EIO);
  EXPECT_FALSE(log.Flush().has_value());
  sys::fault::Disarm();
  EXPECT_EQ(log.CountersOf(Observer::kLog).delivered, 1u);
  EXPECT_EQ(log.CountersOf(Observer::kLog).dropped, 2u);
  EXPECT_FALSE(log.Append(Plain()).has_value());
  EXPECT_EQ(CompleteLines(), 1u);
  ExpectSums(log);
}

TEST_F(RunLogFault, FullDiskIsToldBeforeAnythingIsAcceptedAndTheEndStillFits) {
  RunLog log = Make();
  ASSERT_TRUE(log.Reserve());
  sys::fault::ArmCall("fallocate", ENOSPC);
  std::size_t accepted = 1;
  base::Result<LeafIndex> last = 0;
  while (accepted < 10000 && (last = log.Append(Plain(4000)))) ++accepted;
  ASSERT_FALSE(last.has_value());
  EXPECT_EQ(last.error().os_errno, ENOSPC);
  EXPECT_FALSE(log.Append(Plain(4000)).has_value());
  EXPECT_EQ(log.size(), accepted);
  log.ReleaseReserve();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(log.Append(Plain(4000)).has_value());
  ASSERT_TRUE(log.Checkpoint().has_value());
  EXPECT_EQ(CompleteLines(), accepted + 20);
  EXPECT_EQ(log.CountersOf(Observer::kLog).dropped, 2u);
  ExpectSums(log);
}

TEST_F(RunLogFault, WithoutPreallocationAFullDiskTakesBackTheTornLine) {
  sys::fault::ArmCall("fallocate", EOPNOTSUPP);
  RunLog log = Make();
  ASSERT_TRUE(log.Append(Plain()));
  sys::fault::ArmCall("write", ENOSPC);
  const auto refused = log.Append(Plain());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().os_errno, ENOSPC);
  sys::fault::Disarm();
  EXPECT_EQ(log.Append(Plain()).value(), 2u);
  ASSERT_TRUE(log.Checkpoint());
  EXPECT_EQ(CompleteLines(), 3u);
  ExpectSums(log);
}

TEST_F(RunLogFault, DiskWithoutRoomForTheReserveHasNoFirstCheckpoint) {
  RunLog log = Make();
  sys::fault::ArmCall("fallocate", ENOSPC);
  EXPECT_EQ(log.Reserve().error().os_errno, ENOSPC);
  EXPECT_EQ(log.Checkpoint().error().os_errno, ENOSPC);
  sys::fault::Disarm();
  EXPECT_TRUE(log.Checkpoint().has_value());
}

TEST_F(RunLogFault, OnADiskFilledBySomebodyElseTheEndAndASealOfHalfAReserveFit) {
  if (mount("none", path_.c_str(), "tmpfs", 0, "size=8m") != 0) GTEST_SKIP() << "mounting a tmpfs needs root";
  mounted_ = true;
  RunLog log = Make();
  ASSERT_TRUE(log.Reserve());
  {
    std::ofstream fill(path_ / "filler", std::ios::binary);
    const std::string block(1 << 16, 'f');
    while (fill.write(block.data(), static_cast<std::streamsize>(block.size()))) {
    }
  }
  std::size_t accepted = 1;
  base::Result<LeafIndex> last = 0;
  while (accepted < 100000 && (last = log.Append(Plain(1000)))) ++accepted;
  ASSERT_FALSE(last.has_value());
  EXPECT_EQ(last.error().os_errno, ENOSPC);
  log.ReleaseReserve();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(log.Append(Plain(60000)).has_value());
  ASSERT_TRUE(log.Checkpoint().has_value());
  std::ofstream seal(path_ / "seal.json", std::ios::binary);
  EXPECT_TRUE(seal << std::string(500 << 10, 's') << std::flush);
  EXPECT_EQ(CompleteLines(), accepted + 4);
}

}  // namespace
}  // namespace event
