// SPDX-License-Identifier: Apache-2.0
// Read-back of real cells: what MakePlan plans is in force; a lie in any row is refused. One lie per test row.
#include "sandbox/effective_controls.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/sha256.h"
#include "json/canonical.h"
#include "sandbox/cell_fixture.h"
#include "sandbox/kernel_text.h"
#include "sys/host_facts.h"
#include "sys/process.h"

namespace sandbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

spec::CellDocument Document() {
  spec::CellDocument document;
  document.spec.id = "readback";
  document.spec.lifetime.ttl_seconds = 60;
  document.spec.run = spec::RunSpec{.argv = {"/bin/true"}, .secret_delivery = spec::SecretDelivery::kEnv};
  return document;
}

// The real plan without a cgroup, which has tests of its own.
plan::Plan PlanOf(const spec::CellDocument& document) {
  plan::Settings settings{.run_id = "readback-1", .uid_base = 0x6f000000};
  auto facts = sys::GatherHostFacts(plan::FactsNeeded(document, settings));
  EXPECT_TRUE(facts) << facts.error().message;
  facts->cgroup = {};
  auto plan = plan::MakePlan(document, settings, *facts);
  EXPECT_TRUE(plan) << plan.error().message;
  return *plan;
}

EffectiveControls ReadOf(const plan::Plan& plan) {
  EffectiveControls controls;
  bool read = false;
  const auto outcome = testing::RunCell(plan, {.at_barrier = [&](Cell& cell) {
    auto result = ReadEffectiveControls(cell.workload_pid(), cell.workload_pidfd(), plan, {});
    EXPECT_TRUE(result) << result.error().message;
    read = result.has_value();
    if (read) controls = std::move(*result);
  }});
  EXPECT_TRUE(outcome) << outcome.error().message;
  EXPECT_TRUE(read);
  EXPECT_EQ(outcome ? outcome->End().exit_code : -3, 0);
  return controls;
}

// One cell for all tests that only look.
struct Sample {
  plan::Plan plan = PlanOf(Document());
  EffectiveControls controls = ReadOf(plan);
};
const Sample& TheSample() {
  static const Sample sample;
  return sample;
}

TEST(EffectiveControls, OfAWholePlanAreAllInForce) {
  const auto checked = CheckAgainstPlan(TheSample().controls, TheSample().plan);
  EXPECT_TRUE(checked) << checked.error().message;
}

TEST(EffectiveControls, ShowNoNamespaceOfTheHost) {
  EXPECT_THAT(TheSample().controls.shared_with_host, IsEmpty());
  EXPECT_EQ(TheSample().controls.namespaces.size(), 7u);
}

TEST(EffectiveControls, ShowEveryNamespaceThatIsTheHosts) {
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  const auto pidfd = sys::PidfdOpen(child);
  ASSERT_TRUE(pidfd) << pidfd.error().message;
  const auto controls = ReadEffectiveControls(child, pidfd->get(), TheSample().plan, {});
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_TRUE(controls) << controls.error().message;
  EXPECT_THAT(controls->shared_with_host, ElementsAre("cgroup", "ipc", "mnt", "net", "pid", "user", "uts"));
}

TEST(EffectiveControls, ShowNoCapability) {
  const EffectiveControls& controls = TheSample().controls;
  EXPECT_EQ(controls.cap_inh | controls.cap_prm | controls.cap_eff | controls.cap_bnd | controls.cap_amb, 0u);
  EXPECT_TRUE(controls.no_new_privs);
}

TEST(EffectiveControls, ReadTheFilterBackAsRootAndSayWhyNotOtherwise) {
  const EffectiveControls& controls = TheSample().controls;
  EXPECT_EQ(controls.seccomp_mode, 2);
  EXPECT_GE(controls.seccomp_filters, 1);
  EXPECT_EQ(controls.filter_sha256, crypto::Hex(crypto::Sha256Of(TheSample().plan.seccomp)));
  if (geteuid() == 0) {
    EXPECT_TRUE(controls.filter_read_back) << controls.why_not_read_back;
  } else {
    EXPECT_THAT(controls.why_not_read_back, HasSubstr("root"));
  }
}

