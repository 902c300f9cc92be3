// SPDX-License-Identifier: Apache-2.0
#include "cell/gc/remove_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"

namespace cell {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::milliseconds kLong{60'000};

class Tree : public testing::Test {
 protected:
  Tree() {
    top_ = ::mkdtemp(name_);
    parent_ = base::UniqueFd(::open(top_.c_str(), O_RDONLY | O_DIRECTORY));
  }
  ~Tree() override { fs::remove_all(top_); }
  char name_[48] = "/dev/shm/cellos-tree-XXXXXX";  // a tmpfs: depth, not the disk, is what is tried
  std::string top_;
  base::UniqueFd parent_;
};

TEST_F(Tree, OfAnyDepthGoesWithFewDescriptors) {
  base::UniqueFd here(::dup(parent_.get()));
  const std::string name(255, 'd');
  for (int depth = 0; depth < 10'000; ++depth) {
    ASSERT_EQ(::mkdirat(here.get(), depth == 0 ? "t" : name.c_str(), 0700), 0);
    here = base::UniqueFd(::openat(here.get(), depth == 0 ? "t" : name.c_str(), O_RDONLY | O_DIRECTORY));
  }
  here.Reset();
  const auto removed = RemoveTree(parent_.get(), "t", kLong);
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_TRUE(fs::is_empty(top_));
}

TEST_F(Tree, WithDirectoriesOfModeZeroGoes) {
  fs::create_directories(top_ + "/t/a/b/c");
  std::ofstream(top_ + "/t/a/b/file") << "x";
  for (const auto* path : {"/t/a/b/c", "/t/a/b", "/t/a", "/t"}) ASSERT_EQ(::chmod((top_ + path).c_str(), 0), 0);
  EXPECT_TRUE(RemoveTree(parent_.get(), "t", kLong));
  EXPECT_TRUE(fs::is_empty(top_));
}

TEST_F(Tree, LinksAreRemovedAndNotFollowed) {
  fs::create_directories(top_ + "/t");
  fs::create_directories(top_ + "/other/inside");
  fs::create_directory_symlink(top_ + "/other", top_ + "/t/link");
  fs::create_directory_symlink(top_ + "/other", top_ + "/top");
  EXPECT_TRUE(RemoveTree(parent_.get(), "t", kLong));
  EXPECT_TRUE(RemoveTree(parent_.get(), "top", kLong));
  EXPECT_TRUE(fs::exists(top_ + "/other/inside"));
}

TEST_F(Tree, ThatIsNotThereIsSuccess) { EXPECT_TRUE(RemoveTree(parent_.get(), "none", kLong)); }

TEST_F(Tree, WithNamesLikeOurOwnGoes) {
  fs::create_directories(top_ + "/t/.remove-0/x/y");
  fs::create_directories(top_ + "/t/a/.remove-1/z/w");
  EXPECT_TRUE(RemoveTree(parent_.get(), "t", kLong));
  EXPECT_TRUE(fs::is_empty(top_));
}

// A mount that is still there may be of the host's own files, on the same file system even.
TEST_F(Tree, DoesNotReachIntoWhatIsMounted) {
  fs::create_directories(top_ + "/t/mounted");
  fs::create_directories(top_ + "/other/kept");
  enum { kKept, kNoMount, kEntered, kToldAsGone };
  const pid_t child = ::fork();
  if (child == 0) {
    const auto place = top_ + "/t/mounted";
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount((top_ + "/other").c_str(), place.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      ::_exit(kNoMount);
    }
    // A descriptor of before the unshare would show the tree without the mount.
    const base::UniqueFd here(::open(top_.c_str(), O_RDONLY | O_DIRECTORY));
    const bool gone = RemoveTree(here.get(), "t", kLong).has_value();
    ::_exit(!fs::exists(place + "/kept") ? kEntered : gone ? kToldAsGone : kKept);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNoMount) GTEST_SKIP() << "no right to mount";
  EXPECT_EQ(WEXITSTATUS(status), kKept);
}

TEST_F(Tree, IsLeftForTheNextTimeAtTheDeadline) {
  fs::create_directories(top_ + "/t/a/b");
  const auto removed = RemoveTree(parent_.get(), "t", std::chrono::milliseconds(-1));
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().kind, base::ErrorKind::kDeadline);
  EXPECT_TRUE(RemoveTree(parent_.get(), "t", kLong));
}

}  // namespace
}  // namespace cell
