// SPDX-License-Identifier: Apache-2.0
// MakePlan as a whole: pure, stable, canonical; each part of the plan where a reader looks for it.
#include "plan/plan.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/canonical.h"
#include "plan/test_fixture.h"

namespace plan {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(MakePlan, IsPure) {
  const spec::CellDocument document = test::Document();
  const base::HostFacts facts = test::Facts();
  const auto first = MakePlan(document, test::SettingsOfTest(), facts);
  const auto second = MakePlan(document, test::SettingsOfTest(), facts);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->ToJson(), second->ToJson());
  EXPECT_EQ(first->Digest(), second->Digest());
  EXPECT_EQ(first->ToText(), second->ToText());
}

TEST(MakePlan, WritesCanonicalJson) {
  spec::CellDocument document = test::Document();
  test::Grant(document, {{"/data", "/data"}}, {{"/home/u/job", "/home/u/job"}});
  document.spec.authority.secret_refs = std::vector<std::string>{"TOKEN"};
  document.spec.exports = spec::Export{.artifacts = {{{"a", "/workspace/a", {}, {}}}}};
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/data", 5), test::Directory("/home/u/job", 6)};
  facts.protected_files = {{.grant = 1, .relative = ".git/hooks", .kind = base::FileKind::kDirectory, .inode = 7}};
  facts.cgroup = test::V2();
  const auto plan = MakePlan(document, test::SettingsOfTest(), facts);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(json::IsCanonicalJcs(plan->ToJson())) << plan->ToJson();
}

TEST(MakePlan, NamesRequiredSourcesInTheJson) {
  base::HostFacts facts = test::Facts();
  facts.cgroup = test::V2();
  const auto plan = MakePlan(test::Document(), test::SettingsOfTest(), facts);
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->ToJson(), HasSubstr(R"("requiredSources":["supervisor","init","host.cgroup","log"])"));
}

TEST(MakePlan, DigestChangesWithTheDocument) {
  spec::CellDocument other = test::Document();
  other.spec.run->argv.push_back("x");
  const auto a = MakePlan(test::Document(), test::SettingsOfTest(), test::Facts());
  const auto b = MakePlan(other, test::SettingsOfTest(), test::Facts());
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->Digest(), b->Digest());
}

TEST(MakePlan, FixedEnvironmentComesFirstThenTheDocuments) {
  spec::CellDocument document = test::Document();
  document.spec.run->env = spec::StringMap{{"A", "1"}, {"B", "2"}};
  const auto plan = MakePlan(document, test::SettingsOfTest(), test::Facts());
  ASSERT_TRUE(plan);
  using P = std::pair<std::string, std::string>;
  EXPECT_THAT(plan->environment,
              ElementsAre(P{"PATH", "/usr/local/bin:/usr/bin:/bin"}, P{"HOME", "/workspace"}, P{"TMPDIR", "/tmp"},
                          P{"CELLOS_RUN_ID", "run-1"}, P{"CELLOS_CELL_ID", "job"}, P{"A", "1"}, P{"B", "2"}));
}

TEST(MakePlan, DocumentsPathReplacesOursInsteadOfStandingBesideIt) {
  spec::CellDocument document = test::Document();
  document.spec.run->env = spec::StringMap{{"PATH", "/opt/bin"}};
  const auto plan = MakePlan(document, test::SettingsOfTest(), test::Facts());
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->environment.size(), 5u);
  EXPECT_EQ(plan->environment[0].second, "/opt/bin");
}