TEST(EffectiveControls, ShowThreeDescriptorsAndTheRlimits) {
  EXPECT_THAT(TheSample().controls.descriptors, ElementsAre(0, 1, 2));
  EXPECT_EQ(TheSample().controls.rlimits.at("core"), std::pair(std::string("1"), std::string("1")));
}

TEST(EffectiveControls, AreCanonicalJson) {
  const std::string text = TheSample().controls.ToJson("cell", "run");
  EXPECT_TRUE(json::IsCanonicalJcs(text)) << text;
  EXPECT_THAT(text, HasSubstr(R"("ownedByHost":false)"));
  EXPECT_THAT(text, HasSubstr(R"("capabilities":{"ambient":[],"bounding":[],"effective":[],"inheritable":[],"permitted":[]})"));
}

TEST(EffectiveControls, OfAnyNumberOfMountsFitIntoOneEvent) {
  EffectiveControls controls = TheSample().controls;
  for (int i = 0; i < 2000; ++i) controls.mounts.push_back({"/x" + std::string(200, '"'), "ro", "ext4", 1});
  const std::string text = controls.ToJson("cell", "run");
  EXPECT_LT(text.size(), 60'000u);
  EXPECT_TRUE(json::IsCanonicalJcs(text));
  EXPECT_THAT(text, HasSubstr(R"("mountsOmitted":)"));
  EXPECT_THAT(text, HasSubstr(R"("truncated":true)"));
  EXPECT_THAT(TheSample().controls.ToJson("cell", "run"), Not(HasSubstr("truncated")));
}

TEST(EffectiveControls, ShowTheInodeOfEachGrant) {
  std::string name = std::filesystem::temp_directory_path() / "cellos_controls_XXXXXX";
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  std::filesystem::create_directories(name + "/job/.git/hooks");
  spec::CellDocument document = Document();
  document.spec.authority.filesystem =
      spec::FilesystemAuthority{.grant = spec::FilesystemGrant{{}, {{name + "/job", "/job"}}}};
  const plan::Plan plan = PlanOf(document);
  const EffectiveControls controls = ReadOf(plan);
  const auto checked = CheckAgainstPlan(controls, plan);
  EXPECT_TRUE(checked) << checked.error().message;
  const auto row = std::find_if(controls.mounts.begin(), controls.mounts.end(),
                                [](const auto& mount) { return mount.target == "/job/.git/hooks"; });
  ASSERT_NE(row, controls.mounts.end());
  EXPECT_TRUE(HasFlag(row->flags, "ro"));
  std::filesystem::remove_all(name);
}

TEST(Grants, ProtectedFilesAndTheStateDirectoryHoldInARealCell) {
  namespace fs = std::filesystem;
  std::string name = fs::temp_directory_path() / "cellos_grants_XXXXXX";
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  const fs::path job = fs::canonical(name) / "job";
  fs::create_directories(job / ".git/hooks");
  fs::create_directories(job / "state/keys");
  std::ofstream(job / "state/keys/secret") << "key";
  std::ofstream(job / ".git/config") << "[core]";
  std::ofstream(job / ".bashrc") << "true";

  spec::CellDocument document = Document();
  document.spec.run->argv = {"/bin/sh", "-c",
                             "cd /job; echo x >.git/hooks/pre-commit; mv .git moved; rmdir .git/hooks; echo x >.bashrc; "
                             "rm .bashrc; mv .bashrc moved; echo x >.git/config; ln -f main .git/config; "
                             "echo fine >.git/HEAD; echo fine >main; ls -A state"};
  document.spec.authority.filesystem = spec::FilesystemAuthority{.grant = spec::FilesystemGrant{{}, {{job, "/job"}}}};
  plan::Settings settings{.run_id = "grants-1", .state_directory = job / "state", .uid_base = 0x6f000000};
  auto facts = sys::GatherHostFacts(plan::FactsNeeded(document, settings));
  ASSERT_TRUE(facts) << facts.error().message;
  facts->cgroup = {};
  const auto plan = plan::MakePlan(document, settings, *facts);
  ASSERT_TRUE(plan) << plan.error().message;
  const auto outcome = testing::RunCell(*plan);
  ASSERT_TRUE(outcome) << outcome.error().message;

  EXPECT_EQ(outcome->out, "") << "the state directory is seen";
  EXPECT_FALSE(fs::exists(job / "moved")) << outcome->err;
  EXPECT_TRUE(fs::is_empty(job / ".git/hooks"));
  EXPECT_EQ(fs::file_size(job / ".bashrc"), 4u);
  EXPECT_EQ(fs::file_size(job / ".git/config"), 6u);
  EXPECT_TRUE(fs::exists(job / ".git/HEAD")) << "the rest stays writable: " << outcome->err;
  EXPECT_TRUE(fs::exists(job / "main"));
  EXPECT_TRUE(fs::exists(job / "state/keys/secret"));
  fs::remove_all(name);
}

TEST(Grants, AFileThatWasReplacedAfterThePlanEndsTheStart) {
  namespace fs = std::filesystem;
  std::string name = fs::temp_directory_path() / "cellos_swap_XXXXXX";
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  const fs::path root = fs::canonical(name);
  fs::create_directories(root / "granted");
  fs::create_directories(root / "other");
  spec::CellDocument document = Document();
  document.spec.authority.filesystem =
      spec::FilesystemAuthority{.grant = spec::FilesystemGrant{{{root / "granted", "/g"}}, {}}};
  const plan::Plan plan = PlanOf(document);
  fs::rename(root / "granted", root / "aside");
  fs::create_directory_symlink(root / "other", root / "granted");
  const auto outcome = testing::RunCell(plan);
  fs::remove_all(name);
  ASSERT_FALSE(outcome);
}

struct Lie {
  const char* name;
  std::function<void(EffectiveControls&)> tell;
  const char* named;
};
void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }

