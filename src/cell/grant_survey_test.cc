// SPDX-License-Identifier: Apache-2.0
// What a run leaves in writable grants: privileged files, and hook files further down.
#include "cell/grant_survey.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace cell {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr base::WallTime kLongAgo{};
constexpr base::WallTime kNever = base::WallTime::max();

class GrantSurvey : public testing::Test {
 protected:
  GrantSurvey() {
    std::string name = testing::TempDir() + "survey.XXXXXX";
    top_ = ::mkdtemp(name.data());
    fs::permissions(top_, fs::perms(0755));
  }
  ~GrantSurvey() override { fs::remove_all(top_); }

  void Write(const std::string& relative) {
    fs::create_directories((top_ / relative).parent_path());
    std::ofstream(top_ / relative) << "text";
  }

  base::ResolvedPath Grant(const std::string& relative = "") {
    const std::string path = relative.empty() ? top_.string() : (top_ / relative).string();
    return {.asked = path, .canonical = path, .kind = base::FileKind::kDirectory};
  }

  // Paths below the top.
  std::vector<std::string> Hooks(const std::vector<base::ResolvedPath>& grants, base::WallTime since = kLongAgo) {
    std::vector<std::string> names;
    for (const std::string& path : SurveyWritable(grants, 0, since).hook_files) {
      names.push_back(fs::path(path).lexically_relative(top_));
    }
    return names;
  }

  fs::path top_;
};

TEST_F(GrantSurvey, NamesHookFilesOfRepositoriesFurtherDownOnceEach) {
  for (const char* path : {"a/.git/hooks/pre-commit", "a/.git/hooks/post-merge", "a/.git/objects/12/34", "a/.git/config",
                           "a/src/main.c", "a/b/c/.git/HEAD", "a/b/c/.github/workflows/ci.yml", "a/b/c/.envrc"}) {
    Write(path);
  }
  EXPECT_THAT(Hooks({Grant()}),
              UnorderedElementsAre("a/.git/hooks", "a/.git/config", "a/b/c/.github/workflows", "a/b/c/.envrc"));
}

TEST_F(GrantSurvey, LeavesTheTopToThePlanAndDirectoriesWithoutARepositoryAlone) {
  for (const char* path : {".git/hooks/pre-commit", ".envrc", "node_modules/x/.travis.yml"}) Write(path);
  EXPECT_THAT(Hooks({Grant()}), IsEmpty());
}

TEST_F(GrantSurvey, NamesALinkToARepositoryKeptElsewhere) {
  Write("sub/module/.git");
  EXPECT_THAT(Hooks({Grant()}), ElementsAre("sub/module/.git"));
}

TEST_F(GrantSurvey, IsSilentOnWhatWasThereBefore) {
  Write("a/.git/hooks/pre-commit");
  EXPECT_THAT(Hooks({Grant()}, kNever), IsEmpty());
}

TEST(EarliestChangeTest, IsNoLaterThanTheMomentAndGoesBackWithTheWallClock) {
  using namespace std::chrono_literals;
  const base::WallTime then{1'000'000s};
  base::FakeClock clock;
  clock.boot = 110s;
  for (const auto step : {0s, 3600s, -3600s}) {
    clock.wall = then + 10s + step;
    const base::WallTime earliest = EarliestChange(then, 100s, clock);
    EXPECT_LT(earliest, then + std::min(step, 0s));
    EXPECT_GE(earliest, then + std::min(step, 0s) - 100ms);
  }
}

TEST_F(GrantSurvey, IsSilentOnWhatIsGrantedByItsOwnPath) {
  Write("a/.git/hooks/pre-commit");
  Write("a/.git/config");
  EXPECT_THAT(Hooks({Grant(), Grant("a/.git/hooks")}), ElementsAre("a/.git/config"));
}

TEST_F(GrantSurvey, LooksAtWritableGrantsAlone) {
  Write("a/.git/hooks/pre-commit");
  const auto found = SurveyWritable({Grant()}, 1, kLongAgo);
  EXPECT_THAT(found.hook_files, IsEmpty());
  EXPECT_TRUE(found.complete);
}

TEST_F(GrantSurvey, NamesAtMostAHundredAndSaysThatThereAreMore) {
  for (int i = 0; i < 101; ++i) Write("r" + std::to_string(i) + "/.git/config");
  const auto found = SurveyWritable({Grant()}, 0, kLongAgo);
  EXPECT_THAT(found.hook_files, SizeIs(100));
  EXPECT_FALSE(found.complete);
}

TEST_F(GrantSurvey, NamesPrivilegedFilesWheneverTheyWereMade) {
  Write("a/b");
  ASSERT_EQ(::chmod((top_ / "a/b").c_str(), 04755), 0);
  const auto found = SurveyWritable({Grant()}, 0, kNever);
  EXPECT_THAT(found.set_id_files, ElementsAre((top_ / "a/b").string()));
  EXPECT_TRUE(found.complete);
}

// The workload has the caller's id: it can close a directory that the caller then doesn't look into.
TEST_F(GrantSurvey, SaysWhenADirectoryCannotBeRead) {
  Write("closed/file");
  ASSERT_EQ(::chmod((top_ / "closed").c_str(), 0), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    ::_exit(SurveyWritable({Grant()}, 0, kLongAgo).complete ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ::chmod((top_ / "closed").c_str(), 0700);
}

}  // namespace
}  // namespace cell
