// SPDX-License-Identifier: Apache-2.0
// Grants: each refusal, which one wins where two overlap, what stays read-only in a writable one.
#include "plan/grants.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/paths.h"
#include "plan/test_fixture.h"

namespace plan {
namespace {

using testing::Contains;
using testing::HasSubstr;
using Kind = Mount::Kind;

base::Result<Plan> PlanOf(std::vector<spec::PathGrant> readable, std::vector<spec::PathGrant> writable,
                          base::HostFacts facts = test::Facts()) {
  spec::CellDocument document = test::Document();
  std::uint64_t inode = 100;
  if (facts.grants.empty()) {
    for (const auto& list : {readable, writable}) {
      for (const spec::PathGrant& grant : list) facts.grants.push_back(test::Directory(grant.source, inode++));
    }
  }
  test::Grant(document, std::move(readable), std::move(writable));
  return MakePlan(document, test::SettingsOfTest(), facts);
}

// Position of the step, or -1.
int Find(const Plan& plan, Kind kind, std::string_view target) {
  for (std::size_t i = 0; i < plan.mounts.size(); ++i) {
    if (plan.mounts[i].kind == kind && plan.mounts[i].target == target) return static_cast<int>(i);
  }
  return -1;
}

TEST(CleanPath, KeepsOnePathToOneSpelling) {
  EXPECT_EQ(CleanPath("/a//b/./c/"), "/a/b/c");
  EXPECT_EQ(CleanPath("/"), "/");
  EXPECT_EQ(CleanPath("//"), "/");
  EXPECT_EQ(CleanPath("/..a/b.."), "/..a/b..");
  EXPECT_FALSE(CleanPath("a/b"));
  EXPECT_FALSE(CleanPath(""));
  EXPECT_FALSE(CleanPath("/a/../b"));
  EXPECT_FALSE(CleanPath("/a/.."));
  EXPECT_FALSE(CleanPath(std::string_view("/a\0b", 4)));
  EXPECT_FALSE(CleanPath("/" + std::string(5000, 'a')));
}

TEST(Grants, SourceOfTheKernelOrOfCellosIsRefused) {
  for (const char* source : {"/", "/proc", "/proc/1/root", "/sys", "/sys/fs/cgroup", "/dev", "/dev/shm", "/run/cellos"}) {
    const auto plan = PlanOf({{source, "/x"}}, {});
    ASSERT_FALSE(plan) << source;
    EXPECT_EQ(plan.error().kind, base::ErrorKind::kDenied);
    EXPECT_THAT(plan.error().message, HasSubstr("authority.filesystem.readable[0]"));
  }
}

TEST(Grants, SourceIsJudgedByWhereItsLinksLead) {
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/proc/1/root", 5)};
  facts.grants[0].asked = "/home/u/innocent";
  EXPECT_FALSE(PlanOf({{"/home/u/innocent", "/x"}}, {}, facts));
}

TEST(Grants, SourceWithDotDotIsRefused) { EXPECT_FALSE(PlanOf({{"/a/../b", "/x"}}, {})); }

TEST(Grants, SocketsAndDevicesAreRefused) {
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/run/docker.sock", 5)};
  facts.grants[0].kind = base::FileKind::kOther;
  const auto plan = PlanOf({}, {{"/run/docker.sock", "/x"}}, facts);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, HasSubstr("writable[0]"));
}

TEST(Grants, TargetOverTheCellsOwnTreeIsRefused) {
  for (const char* target : {"/", "/proc", "/proc/sys", "/dev", "/dev/null", "/sys", "/run", "/run/cellos",
                             "/run/cellos/cell.json", "/usr", "/usr/lib", "/bin", "/lib/x", "/etc", "/etc/passwd",
                             "/etc/resolv.conf", "/etc/ld.so.cache", "/var/tmp", "/var/tmp/x", "relative", "/a/../proc"}) {
    EXPECT_FALSE(PlanOf({{"/data", target}}, {})) << target;
  }
  for (const char* target : {"/data", "/opt/x", "/workspace", "/workspace/src", "/tmp/x", "/etc/app", "/home/u", "/srv"}) {
    EXPECT_TRUE(PlanOf({{"/data", target}}, {})) << target;
  }
}

TEST(Grants, APartOfUsrMayBeGrantedInItsOwnPlace) {
  EXPECT_TRUE(PlanOf({}, {{"/usr/local/share/x", "/usr/local/share/x"}}));
  EXPECT_FALSE(PlanOf({}, {{"/data", "/usr/local/share/x"}}));
}

TEST(Grants, OneTargetTwiceIsRefused) {
  EXPECT_FALSE(PlanOf({{"/a", "/x"}}, {{"/b", "/x"}}));
  EXPECT_FALSE(PlanOf({{"/a", "/x"}}, {{"/a", "/x/"}}));
}

TEST(Grants, TheStateDirectoryIsOutOfReach) {
  base::HostFacts facts = test::Facts();
  facts.state_directories = {"/home/u/.local/state/cellos"};
  facts.grants = {test::Directory("/home/u/.local/state/cellos/keys", 5)};
  EXPECT_FALSE(PlanOf({{"/home/u/.local/state/cellos/keys", "/x"}}, {}, facts));
  facts.grants = {test::Directory("/home/u", 5)};
  const auto plan = PlanOf({{"/home/u", "/h"}}, {}, facts);
  ASSERT_TRUE(plan);
  EXPECT_GT(Find(*plan, Kind::kMask, "/h/.local/state/cellos"), Find(*plan, Kind::kGrant, "/h"));
}

TEST(Grants, TheStateDirectoryCantBeReplacedThroughAWritableGrantOfADirectoryAboveIt) {
  base::HostFacts facts = test::Facts();
  facts.state_directories = {"/home/u/.local/state/cellos"};
  facts.grants = {test::Directory("/home/u", 5)};
  const auto plan = PlanOf({}, {{"/home/u", "/h"}}, facts);
  ASSERT_TRUE(plan);
  const int outer = Find(*plan, Kind::kPin, "/h/.local"), inner = Find(*plan, Kind::kPin, "/h/.local/state");
  EXPECT_GT(outer, Find(*plan, Kind::kGrant, "/h"));
  EXPECT_GT(inner, outer);
  EXPECT_GT(Find(*plan, Kind::kMask, "/h/.local/state/cellos"), inner);
}

TEST(Grants, EveryStateDirectoryIsOutOfReachAlike) {
  base::HostFacts facts = test::Facts();
  facts.state_directories = {"/home/u/.local/state/cellos", "/var/lib/cellos"};
  for (const std::string& state : facts.state_directories) EXPECT_FALSE(PlanOf({{state, "/x"}}, {}, facts)) << state;
  facts.grants = {test::Directory("/var/lib", 5), test::Directory("/home/u", 6)};
  const auto plan = PlanOf({{"/var/lib", "/l"}}, {{"/home/u", "/h"}}, facts);
  ASSERT_TRUE(plan);
  EXPECT_GT(Find(*plan, Kind::kMask, "/l/cellos"), Find(*plan, Kind::kGrant, "/l"));
  EXPECT_GT(Find(*plan, Kind::kMask, "/h/.local/state/cellos"), Find(*plan, Kind::kGrant, "/h"));
}

TEST(Grants, AStateDirectoryThatTheWorkloadCouldMakeIsRefusedWithTheRemedy) {
  base::HostFacts facts = test::Facts();
  facts.missing_state_directories = {"/home/u/.local/state/cellos"};
  for (const char* source : {"/home/u", "/home/u/.local", "/home/u/.local/state"}) {
    const auto plan = PlanOf({}, {{source, "/h"}}, facts);
    ASSERT_FALSE(plan) << source;
    EXPECT_THAT(plan.error().message, HasSubstr("writable[0]"));
    EXPECT_THAT(plan.error().message, HasSubstr("mkdir -p -m 700 /home/u/.local/state/cellos"));
    EXPECT_TRUE(PlanOf({{source, "/h"}}, {}, facts)) << "nothing is made in " << source;
  }
  EXPECT_TRUE(PlanOf({}, {{"/home/u/job", "/h"}}, facts));
}

TEST(Grants, WhereEventsGoTheWorkloadCannotWrite) {
  base::HostFacts facts = test::Facts();
  facts.event_sinks = {{.asked = "log.jsonl", .canonical = "/home/u/job/log.jsonl", .device = 1, .inode = 77}};
  const auto refused = [&](const char* source, std::uint64_t inode) {
    facts.grants = {test::Directory(source, inode)};
    const auto plan = PlanOf({}, {{source, "/x"}}, facts);
    if (!plan) {
      EXPECT_THAT(plan.error().message, testing::AllOf(HasSubstr("writable[0]"), HasSubstr("log.jsonl")));
    }
    EXPECT_TRUE(PlanOf({{source, "/x"}}, {}, facts)) << source << " is only read";
    return !plan;
  };
  EXPECT_TRUE(refused("/home/u", 5));
  EXPECT_TRUE(refused("/home/u/job", 5));
  EXPECT_TRUE(refused("/home/u/job/log.jsonl", 77));
  EXPECT_TRUE(refused("/elsewhere/second-name", 77)) << "another name of the same file";
  EXPECT_FALSE(refused("/home/u/job/log", 5));
  EXPECT_FALSE(refused("/home/u/other", 5));
  facts.event_sinks = {{.asked = "log.jsonl", .canonical = "/home/u/letters", .kind = base::FileKind::kDirectory}};
  EXPECT_TRUE(refused("/home/u/letters/today", 5)) << "within a directory of events";
}

TEST(Grants, ServicesOfTheHostStayHidden) {
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/run/user/1", 5)};
  facts.service_sockets = {{.grant = 0, .relative = "bus"}};
  const auto plan = PlanOf({}, {{"/run/user/1", "/r"}}, facts);
  ASSERT_TRUE(plan);
  EXPECT_GT(Find(*plan, Kind::kMask, "/r/bus"), Find(*plan, Kind::kGrant, "/r"));
  EXPECT_THAT(plan->warnings, Contains(HasSubstr("/run/user/1/bus")));
}

TEST(Grants, WhatLiesBeneathOneGrantTouchesNoOther) {
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/a", 5), test::Directory("/b", 6)};
  facts.service_sockets = {{.grant = 0, .relative = "bus"}, {.grant = 0, .relative = "link", .is_link = true}};
  facts.protected_files = {{.grant = 1, .relative = ".bashrc", .kind = base::FileKind::kRegular, .inode = 9}};
  const auto plan = PlanOf({}, {{"/a", "/x"}, {"/b", "/y"}}, facts);
  ASSERT_TRUE(plan);
  EXPECT_GE(Find(*plan, Kind::kMask, "/x/bus"), 0);
  EXPECT_EQ(Find(*plan, Kind::kMask, "/y/bus"), -1);
  EXPECT_EQ(Find(*plan, Kind::kMask, "/x/link"), -1) << "leads out of the grant";
  EXPECT_GE(Find(*plan, Kind::kReadOnly, "/y/.bashrc"), 0);
  EXPECT_EQ(Find(*plan, Kind::kReadOnly, "/x/.bashrc"), -1);
}

TEST(Grants, TheNarrowerGrantIsMountedLater) {
  const auto plan = PlanOf({{"/w/inner", "/w/inner"}}, {{"/w", "/w"}});
  ASSERT_TRUE(plan);
  const int outer = Find(*plan, Kind::kGrant, "/w"), inner = Find(*plan, Kind::kGrant, "/w/inner");
  ASSERT_GE(outer, 0);
  EXPECT_LT(outer, inner);
  EXPECT_TRUE(plan->mounts[inner].read_only);
  EXPECT_FALSE(plan->mounts[outer].read_only);
  EXPECT_EQ(Find(*plan, Kind::kDirectory, "/w/inner"), -1) << "nothing is made inside a grant";
}

TEST(Grants, AReadableGrantIsReadOnlyWhereverAWritableOneShowsIt) {
  const auto plan = PlanOf({{"/w/inner", "/elsewhere"}}, {{"/w", "/x"}});
  ASSERT_TRUE(plan);
  EXPECT_GT(Find(*plan, Kind::kReadOnly, "/x/inner"), Find(*plan, Kind::kGrant, "/x"));
}

TEST(Grants, ProtectedFilesStayReadOnlyAndTheirDirectoriesCantBeRenamedAway) {
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/home/u/job", 5)};
  facts.protected_files = {{.grant = 0, .relative = ".git/hooks", .kind = base::FileKind::kDirectory, .inode = 9},
                           {.grant = 0, .relative = ".git/config", .kind = base::FileKind::kRegular, .inode = 10},
                           {.grant = 0, .relative = ".bashrc", .kind = base::FileKind::kRegular, .inode = 11}};
  const auto plan = PlanOf({}, {{"/home/u/job", "/job"}}, facts);
  ASSERT_TRUE(plan);
  const int grant = Find(*plan, Kind::kGrant, "/job"), pin = Find(*plan, Kind::kPin, "/job/.git");
  EXPECT_LT(grant, pin);
  EXPECT_LT(pin, Find(*plan, Kind::kReadOnly, "/job/.git/hooks"));
  EXPECT_GE(Find(*plan, Kind::kReadOnly, "/job/.git/config"), 0);
  const int bashrc = Find(*plan, Kind::kReadOnly, "/job/.bashrc");
  ASSERT_GE(bashrc, 0);
  EXPECT_EQ(plan->mounts[bashrc].inode, 11u);
  EXPECT_EQ(std::count_if(plan->mounts.begin(), plan->mounts.end(), [](const Mount& m) { return m.kind == Kind::kPin; }),
            1);
}

TEST(Grants, AProtectedFileIsWritableWhenGrantedByItsOwnPath) {
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/j", 5), test::Directory("/j/.git/hooks", 9)};
  facts.protected_files = {{.grant = 0, .relative = ".git/hooks", .kind = base::FileKind::kDirectory, .inode = 9}};
  const auto plan = PlanOf({}, {{"/j", "/j"}, {"/j/.git/hooks", "/j/.git/hooks"}}, facts);
  ASSERT_TRUE(plan);
  EXPECT_EQ(Find(*plan, Kind::kReadOnly, "/j/.git/hooks"), -1);
  EXPECT_GE(Find(*plan, Kind::kGrant, "/j/.git/hooks"), 0);
}

TEST(Grants, AProtectedLinkIsToldSinceItCantBePinned) {
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/j", 5)};
  facts.protected_files = {{.grant = 0, .relative = ".bashrc", .is_link = true, .inode = 9}};
  const auto plan = PlanOf({}, {{"/j", "/j"}}, facts);
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->warnings, Contains(HasSubstr("/j/.bashrc")));
}