TEST(MakePlan, SmallestTimeLimitWinsAndTiesNameTheDocument) {
  const auto limit_of = [](std::uint64_t ttl, std::optional<std::uint64_t> timeout, std::uint64_t setting) {
    spec::CellDocument document = test::Document();
    document.spec.lifetime.ttl_seconds = ttl;
    document.spec.run->timeout_ms = timeout;
    Settings settings = test::SettingsOfTest();
    settings.env_timeout_ms = setting;
    const auto plan = MakePlan(document, settings, test::Facts());
    return std::pair(plan->time_limit.count(), plan->time_limit_source);
  };
  using P = std::pair<long, std::string>;
  EXPECT_EQ(limit_of(60, {}, 0), P(60000, "ttl"));
  EXPECT_EQ(limit_of(60, 500, 0), P(500, "spec.run.timeoutMs"));
  EXPECT_EQ(limit_of(60, 500, 400), P(400, "CELLOS_RUN_TIMEOUT_MS"));
  EXPECT_EQ(limit_of(60, 500, 500), P(500, "spec.run.timeoutMs"));
  EXPECT_EQ(limit_of(60, 60000, 60000), P(60000, "spec.run.timeoutMs"));
  EXPECT_EQ(limit_of(60, {}, 60000), P(60000, "CELLOS_RUN_TIMEOUT_MS"));
  EXPECT_EQ(limit_of(60, {}, 90000), P(60000, "ttl"));
}

TEST(MakePlan, EndlessTtlStaysWithinTheClock) {
  spec::CellDocument document = test::Document();
  document.spec.lifetime.ttl_seconds = ~0ull;
  const auto plan = MakePlan(document, test::SettingsOfTest(), test::Facts());
  ASSERT_TRUE(plan);
  EXPECT_GT(std::chrono::nanoseconds(plan->ttl).count(), 0);
  EXPECT_GT(plan->time_limit.count(), 0);
}

TEST(MakePlan, IdentitysSecretIsAskedForByItsAudience) {
  spec::CellDocument document = test::Document();
  document.spec.authority.secret_refs = std::vector<std::string>{"TOKEN", "WEB"};
  document.spec.identity = spec::Identity{.provider = "p", .audience = "sts.example", .secret_ref = "WEB"};
  const auto plan = MakePlan(document, test::SettingsOfTest(), test::Facts());
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->secrets.size(), 2u);
  EXPECT_EQ(plan->secrets[0].key, "TOKEN");
  EXPECT_EQ(plan->secrets[1].name, "WEB");
  EXPECT_EQ(plan->secrets[1].key, "sts.example");
  EXPECT_EQ(plan->secrets[1].delivery, "env");
}

TEST(MakePlan, RootIsTheFirstMountAndProcComesAfterTheRootIsReadOnly) {
  const auto plan = MakePlan(test::Document(), test::SettingsOfTest(), test::Facts());
  ASSERT_TRUE(plan);
  ASSERT_FALSE(plan->mounts.empty());
  EXPECT_EQ(plan->mounts.front().target, "/");
  const auto find = [&](Mount::Kind kind, std::string_view target) {
    return std::find_if(plan->mounts.begin(), plan->mounts.end(),
                        [&](const Mount& m) { return m.kind == kind && m.target == target; });
  };
  const auto sealed = find(Mount::Kind::kReadOnly, "/"), proc = find(Mount::Kind::kProc, "/proc");
  ASSERT_NE(sealed, plan->mounts.end());
  ASSERT_NE(proc, plan->mounts.end());
  EXPECT_LT(sealed - plan->mounts.begin(), proc - plan->mounts.begin());
  EXPECT_TRUE(find(Mount::Kind::kBind, "/usr")->read_only);
}

TEST(MakePlan, EveryMountPointInOurTreeIsMadeBeforeItIsUsed) {
  spec::CellDocument document = test::Document();
  document.spec.run->terminal = true;
  document.spec.run->working_directory = "/build/deep/here";
  test::Grant(document, {{"/data", "/opt/data"}}, {{"/home/u/job", "/home/u/job"}});
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/data", 5), test::Directory("/home/u/job", 6)};
  const auto plan = MakePlan(document, test::SettingsOfTest(), facts);
  ASSERT_TRUE(plan) << plan.error().message;
  std::vector<std::string> made = {"/"};
  for (const Mount& mount : plan->mounts) {
    const std::string parent = mount.target.substr(0, std::max<std::size_t>(mount.target.rfind('/'), 1));
    switch (mount.kind) {
      case Mount::Kind::kDirectory:
      case Mount::Kind::kFile:
      case Mount::Kind::kLink:
        EXPECT_THAT(made, Contains(parent)) << mount.target;
        EXPECT_THAT(made, Not(Contains(mount.target)));
        made.push_back(mount.target);
        break;
      case Mount::Kind::kMask:
      case Mount::Kind::kReadOnly:
      case Mount::Kind::kPin:
        break;
      default:
        EXPECT_THAT(made, Contains(mount.target));
    }
  }
}

