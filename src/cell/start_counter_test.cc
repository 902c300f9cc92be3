// SPDX-License-Identifier: Apache-2.0
#include "cell/start_counter.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace cell {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

class StartCounter : public testing::Test {
 protected:
  StartCounter() : top_(::mkdtemp(name_)), state_(StateDir::Open(top_ + "/state", OpenMode::kCreate).value()) {}
  ~StartCounter() override { fs::remove_all(top_); }

  std::uint32_t Count(std::string_view subject, std::uint32_t limit, seconds at) const {
    return CountStart(state_, subject, limit, base::WallTime(at)).value();
  }
  std::string File() const {
    for (const auto& entry : fs::directory_iterator(state_.path())) {
      if (entry.path().filename().string().starts_with("starts-")) return entry.path();
    }
    return {};
  }

  static constexpr seconds kNow{1'000'000};
  char name_[32] = "/tmp/cellos-starts-XXXXXX";
  std::string top_;
  StateDir state_;
};

TEST_F(StartCounter, TellsHowManyCameBeforeOfTheSameSubject) {
  EXPECT_EQ(Count("a", 9, kNow), 0u);
  EXPECT_EQ(Count("a", 9, kNow), 1u);
  EXPECT_EQ(Count("b", 9, kNow), 0u);
}

// Otherwise who keeps trying would never get in again.
TEST_F(StartCounter, ARefusedStartIsNotCounted) {
  for (const std::uint32_t before : {0u, 1u, 2u, 2u, 2u}) EXPECT_EQ(Count("a", 2, kNow), before);
}

TEST_F(StartCounter, AStartLeavesTheWindowAfterAnHourAndNoSecondEarlier) {
  EXPECT_EQ(Count("a", 9, kNow), 0u);
  EXPECT_EQ(Count("a", 9, kNow), 1u);
  EXPECT_EQ(Count("a", 9, kNow + seconds(3599)), 2u);
  EXPECT_EQ(Count("a", 9, kNow + seconds(3600)), 1u);
  EXPECT_EQ(Count("a", 9, kNow + seconds(3600)), 2u);
}

TEST_F(StartCounter, ATornLineIsNoStartAndEndsUpInNone) {
  EXPECT_EQ(Count("a", 9, kNow), 0u);
  std::ofstream(File(), std::ios::app) << "9999999";
  EXPECT_EQ(Count("a", 9, kNow), 1u);
  EXPECT_EQ(Count("a", 9, kNow), 2u);
}

TEST_F(StartCounter, AFileThatIsALinkOrTooLargeIsAnError) {
  EXPECT_EQ(Count("a", 9, kNow), 0u);
  const auto file = File();
  fs::resize_file(file, (1 << 20) + 1);
  EXPECT_FALSE(CountStart(state_, "a", 9, base::WallTime(kNow)));
  fs::rename(file, top_ + "/elsewhere");
  std::ofstream(top_ + "/elsewhere") << "1\n";
  fs::create_symlink(top_ + "/elsewhere", file);
  EXPECT_FALSE(CountStart(state_, "a", 9, base::WallTime(kNow)));
}

}  // namespace
}  // namespace cell