TEST(Grants, AReadableGrantNeedsNoProtection) {
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/j", 5)};
  const auto plan = PlanOf({{"/j", "/j"}}, {}, facts);
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->mounts[Find(*plan, Kind::kGrant, "/j")].read_only);
  EXPECT_EQ(plan->mounts[Find(*plan, Kind::kGrant, "/j")].inode, 5u);
}

TEST(Grants, AGrantAtTheWorkspaceTakesItsPlace) {
  const auto plan = PlanOf({}, {{"/home/u/job", "/workspace"}});
  ASSERT_TRUE(plan);
  EXPECT_EQ(Find(*plan, Kind::kTmpfs, "/workspace"), -1);
  EXPECT_GE(Find(*plan, Kind::kGrant, "/workspace"), 0);
}

TEST(Grants, AHostPathIsSeenThroughTheNarrowestGrantThatHoldsIt) {
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/w", 5), test::Directory("/w/inner", 6), test::Directory("/other", 7)};
  const std::vector<PlannedGrant> grants = {{0, "/x"}, {1, "/y"}, {2, "/z"}};
  EXPECT_EQ(SeenThroughGrant("/w/inner/a", grants, facts), "/y/a");
  EXPECT_EQ(SeenThroughGrant("/w/a", grants, facts), "/x/a");
  EXPECT_EQ(SeenThroughGrant("/elsewhere/and/longer", grants, facts), std::nullopt);
}

TEST(Grants, FactsOfAnotherDocumentAreRefused) {
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/a", 5)};
  EXPECT_FALSE(PlanOf({{"/a", "/a"}, {"/b", "/b"}}, {}, facts));
}

}  // namespace
}  // namespace plan
