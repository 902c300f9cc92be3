// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "sandbox/cell_fixture.h"
#include "sandbox/launch.h"
#include "sys/file.h"

namespace sandbox {
namespace {

using testing::InChild;
using testing::PlanFor;
using testing::RunCell;
using Kind = plan::Mount::Kind;

// A directory of the host for one test, owned by `owner`.
struct Source {
  std::string path;
  explicit Source(uid_t owner) {
    char name[] = "/var/tmp/cellos-grant-XXXXXX";
    path = mkdtemp(name);
    chmod(path.c_str(), 0755);
    (void)!chown(path.c_str(), owner, owner);
  }
  ~Source() { std::filesystem::remove_all(path); }
  Source(const Source&) = delete;
  void Put(const std::string& name, const std::string& content, uid_t owner) const {
    const std::string file = path + "/" + name;
    const base::UniqueFd fd(open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    (void)sys::WriteAll(fd.get(), content);
    (void)!fchown(fd.get(), owner, owner);
  }
};

plan::Plan PlanWithGrant(const std::string& source, bool read_only, std::vector<std::string> argv) {
  plan::Plan plan = PlanFor(std::move(argv));
  struct stat status = {};
  stat(source.c_str(), &status);
  plan.facts.grants.push_back({.asked = source, .canonical = source, .device = status.st_dev, .inode = status.st_ino,
                               .kind = S_ISDIR(status.st_mode) ? base::FileKind::kDirectory : base::FileKind::kRegular,
                               .owner = status.st_uid, .group = status.st_gid});
  const Kind place = S_ISDIR(status.st_mode) ? Kind::kDirectory : Kind::kFile;
  const std::vector<plan::Mount> grant = {{.kind = place, .target = "/data", .mode = 0755},
                                          {.kind = Kind::kGrant, .target = "/data", .read_only = read_only}};
  plan.mounts.insert(plan.mounts.begin() + 1, grant.begin(), grant.end());
  return plan;
}

std::string Shell(const std::string& source, bool read_only, const std::string& script) {
  const auto outcome = RunCell(PlanWithGrant(source, read_only, {"sh", "-c", script}));
  return outcome ? outcome->out : outcome.error().message;
}

TEST(Grant, AppearsOwnedByTheCellAndIsWrittenAsItsOwner) {
  if (geteuid() != 0) GTEST_SKIP() << "id-mapped mounts are made by root only";
  for (const uid_t owner : {0u, 4242u}) {
    const Source source(owner);
    source.Put("in", "given", owner);
    EXPECT_EQ(Shell(source.path, false, "stat -c %u:%g /data /data/in; cat /data/in; echo new > /data/out && echo ok"),
              "1000:1000\n1000:1000\ngivenok\n");
    struct stat made = {};
    ASSERT_EQ(stat((source.path + "/out").c_str(), &made), 0);
    EXPECT_EQ(made.st_uid, owner);
    EXPECT_EQ(made.st_gid, owner);
  }
}

TEST(Grant, FilesOfOtherOwnersCannotBeWrittenWhateverTheirMode) {
  if (geteuid() != 0) GTEST_SKIP() << "id-mapped mounts are made by root only";
  const Source source(4242);
  source.Put("foreign", "x", 777);
  chmod((source.path + "/foreign").c_str(), 0666);
  EXPECT_EQ(Shell(source.path, false, "stat -c %u /data/foreign; (echo y > /data/foreign) 2>/dev/null || echo refused"),
            "65534\nrefused\n");
}

TEST(Grant, ReadOnlyIsReadOnly) {
  const Source source(0);
  source.Put("in", "given", 0);
  EXPECT_EQ(Shell(source.path, true, "cat /data/in; (echo y > /data/in) 2>&1 | grep -o 'Read-only file system'"),
            "givenRead-only file system\n");
}

TEST(Grant, ASingleFileCanBeGranted) {
  const Source source(0);
  source.Put("one", "content", 0);
  EXPECT_EQ(Shell(source.path + "/one", true, "cat /data"), "content");
}

TEST(Grant, RefusesASourceThatWasSwappedForAnother) {
  const Source source(0);
  plan::Plan plan = PlanWithGrant(source.path, false, {"true"});
  ++plan.facts.grants[0].inode;
  const auto other = RunCell(plan);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().step, "mount");
  // And one that became a link to the same directory.
  plan = PlanWithGrant(source.path, false, {"true"});
  const std::string moved = source.path + ".moved";
  ASSERT_EQ(rename(source.path.c_str(), moved.c_str()), 0);
  ASSERT_EQ(symlink(moved.c_str(), source.path.c_str()), 0);
  const auto link = RunCell(plan);
  unlink(source.path.c_str());
  rename(moved.c_str(), source.path.c_str());
  ASSERT_FALSE(link);
  EXPECT_EQ(link.error().step, "mount");
  EXPECT_EQ(link.error().os_errno, ELOOP) << link.error().message;
}

TEST(Grant, ProtectedFilesInsideStayReadOnlyAndLinksAreNotFollowed) {
  const Source source(0);
  source.Put("hook", "host's", 0);
  ASSERT_EQ(symlink("/etc", (source.path + "/link").c_str()), 0);
  plan::Plan plan = PlanWithGrant(source.path, false, {"sh", "-c", "(echo x > /data/hook) 2>/dev/null || echo refused"});
  plan.mounts.insert(plan.mounts.begin() + 3, {.kind = Kind::kReadOnly, .target = "/data/hook", .read_only = true});
  const auto outcome = RunCell(plan);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->out, "refused\n");
  plan.mounts[3].target = "/data/link";
  const auto link = RunCell(plan);
  ASSERT_FALSE(link);
  EXPECT_EQ(link.error().os_errno, ELOOP) << link.error().message;
  plan.mounts[3] = {.kind = Kind::kDirectory, .target = "/data/link/made-on-the-host"};
  EXPECT_FALSE(RunCell(plan));
  EXPECT_NE(access("/etc/made-on-the-host", F_OK), 0);
}

TEST(OrdinaryUser, RunsACellWithItsOwnIdsAndGrants) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become an ordinary user";
  const Source source(testing::kOrdinaryUser);
  source.Put("in", "given", testing::kOrdinaryUser);
  EXPECT_EQ(InChild(testing::kOrdinaryUser, [&]() -> std::string {
    return Shell(source.path, false, "id -u; stat -c %u /data/in; echo n > /data/out && cat /data/in");
  }), "1000\n1000\ngiven");
  struct stat made = {};
  ASSERT_EQ(stat((source.path + "/out").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, testing::kOrdinaryUser);
}

TEST(OrdinaryUser, RefusesAGrantThatWasSwapped) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become an ordinary user";
  const Source source(testing::kOrdinaryUser);
  EXPECT_EQ(InChild(testing::kOrdinaryUser, [&]() -> std::string {
    plan::Plan plan = PlanWithGrant(source.path, false, {"true"});
    ++plan.facts.grants[0].inode;
    const auto outcome = RunCell(plan);
    return outcome ? "started" : std::string(outcome.error().step);
  }), "mount");
}