TEST(MakePlan, ScratchPlacesTogetherHoldWhatWasAskedAndNoMore) {
  for (const std::uint64_t asked : {0ull, 1ull, 4096ull, 65536ull, 1ull << 30, (1ull << 40) + 1}) {
    spec::CellDocument document = test::Document();
    document.spec.run->limits = spec::RunLimits{.scratch_bytes = asked};
    document.spec.run->working_directory = "/build";
    const auto plan = MakePlan(document, test::SettingsOfTest(), test::Facts());
    ASSERT_TRUE(plan);
    std::uint64_t writable = 0;
    for (const Mount& mount : plan->mounts) {
      if (mount.kind != Mount::Kind::kTmpfs || mount.target == "/") continue;
      EXPECT_GT(mount.size_bytes, 0u);
      EXPECT_GT(mount.inodes, 0u);
      if (!mount.read_only) writable += mount.size_bytes;
    }
    EXPECT_LE(writable, asked);
  }
}

TEST(MakePlan, WorkingDirectoryFollowsTheCallerIntoItsGrant) {
  spec::CellDocument document = test::Document();
  test::Grant(document, {}, {{"/home/u/job", "/src"}});
  base::HostFacts facts = test::Facts();
  facts.grants = {test::Directory("/home/u/job", 6)};
  facts.caller_directory = "/home/u/job/sub";
  const auto plan = MakePlan(document, test::SettingsOfTest(), facts);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->working_directory, "/src/sub");
  EXPECT_EQ(plan->working_directory_hint, "");
}

TEST(MakePlan, WorkingDirectoryOutsideEveryGrantIsTheWorkspaceWithAHint) {
  base::HostFacts facts = test::Facts();
  facts.caller_directory = "/home/u";
  const auto plan = MakePlan(test::Document(), test::SettingsOfTest(), facts);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->working_directory, "/workspace");
  EXPECT_THAT(plan->working_directory_hint, HasSubstr("--rw ."));
}

TEST(MakePlan, WorkingDirectoryMayNotCoverTheCellsOwnTree) {
  for (const char* path : {"/", "/usr", "/usr/lib", "/etc", "/proc/self/fd/3", "/dev", "/run/cellos", "/bin", "/sys",
                           "/var/tmp", "relative", "/a/../b"}) {
    spec::CellDocument document = test::Document();
    document.spec.run->working_directory = path;
    const auto plan = MakePlan(document, test::SettingsOfTest(), test::Facts());
    ASSERT_FALSE(plan) << path;
    EXPECT_THAT(plan.error().message, HasSubstr("workingDirectory"));
  }
}

TEST(MakePlan, ProgramMustLieBelowAnAllowedPrefixByNameAndInTruth) {
  const auto allowed = [](std::string argv0, std::map<std::string, std::string> canonical) {
    spec::CellDocument document = test::Document();
    document.spec.run->argv = {std::move(argv0)};
    Settings settings = test::SettingsOfTest();
    settings.argv0_prefixes = {"/usr/bin", "/opt/tools"};
    base::HostFacts facts = test::Facts();
    facts.executables = std::move(canonical);
    return MakePlan(document, settings, facts).has_value();
  };
  EXPECT_TRUE(allowed("/usr/bin/make", {}));
  EXPECT_TRUE(allowed("/bin/sh", {{"/bin/sh", "/usr/bin/dash"}}));
  EXPECT_FALSE(allowed("/usr/binary", {}));
  EXPECT_FALSE(allowed("make", {}));
  EXPECT_FALSE(allowed("/usr/bin/../sbin/x", {}));
  EXPECT_FALSE(allowed("/opt/tools/x", {{"/opt/tools/x", "/tmp/evil"}}));
}

