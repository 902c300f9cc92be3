// SPDX-License-Identifier: Apache-2.0
// Facts of this machine, and of directories made for the purpose.
#include "sys/host_facts.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>


namespace sys {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
namespace fs = std::filesystem;

class HostFacts : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "cellos_facts_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = fs::canonical(name);
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string Path(const std::string& relative) { return root_ / relative; }
  void Directory(const std::string& relative) { fs::create_directories(root_ / relative); }
  void File(const std::string& relative) {
    fs::create_directories((root_ / relative).parent_path());
    std::ofstream(root_ / relative) << "x";
  }

  fs::path root_;
};

std::vector<std::string> Relative(const std::vector<base::BeneathGrant>& found) {
  std::vector<std::string> all;
  for (const base::BeneathGrant& item : found) all.push_back(item.relative);
  std::sort(all.begin(), all.end());
  return all;
}

TEST_F(HostFacts, AGrantIsResolvedThroughItsLinksToOneFile) {
  Directory("real");
  fs::create_directory_symlink(root_ / "real", root_ / "link");
  const auto facts = GatherHostFacts({.readable = {Path("link")}});
  ASSERT_TRUE(facts) << facts.error().message;
  ASSERT_EQ(facts->grants.size(), 1u);
  struct stat status {};
  ASSERT_EQ(stat(Path("real").c_str(), &status), 0);
  EXPECT_EQ(facts->grants[0].asked, Path("link"));
  EXPECT_EQ(facts->grants[0].canonical, Path("real"));
  EXPECT_EQ(facts->grants[0].inode, status.st_ino);
  EXPECT_EQ(facts->grants[0].device, status.st_dev);
  EXPECT_EQ(facts->grants[0].kind, base::FileKind::kDirectory);
}

TEST_F(HostFacts, AMissingGrantNamesItsPlaceInTheDocument) {
  Directory("a");
  const auto facts = GatherHostFacts({.readable = {Path("a")}, .writable = {Path("a"), Path("none")}});
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().kind, base::ErrorKind::kNotFound);
  EXPECT_THAT(facts.error().message, HasSubstr("authority.filesystem.writable[1]"));
}

TEST_F(HostFacts, ASocketIsNeitherDirectoryNorFile) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  Path("s").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const auto facts = GatherHostFacts({.writable = {Path("s")}});
  close(fd);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->grants[0].kind, base::FileKind::kOther);
}

TEST_F(HostFacts, HooksAndStartUpFilesOfWritableGrantsAreFound) {
  Directory("job/.git/hooks");
  File("job/.git/config");
  File("job/.github/workflows/ci.yml");
  File("job/.bashrc");
  File("job/main.c");
  const auto facts = GatherHostFacts({.writable = {Path("job")}});
  ASSERT_TRUE(facts);
  EXPECT_THAT(Relative(facts->protected_files), ElementsAre(".bashrc", ".git/config", ".git/hooks", ".github/workflows"));
}

TEST_F(HostFacts, AReadableGrantNeedsNoSuchSearch) {
  Directory("job/.git/hooks");
  EXPECT_TRUE(GatherHostFacts({.readable = {Path("job")}})->protected_files.empty());
}

TEST_F(HostFacts, AGrantOfTheGitDirectoryItselfIsRecognised) {
  Directory("job/.git/hooks");
  const auto facts = GatherHostFacts({.writable = {Path("job/.git")}});
  ASSERT_TRUE(facts);
  EXPECT_THAT(Relative(facts->protected_files), ElementsAre("hooks"));
}

TEST_F(HostFacts, ALinkToARepositoryElsewhereIsProtectedItself) {
  File("job/.git");
  const auto facts = GatherHostFacts({.writable = {Path("job")}});
  ASSERT_TRUE(facts);
  EXPECT_THAT(Relative(facts->protected_files), ElementsAre(".git"));
}

TEST_F(HostFacts, ASymbolicLinkInPlaceOfAProtectedFileIsMarked) {
  Directory("job");
  fs::create_symlink("elsewhere", root_ / "job/.bashrc");
  const auto facts = GatherHostFacts({.writable = {Path("job")}});
  ASSERT_TRUE(facts);
  ASSERT_EQ(facts->protected_files.size(), 1u);
  EXPECT_TRUE(facts->protected_files[0].is_link);
}

TEST_F(HostFacts, TheAgentSocketOfTheCallerIsFoundBelowAGrant) {
  Directory("keys");
  const std::string path = Path("keys/agent.1");
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  setenv("SSH_AUTH_SOCK", path.c_str(), 1);
  const auto facts = GatherHostFacts({.readable = {root_.string()}});
  unsetenv("SSH_AUTH_SOCK");
  close(fd);
  ASSERT_TRUE(facts);
  EXPECT_THAT(Relative(facts->service_sockets), ElementsAre("keys/agent.1"));
}

TEST_F(HostFacts, UsualStateDirectoriesAreKnownWhereALinkLeads) {
  Directory("real/state/keys");
  Directory("own/within");
  fs::create_directory_symlink(root_ / "real", root_ / "link");
  const auto facts = GatherHostFacts({.readable = {root_.string()},
                                      .state_directory = Path("own"),
                                      .usual_state_directories = {Path("link/state"), Path("own/within"), Path("own"),
                                                                  Path("real/state")}});
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_THAT(facts->state_directories, ElementsAre(Path("own"), Path("real/state"))) << "each once, none in another";
}