class CheckAgainstPlanRefuses : public ::testing::TestWithParam<Lie> {};

TEST_P(CheckAgainstPlanRefuses, WhatIsBelowThePlan) {
  EffectiveControls controls = TheSample().controls;
  GetParam().tell(controls);
  const auto checked = CheckAgainstPlan(controls, TheSample().plan);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, base::ErrorKind::kUnavailable);
  EXPECT_THAT(checked.error().message, HasSubstr(GetParam().named));
}

EffectiveControls::MountRow& Row(EffectiveControls& controls, std::string_view target) {
  return *std::find_if(controls.mounts.begin(), controls.mounts.end(),
                       [target](const auto& row) { return row.target == target; });
}

INSTANTIATE_TEST_SUITE_P(
    Lies, CheckAgainstPlanRefuses,
    ::testing::Values(
        Lie{"Namespace", [](auto& c) { c.shared_with_host = {"net"}; }, "net namespace"},
        Lie{"MissingNamespace", [](auto& c) { c.namespaces.erase("pid"); }, "pid namespace"},
        Lie{"Bounding", [](auto& c) { c.cap_bnd = 1; }, "bounding"},
        Lie{"Effective", [](auto& c) { c.cap_eff = 1ull << 21; }, "effective"},
        Lie{"Permitted", [](auto& c) { c.cap_prm = 1; }, "permitted"},
        Lie{"Inheritable", [](auto& c) { c.cap_inh = 1; }, "inheritable"},
        Lie{"Witness", [](auto& c) { c.agent.emplace(); }, "a witness that nobody planned"},
        Lie{"Rules", [](auto& c) { c.nft_table = "other"; }, "rules of table"},
        Lie{"OtherRules", [](auto& c) { c.rules_sha256 = "0"; }, "rules in force are other ones"},
        Lie{"Ambient", [](auto& c) { c.cap_amb = 1; }, "ambient"},
        Lie{"NoNewPrivs", [](auto& c) { c.no_new_privs = false; }, "no_new_privs"},
        Lie{"NoFilter", [](auto& c) { c.seccomp_mode = 0; }, "filter"},
        Lie{"OtherFilter", [](auto& c) { c.filter_sha256[0] ^= 1; }, "another"},
        Lie{"RootInside", [](auto& c) { c.uid_map = "0 1000 1"; }, "uid_map"},
        Lie{"RootOutside", [](auto& c) { c.uid_map = "1000 0 1"; }, "uid_map"},
        Lie{"WideMap", [](auto& c) { c.gid_map = "1000 1862270976 2"; }, "gid_map"},
        Lie{"TwoMaps", [](auto& c) { c.gid_map += " 0 0 1"; }, "gid_map"},
        Lie{"Groups", [](auto& c) { c.supplementary_groups = 99; }, "supplementary"},
        Lie{"WritableUsr", [](auto& c) { Row(c, "/usr").flags = "rw,nosuid,nodev"; }, "/usr"},
        Lie{"WritableRoot", [](auto& c) { Row(c, "/").flags = "rw,nosuid,nodev"; }, "/ is mounted without ro"},
        Lie{"DeviceNodes", [](auto& c) { Row(c, "/usr").flags = "ro,nosuid"; }, "/usr is mounted without nodev"},
        Lie{"HostTmp", [](auto& c) { Row(c, "/tmp").fs_type = "ext4"; }, "/tmp is a ext4"},
        Lie{"SetId", [](auto& c) { Row(c, "/tmp").flags = "rw,nodev"; }, "nosuid"},
        Lie{"MissingMount", [](auto& c) { std::erase_if(c.mounts, [](auto& r) { return r.target == "/tmp"; }); }, "/tmp"},
        Lie{"HostProc", [](auto& c) { Row(c, "/proc").fs_type = "tmpfs"; }, "/proc"},
        Lie{"Unplanned", [](auto& c) { c.mounts.push_back({"/host", "ro,nosuid,nodev", "ext4", 2}); }, "/host"},
        Lie{"CoreFile", [](auto& c) { c.rlimits["core"] = {"0", "0"}; }, "core"},
        Lie{"MissingRlimit", [](auto& c) { c.rlimits.erase("nproc"); }, "nproc"},
        Lie{"OomScore", [](auto& c) { c.oom_score_adj = -1000; }, "oom_score_adj"},
        Lie{"Descriptor", [](auto& c) { c.descriptors.push_back(7); }, "7"},
        Lie{"NoStdin", [](auto& c) { c.descriptors = {1, 2}; }, "descriptors"}),
    [](const auto& lie) { return std::string(lie.param.name); });

