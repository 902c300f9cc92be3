// SPDX-License-Identifier: Apache-2.0
// The disk of the evidence fills up, fails or can't be written: told at once, never silent, never taken for good.
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "harness.h"

namespace faults {
namespace {

class Disk : public Fault {
 protected:
  void TearDown() override {
    if (mounted_) umount2(state_.c_str(), MNT_DETACH);
  }
  // The state directory on a file system of its own, `bytes` large.
  bool Mount(std::uint64_t bytes) {
    if (mounted_) umount2(state_.c_str(), MNT_DETACH);
    mkdir(state_.c_str(), 0700);
    mounted_ = mount("faults", state_.c_str(), "tmpfs", 0, ("mode=700,size=" + std::to_string(bytes)).c_str()) == 0;
    return mounted_;
  }
  bool IsToldAsEvidence(const Ended& ended) const {
    const bool told = ended.err.find("evidence_failed") != std::string::npos ||
                      ended.err.find("in phase evidence") != std::string::npos;
    return told && (ended.status == 137 || ended.status == 125);
  }
  // No run may be said to be complete when the program said that its evidence failed.
  bool AnyComplete() const {
    for (const auto& report : Judge()) {
      if (report.verdict == evidence::Verdict::kVerified) return true;
    }
    return false;
  }
  bool mounted_ = false;
};

TEST_F(Disk, OneFailedSyncOfTheLogIsToldAndNeverTakenBack) {
  Renew(State::kUsed);
  int syncs = 0, told = 0;
  for (int at = 1; at < 40; ++at) {
    Renew(State::kUsed);
    const Ended ended = RunOnce("fdatasync@" + std::to_string(at) + ":EIO", Sink::kNone);
    if (!ended.fired) break;
    ++syncs;
    EXPECT_TRUE(IsToldAsEvidence(ended)) << "sync " << at << ": " << ended.Told();
    EXPECT_NE(ended.err.find("(EIO)"), std::string::npos) << ended.Told();
    EXPECT_EQ(WrongEvidence(), "") << ended.Told();
    told += ended.status != 0 ? 1 : 0;
  }
  EXPECT_GE(syncs, 4);
  EXPECT_EQ(told, syncs);
}

TEST_F(Disk, AFileOfEventsThatCannotBeSyncedIsToldAndHarmsNeitherRunNorEvidence) {
  Renew(State::kUsed);
  int lost = 0;
  for (int at = 1; at < 40; ++at) {
    Renew(State::kUsed);
    const Ended ended = RunOnce("fdatasync@" + std::to_string(at) + ":EIO");
    if (!ended.fired) break;
    EXPECT_NE(ended.err.find("(EIO)"), std::string::npos) << "sync " << at << ": " << ended.Told();
    if (ended.status != 0) continue;
    ++lost;
    EXPECT_NE(ended.err.find("events were lost"), std::string::npos) << ended.Told();
    EXPECT_TRUE(AnyComplete());
  }
  EXPECT_GE(lost, 1);
}

TEST_F(Disk, AFullDeviceForTheEventsIsTold) {
  Renew(State::kUsed);
  auto arguments = RunArguments();
  for (std::string& argument : arguments) {
    if (argument == top_ + "/scratch/events") argument = "/dev/full";
  }
  const Ended ended = Program(arguments, Environment(""), top_ + "/scratch").Await(kDeadline);
  EXPECT_NE(ended.err, "") << ended.Told();
  EXPECT_EQ(WrongEvidence(), "");
}

TEST_F(Disk, OneFailedWriteOfTheLogEndsTheRunWithFailedEvidence) {
  int told = 0;
  for (int at = 1; at < 80; at += static_cast<int>(Stride(3))) {
    Renew(State::kUsed);
    const Ended ended = RunOnce("write@" + std::to_string(at) + ":EIO");
    if (!ended.fired) break;
    EXPECT_EQ(WrongEvidence(), "") << ended.Told();
    EXPECT_TRUE(ended.status == 0 || !ended.err.empty()) << "write " << at << ": " << ended.Told();
    told += IsToldAsEvidence(ended) ? 1 : 0;
  }
  EXPECT_GE(told, 2);
}

TEST_F(Disk, FullFromAnyAllocationOnIsToldAndTheEndStillFits) {
  int sealed = 0, tried = 0;
  for (int at = 1; at < 40; ++at) {
    Renew(State::kUsed);
    const Ended ended = RunOnce("fallocate@" + std::to_string(at) + "+:ENOSPC");
    if (!ended.fired) break;
    ++tried;
    EXPECT_TRUE(IsToldAsEvidence(ended)) << "allocation " << at << ": " << ended.Told();
    EXPECT_EQ(WrongEvidence(), "") << ended.Told();
    EXPECT_FALSE(ended.status == 137 && AnyComplete()) << ended.Told();
    for (const auto& report : Judge()) sealed += report.sealed && report.reason_code == "evidence_failed" ? 1 : 0;
  }
  EXPECT_GE(tried, 2);
  RecordProperty("sealed", sealed);
}

TEST_F(Disk, TooSmallForARunIsToldAtEverySize) {
  if (!Mount(4096)) GTEST_SKIP() << "mounting a tmpfs needs root";
  int failed = 0, worked = 0;
  for (std::uint64_t kib = 4; kib <= 1600; kib += kib < 128 ? Stride(3) * 4 : Stride(16) * 8) {
    ASSERT_TRUE(Mount(kib * 1024));
    const Ended ended = RunOnce("");
    if (ended.status == 0) {
      ++worked;
      EXPECT_TRUE(AnyComplete()) << kib << " KiB: " << ended.Told();
    } else {
      ++failed;
      EXPECT_TRUE(ended.status == 125 || ended.status == 137) << kib << " KiB: " << ended.Told();
      EXPECT_NE(ended.err.find("(ENOSPC)"), std::string::npos) << kib << " KiB: " << ended.Told();
    }
    EXPECT_EQ(WrongEvidence(), "") << kib << " KiB: " << ended.Told();
  }
  EXPECT_GT(failed, 3);
  EXPECT_GT(worked, 0);
}

TEST_F(Disk, FilledByAnotherWhileTheCellRunsLeavesASealedRun) {
  if (!Mount(8u << 20)) GTEST_SKIP() << "mounting a tmpfs needs root";
  auto arguments = RunArguments();
  arguments.back() = "read line; echo x > /workspace/x";
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Program program(arguments, Environment(""), top_ + "/scratch", ends[0]);
  close(ends[0]);
  std::string started;
  for (int i = 0; i < 500 && started.find("process_spawned") == std::string::npos; ++i) {
    usleep(10000);
    std::ifstream events(top_ + "/scratch/events");
    started.assign(std::istreambuf_iterator<char>(events), {});
  }
  {
    std::ofstream fill(state_ + "/filler", std::ios::binary);
    const std::string block(4096, 'f');
    while (fill.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  ASSERT_EQ(write(ends[1], "\n", 1), 1);
  close(ends[1]);
  const Ended ended = program.Await(kDeadline);
  unlink((state_ + "/filler").c_str());
  // The export finds no room, and that is what the run says; its evidence is whole all the same.
  EXPECT_EQ(ended.status, 125) << ended.Told();
  EXPECT_NE(ended.out.find("(ENOSPC)"), std::string::npos) << ended.Told();
  EXPECT_EQ(WrongEvidence(), "");
  const auto reports = Judge();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_TRUE(reports[0].sealed) << reports[0].ToText();
  EXPECT_FALSE(reports[0].cut) << reports[0].ToText();
}

TEST_F(Disk, ReadOnlyStateIsAStartThatFailed) {
  if (!Mount(8u << 20)) GTEST_SKIP() << "mounting a tmpfs needs root";
  ASSERT_EQ(RunOnce("").status, 0);
  const auto before = Judge().size();
  ASSERT_EQ(mount(nullptr, state_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  const Ended ended = RunOnce("");
  EXPECT_EQ(ended.status, 125) << ended.Told();
  EXPECT_NE(ended.err.find("start_failed in phase state"), std::string::npos) << ended.Told();
  EXPECT_NE(ended.err.find("(EROFS)"), std::string::npos) << ended.Told();
  EXPECT_EQ(Judge().size(), before);
}

TEST_F(Disk, ReadOnlyFromAnyOpenOnIsTold) {
  for (int at = 40; at < 400; at += static_cast<int>(Stride(23))) {
    Renew(State::kUsed);
    const Ended ended = RunOnce("openat@" + std::to_string(at) + "+:EROFS");
    if (!ended.fired) break;
    // Behind the seal there is nothing left to lose but the live entry.
    if (ended.status == 0) {
      EXPECT_TRUE(AnyComplete()) << ended.Told();
    } else {
      EXPECT_TRUE(ended.status == 125 || ended.status == 137) << ended.Told();
      EXPECT_NE(ended.err.find("cellos: "), std::string::npos) << ended.Told();
    }
    const Ended collected = Cellos({"gc"});
    EXPECT_EQ(WrongEvidence(), "") << ended.Told() << collected.Told();
  }
}

}  // namespace
}  // namespace faults