TEST_F(HostFacts, AMissingStateDirectoryIsToldWhereTheCallerCouldMakeIt) {
  Directory("real");
  fs::create_directory_symlink(root_ / "real", root_ / "link");
  const base::FactsRequest request{.readable = {root_.string()},
                                   .state_directory = Path("own"),
                                   .usual_state_directories = {Path("link/a/b"), "/proc/none/cellos"}};
  // The rule is about ordinary users: as one of them, this process may write here all the same.
  ASSERT_EQ(chmod(root_.c_str(), 0755), 0);
  ASSERT_EQ(chmod(Path("real").c_str(), 0777), 0);
  const bool root = geteuid() == 0;
  if (root) { ASSERT_EQ(seteuid(12345), 0); }
  const auto facts = GatherHostFacts(request);
  if (root) { ASSERT_EQ(seteuid(0), 0); }
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_THAT(facts->missing_state_directories, ElementsAre(Path("real/a/b")));
  if (!root) return;
  EXPECT_TRUE(GatherHostFacts(request)->missing_state_directories.empty()) << "root's cells have ids that nobody trusts";
}

TEST_F(HostFacts, FilesThatEventsGoToAreFoundWhereTheyAreOrWillBe) {
  File("real/there");
  fs::create_directory_symlink(root_ / "real", root_ / "link");
  const auto facts = GatherHostFacts(
      {.writable = {root_.string()}, .event_sinks = {Path("link/there"), Path("link/new"), Path("none/new")}});
  ASSERT_TRUE(facts) << facts.error().message;
  ASSERT_EQ(facts->event_sinks.size(), 2u);
  struct stat status {};
  ASSERT_EQ(stat(Path("real/there").c_str(), &status), 0);
  EXPECT_EQ(facts->event_sinks[0].canonical, Path("real/there"));
  EXPECT_EQ(facts->event_sinks[0].inode, status.st_ino);
  EXPECT_EQ(facts->event_sinks[1].canonical, Path("real/new"));
  EXPECT_EQ(facts->event_sinks[1].inode, 0u);
}

TEST_F(HostFacts, DescribeMachineAndCaller) {
  const auto facts = GatherHostFacts({});
  ASSERT_TRUE(facts);
  EXPECT_FALSE(facts->kernel.empty());
  EXPECT_EQ(facts->boot_id.size(), 36u);
  EXPECT_EQ(facts->uid, geteuid());
  EXPECT_GE(facts->cpus, 1u);
  EXPECT_GT(facts->memory_bytes, 1u << 20);
  EXPECT_FALSE(facts->rlimit_hard.empty());
}

TEST(OwnCgroupDirectories, FollowsEachHierarchyToOurOwnPlace) {
  const auto found = OwnCgroupDirectories(
      "4:memory:/a/b\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/user.slice\n",
      "30 25 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
      "31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "32 25 0:28 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw,nsdelegate\n"
      "33 25 0:29 / /proc rw - proc proc rw\n");
  EXPECT_EQ(found.at("memory"), "/sys/fs/cgroup/memory/a/b");
  EXPECT_EQ(found.at("cpu"), "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(found.at("cpuacct"), "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(found.at(""), "/sys/fs/cgroup/unified/user.slice");
}

TEST(OwnCgroupDirectories, AMountOfAPartShowsOnlyWhatLiesInIt) {
  const std::string mount = "30 25 0:26 /docker/c1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
  EXPECT_THAT(OwnCgroupDirectories("4:memory:/docker/c1/x\n", mount),
              ElementsAre(Pair("memory", "/sys/fs/cgroup/memory/x")));
  EXPECT_TRUE(OwnCgroupDirectories("4:memory:/docker/c12\n", mount).empty());
  EXPECT_TRUE(OwnCgroupDirectories("4:memory:/../other\n", mount).empty());
}

TEST(OwnCgroupDirectories, EscapedMountPointsAreResolved) {
  EXPECT_THAT(OwnCgroupDirectories("0::/\n", "30 25 0:26 / /sys/a\\040b rw - cgroup2 cgroup2 rw\n"),
              ElementsAre(Pair("", "/sys/a b")));
}

TEST(OwnCgroupDirectories, MalformedTextGivesNothing) {
  EXPECT_TRUE(OwnCgroupDirectories("", "").empty());
  EXPECT_TRUE(OwnCgroupDirectories("x\n::\n:", "- - -\n - cgroup\n1 - cgroup2").empty());
}

TEST(DetectCgroups, AParentThatIsNoCgroupIsToldAsSuch) {
  const base::CgroupFacts facts = DetectCgroups("/tmp");
  EXPECT_EQ(facts.hierarchy, base::CgroupHierarchy::kNone);
  EXPECT_THAT(facts.why_not, HasSubstr("CELLOS_CGROUP_PARENT"));
}

TEST(DetectCgroups, EveryControllerNamedHasAParentOrTheReasonIsTold) {
  const base::CgroupFacts facts = DetectCgroups("");
  if (facts.hierarchy == base::CgroupHierarchy::kNone) {
    EXPECT_FALSE(facts.why_not.empty());
    return;
  }
  EXPECT_FALSE(facts.controllers.empty());
  for (const std::string& controller : facts.controllers) {
    const bool v1 = facts.hierarchy == base::CgroupHierarchy::kV1;
    EXPECT_TRUE(facts.parents.contains(v1 ? controller : "")) << controller;
  }
}

}  // namespace
}  // namespace sys