TEST(CheckAgainstPlan, RefusesAWitnessThatIsNotLocked) {
  plan::Plan plan = TheSample().plan;
  plan.telemetry.emplace();
  EffectiveControls honest = TheSample().controls;
  EXPECT_THAT(CheckAgainstPlan(honest, plan).error().message, HasSubstr("the witness was not read"));
  honest.agent = AgentControls{0, 0, 0, 0, 0, /*no_new_privs=*/true, /*seccomp_mode=*/2, /*seccomp_filters=*/1,
                               /*dumpable=*/false, /*outer_pid=*/2};
  EXPECT_TRUE(CheckAgainstPlan(honest, plan));
  const std::pair<std::function<void(AgentControls&)>, const char*> lies[] = {
      {[](auto& a) { a.cap_inh = 1; }, "holds capabilities"}, {[](auto& a) { a.cap_prm = 1; }, "holds capabilities"},
      {[](auto& a) { a.cap_eff = 1; }, "holds capabilities"}, {[](auto& a) { a.cap_bnd = 1; }, "holds capabilities"},
      {[](auto& a) { a.cap_amb = 1; }, "holds capabilities"}, {[](auto& a) { a.no_new_privs = false; }, "no_new_privs"},
      {[](auto& a) { a.seccomp_mode = 1; }, "no system-call"}, {[](auto& a) { a.seccomp_filters = 0; }, "no system-call"},
      {[](auto& a) { a.dumpable = true; }, "is dumpable"},     {[](auto& a) { a.outer_pid = 3; }, "is process 3"}};
  for (const auto& [tell, named] : lies) {
    EffectiveControls controls = honest;
    tell(*controls.agent);
    const auto checked = CheckAgainstPlan(controls, plan);
    ASSERT_FALSE(checked) << named;
    EXPECT_THAT(checked.error().message, HasSubstr(named));
  }
}