// Everything else of this program once more, as an ordinary user from the first instruction on.
TEST(OrdinaryUser, PassesEveryTestOfLaunchIsolationAndLifetime) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become an ordinary user";
  if (faccessat(AT_FDCWD, CELLOS_BIN_DIR "/cell_probe", X_OK, 0) != 0) GTEST_SKIP() << "no probe";
  const pid_t child = fork();
  if (child == 0) {
    constexpr auto kUser = testing::kOrdinaryUser;
    if (setgroups(0, nullptr) != 0 || setresgid(kUser, kUser, kUser) != 0 || setresuid(kUser, kUser, kUser) != 0) _exit(1);
    execl("/proc/self/exe", "sandbox_test", "--gtest_brief=1",
          "--gtest_filter=Launch.*:Isolation.*:Lifetime.*:AsOrdinaryUser.*", nullptr);
    _exit(errno == EACCES ? 77 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    GTEST_SKIP() << "the build directory can't be reached by an ordinary user";
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(AsOrdinaryUser, NothingOfInitAndReaperCanBeReadByTheUsersOtherProcesses) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything; run by OrdinaryUser.PassesEveryTest…";
  const plan::Plan plan = PlanFor({"sleep", "20"});
  auto cell = Cell::Launch(testing::OptionsFor(plan, {}));
  ASSERT_TRUE(cell) << cell.error().message;
  ASSERT_TRUE(cell->OpenBarrier({}));
  const std::string outer = "/proc/" + std::to_string(cell->outer_pid());
  for (const char* file : {"/environ", "/mem", "/fd", "/exe"}) {
    EXPECT_LT(open((outer + file).c_str(), O_RDONLY), 0) << file;
  }
}

}  // namespace
}  // namespace sandbox