TEST(MakePlan, RefusesWhereUserNamespacesAreOffAndSaysWhatHelps) {
  base::HostFacts facts = test::Facts();
  facts.user_namespaces = false;
  facts.why_no_user_namespaces = "sysctl says no";
  const auto plan = MakePlan(test::Document(), test::SettingsOfTest(), facts);
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->unavailable, HasSubstr("sysctl says no"));
}

TEST(MakePlan, NeverHoldsWhatThePlannedSecretIs) {
  spec::CellDocument document = test::Document();
  document.spec.authority.secret_refs = std::vector<std::string>{"TOKEN"};
  const auto plan = MakePlan(document, test::SettingsOfTest(), test::Facts());
  ASSERT_TRUE(plan);
  for (const auto& [name, value] : plan->environment) EXPECT_NE(name, "TOKEN");
}

TEST(FactsNeeded, AsksForEveryGrantInOrder) {
  spec::CellDocument document = test::Document();
  test::Grant(document, {{"/a", "/x"}}, {{"/b", "/y"}, {"/c", "/z"}});
  const base::FactsRequest request = FactsNeeded(document, test::SettingsOfTest());
  EXPECT_THAT(request.readable, ElementsAre("/a"));
  EXPECT_THAT(request.writable, ElementsAre("/b", "/c"));
}

// The text of a plan without what changes with the filter table.
std::string Golden(const Plan& plan) {
  std::string kept;
  std::istringstream lines(plan.ToText());
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("filter") && !line.starts_with("plan ")) kept += line + "\n";
  }
  return kept;
}

// To accept a wanted change: CELLOS_UPDATE_GOLDEN=1 plan_test, and read the difference.
void ExpectGolden(const Plan& plan, const std::string& name) {
  const std::string path = std::string(CELLOS_SOURCE_DIR "/src/plan/golden/") + name;
  if (std::getenv("CELLOS_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << Golden(plan);
  std::ifstream file(path);
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(Golden(plan), expected.str());
}

TEST(GoldenPlan, OfTheSmallestDocument) {
  const auto plan = MakePlan(test::Document(), test::SettingsOfTest(), test::Facts());
  ASSERT_TRUE(plan);
  ExpectGolden(*plan, "smallest.txt");
}

TEST(GoldenPlan, OfADocumentThatUsesEverything) {
  spec::CellDocument document = test::Document();
  document.spec.run->argv = {"make", "check"};
  document.spec.run->terminal = true;
  document.spec.run->timeout_ms = 30000;
  document.spec.run->env = spec::StringMap{{"MODE", "ci"}};
  document.spec.run->limits = spec::RunLimits{.memory_max_bytes = 1 << 28,
                                              .cpu_max = spec::CpuMax{50000, {}},
                                              .graceful_shutdown_seconds = 3,
                                              .pids_max = 64,
                                              .scratch_bytes = 1 << 26};
  document.spec.authority.secret_refs = std::vector<std::string>{"TOKEN"};
  document.spec.exports = spec::Export{.artifacts = {{{"junit", "/workspace/junit.xml", {}, "application/xml"}}}};
  test::Grant(document, {{"/data", "/data"}}, {{"/home/u/job", "/home/u/job"}});
  base::HostFacts facts = test::Facts();
  facts.uid = facts.gid = 0;
  facts.cgroup = test::V1();
  facts.grants = {test::Directory("/data", 5), test::Directory("/home/u/job", 6)};
  facts.protected_files = {{.grant = 1, .relative = ".git/hooks", .kind = base::FileKind::kDirectory, .inode = 7}};
  facts.caller_directory = "/home/u/job";
  const auto plan = MakePlan(document, test::SettingsOfTest(), facts);
  ASSERT_TRUE(plan) << plan.error().message;
  ExpectGolden(*plan, "everything.txt");
}

TEST(PlanText, EscapesHostileStrings) {
  spec::CellDocument document = test::Document();
  document.spec.run->argv = {"/bin/echo", "\x1b[31m\n"};
  const auto plan = MakePlan(document, test::SettingsOfTest(), test::Facts());
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->ToText().find('\x1b'), std::string::npos);
  EXPECT_THAT(plan->ToText(), HasSubstr(plan->Digest()));
}

}  // namespace
}  // namespace plan