TEST(CheckAgainstPlan, RefusesACgroupLimitBelowThePlan) {
  plan::Plan plan = TheSample().plan;
  plan.cgroup.writes = {{"pids", "pids.max", "10"}};
  EXPECT_FALSE(CheckAgainstPlan(TheSample().controls, plan));
  EffectiveControls controls = TheSample().controls;
  controls.cgroup = {{"pids.max", "11"}};
  EXPECT_FALSE(CheckAgainstPlan(controls, plan));
  controls.cgroup = {{"pids.max", "10"}};
  EXPECT_TRUE(CheckAgainstPlan(controls, plan));
}

TEST(CheckAgainstPlan, RefusesAMountOnWhichProgramsRunThatNoneShould) {
  plan::Plan plan = TheSample().plan;
  EffectiveControls controls = TheSample().controls;
  const auto tmp = std::ranges::find_if(plan.mounts, [](const plan::Mount& mount) {
    return mount.target == "/tmp" && mount.kind == plan::Mount::Kind::kTmpfs;
  });
  ASSERT_NE(tmp, plan.mounts.end());
  tmp->no_exec = true;
  Row(controls, "/tmp").flags = "rw,nosuid,nodev,noexec";
  EXPECT_TRUE(CheckAgainstPlan(controls, plan));
  Row(controls, "/tmp").flags = "rw,nosuid,nodev";
  const auto checked = CheckAgainstPlan(controls, plan);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("/tmp is mounted without noexec"));
}

TEST(CheckAgainstPlan, RefusesAMountOfAnotherInode) {
  plan::Plan plan = TheSample().plan;
  EffectiveControls controls = TheSample().controls;
  const auto usr = std::ranges::find_if(plan.mounts, [](const plan::Mount& mount) {
    return mount.target == "/usr" && mount.kind == plan::Mount::Kind::kBind;
  });
  ASSERT_NE(usr, plan.mounts.end());
  usr->inode = 7;
  Row(controls, "/usr").source_inode = 7;
  EXPECT_TRUE(CheckAgainstPlan(controls, plan));
  Row(controls, "/usr").source_inode = 8;
  const auto checked = CheckAgainstPlan(controls, plan);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("/usr shows inode 8 instead of 7"));
}

TEST(CheckAgainstPlan, RefusesAMountWhereOnlyADirectoryWasPlanned) {
  plan::Plan plan = TheSample().plan;
  plan.mounts.push_back({.kind = plan::Mount::Kind::kDirectory, .target = "/made"});
  EffectiveControls controls = TheSample().controls;
  EXPECT_TRUE(CheckAgainstPlan(controls, plan));
  controls.mounts.push_back({"/made", "ro,nosuid,nodev", "ext4", 2});
  const auto checked = CheckAgainstPlan(controls, plan);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("ext4 at /made was not planned"));
}

TEST(CheckAgainstPlan, NamesEverythingThatIsMissing) {
  const auto checked = CheckAgainstPlan(EffectiveControls{}, TheSample().plan);
  ASSERT_FALSE(checked);
  for (const char* what : {"bounding", "no_new_privs", "filter", "uid_map", "/usr", "core"}) {
    EXPECT_THAT(checked.error().message, HasSubstr(what));
  }
}

TEST(KernelText, MalformedTextsAreLeftOut) {
  EXPECT_THAT(ParseMountinfo("x\n1 2 - \n1 2 3 4 relative rw - t s o\n - \n"), IsEmpty());
  EXPECT_EQ(ParseMountinfo("1 2 0:3 / /a\\040b ro,nosuid shared:1 - tmpfs t rw\n").at(0).target, "/a b");
  EXPECT_FALSE(FindLimit("Max open files", "nofile"));
  EXPECT_FALSE(FindLimit("Max open files 1 2 files", "unheard of"));
  EXPECT_FALSE(StatusText("Seccomp").Find("Seccomp"));
  EXPECT_EQ(StatusText("Seccomp_filters:\t3\nSeccomp:\t2\n").Find("Seccomp"), "2");
  EXPECT_FALSE(IsCloseOnExec("flags:\t0100000\n"));
  EXPECT_TRUE(IsCloseOnExec("pos:\t0\nflags:\t02000002\n"));
  EXPECT_FALSE(IsCloseOnExec(""));
}

}  // namespace
}  // namespace sandbox
