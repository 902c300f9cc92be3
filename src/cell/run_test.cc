// SPDX-License-Identifier: Apache-2.0
// Whole cells in this process: every ending, with its events and its seal. Needs user namespaces.
#include "cell/run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "cell/gc/remove_tree.h"
#include "cell/state/state_dir.h"
#include "evidence/verify/verify.h"
#include "json/reader.h"

namespace cell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Types of a run log in order, without the common prefix.
std::vector<std::string> Types(const std::string& directory) {
  std::vector<std::string> types;
  std::ifstream file(directory + "/events.jsonl");
  for (std::string line; std::getline(file, line);) {
    auto tree = json::Parse(line);
    if (!tree) return {"unreadable line"};
    std::string_view type = tree->root().StringOr("type", "");
    type.remove_prefix(std::min(type.size(), std::string_view("dev.cellos.events.cell.").size()));
    types.emplace_back(type);
  }
  return types;
}

class RunTest : public testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    char path[] = "/tmp/cellos_run_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    path_ = path;
    auto state = StateDir::Open(path_ + "/state", OpenMode::kCreate);
    ASSERT_TRUE(state) << state.error().message;
    state_.emplace(std::move(*state));
    null_ = base::UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  }
  void TearDown() override {
    state_.reset();
    const base::UniqueFd tmp(::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_TRUE(RemoveTree(tmp.get(), path_.substr(5), std::chrono::seconds(10)));
  }

  RunRequest Request(std::string document) {
    RunRequest request;
    request.document = std::move(document);
    request.state = &*state_;
    request.caller_directory = "/";
    request.streams = {null_.get(), null_.get(), null_.get()};
    return request;
  }
  RunOutcome RunScript(const std::string& script, const std::string& run = "", const std::string& spec = "",
                       int ttl = 60) {
    return cell::Run(Request(fmt::format(
        R"({{"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{{"id":"t","authority":{{}},"lifetime":{{"ttlSeconds":{}}},"run":{{"argv":["sh","-c","{}"],"secretDelivery":"env"{}}}{}}}}})",
        ttl, script, run, spec)));
  }
  RunOutcome RunArgv(const std::string& argv) {
    return cell::Run(Request(
        R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"t","authority":{},"lifetime":{"ttlSeconds":60},"run":{"argv":)" +
        argv + R"(,"secretDelivery":"env"}}})"));
  }
  // Every ending leaves a sealed log that holds offline.
  void ExpectSealed(const RunOutcome& out) {
    EXPECT_TRUE(out.evidence_complete) << out.message;
    const auto report = evidence::VerifyRun(out.evidence_dir, {});
    EXPECT_EQ(report.verdict, evidence::Verdict::kUnanchored) << report.ToText();
  }

  std::string path_;
  std::optional<StateDir> state_;
  base::UniqueFd null_;
};

TEST_F(RunTest, TellsEveryStepInItsOrder) {
  const RunOutcome out = RunScript("exit 0");
  EXPECT_EQ(out.reason, Reason::kCompleted);
  EXPECT_EQ(out.ExitStatus(), 0);
  ExpectSealed(out);
  std::vector<std::string> types = Types(out.evidence_dir);
  // A machine without cgroups has no probe and one coverage less.
  std::erase(types, "observability.host.v1.cgroup");
  types.erase(std::unique(types.begin(), types.end()), types.end());
  // A second that passes while the workload runs is told as well; the last word is what counts.
  while (std::count(types.begin(), types.end(), "observability.v1.process_census") > 1) {
    types.erase(std::find(types.begin(), types.end(), "observability.v1.process_census"));
  }
  EXPECT_THAT(types, ElementsAre("evidence_log.v1.opened", "evidence_log.v1.coverage_opened", "observability.v1.network_scope",
                                 "observability.v1.dns_target_set", "observability.v1.effective_controls",
                                 "lifecycle.v1.started", "observability.v1.container_security",
                                 "observability.v1.network_policy", "observability.v1.process_spawned",
                                 "observability.v1.network_enforcement", "command.v1.completed",
                                 "observability.v1.process_census", "compliance.v1.summary", "authority.v1.homeostasis",
                                 "lifecycle.v1.destroyed", "evidence_bundle.v1.emitted",
                                 "evidence_log.v1.coverage_closed", "evidence_log.v1.closing"));
}

TEST_F(RunTest, TheFirstCheckpointCoversTheStartBeforeTheWorkloadRuns) {
  const RunOutcome out = RunScript("exit 0");
  const std::vector<std::string> types = Types(out.evidence_dir);
  const auto started = std::find(types.begin(), types.end(), "lifecycle.v1.started");
  ASSERT_NE(started, types.end());
  std::ifstream file(out.evidence_dir + "/checkpoints");
  std::string origin, size;
  std::getline(file, origin);
  std::getline(file, size);
  EXPECT_EQ(size, std::to_string(started - types.begin() + 1));
}

TEST_F(RunTest, EveryEndingHasItsReasonAndExitStatus) {
  struct Case {
    RunOutcome out;
    Reason reason;
    int status;
  };
  std::vector<Case> cases = {
      {RunScript("exit 3"), Reason::kCompleted, 3},
      {RunScript("exit 124"), Reason::kCompleted, 124},
      {RunScript("kill -9 $$"), Reason::kSignalKilled, 137},
      {RunScript("kill -15 $$"), Reason::kSignalKilled, 143},
      {RunScript("sleep 20", R"(,"timeoutMs":200)"), Reason::kTimeout, 124},
      {RunScript("sleep 20", "", "", 1), Reason::kTtlExceeded, 124},
      {RunArgv(R"(["/nonexistent/program"])"), Reason::kCommandNotFound, 127},
      {RunArgv(R"(["nosuchprogram"])"), Reason::kCommandNotFound, 127},
      {RunArgv(R"(["/etc/passwd"])"), Reason::kCommandNotExecutable, 126},
  };
  if (::access("/usr/bin/perl", X_OK) == 0) {
    // An x32 number: killed by the filter, told apart from a signal of the workload's own.
    cases.push_back({RunArgv(R"x(["perl","-e","syscall(0x40000027)"])x"), Reason::kFilterKilled, 159});
  }
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(ToString(c.reason)) + ": " + c.out.message);
    EXPECT_EQ(ToString(c.out.reason), ToString(c.reason));
    EXPECT_EQ(c.out.ExitStatus(), c.status);
    ExpectSealed(c.out);
  }
}

// On v2 the root is `guard`, beside which the workload's group is.
TEST_F(RunTest, TheWorkloadSeesNothingAboveItsLeafInAnyCgroupHierarchy) {
  EXPECT_EQ(RunScript("! grep -v -e ':/$' -e '^0::/[.][.]/work$' /proc/self/cgroup").ExitStatus(), 0);
}

TEST_F(RunTest, ADocumentWithoutARunIsCreatedAndDestroyed) {
  const RunOutcome out = cell::Run(Request(
      R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"t","authority":{},"lifetime":{"ttlSeconds":60}}})"));
  EXPECT_EQ(out.ExitStatus(), 0) << out.message;
  ExpectSealed(out);
}

TEST_F(RunTest, ARefusalNamesThePlaceAndLeavesALog) {
  struct Case {
    std::string document, refusal, pointer;
  };
  const Case cases[] = {
      {"{", "invalid_document", ""},
      {R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"t","authority":{},"lifetime":{"ttlSeconds":60},"surplus":1}})",
       "invalid_document", "/spec/surplus"},
      {R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"t","authority":{"egressRules":[{"host":"localhost","port":443}]},"lifetime":{"ttlSeconds":60}}})",
       "controls", "/spec/authority/egressRules/0/host"},
      {R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"t","authority":{},"lifetime":{"ttlSeconds":60},"export":{"targets":[{"kind":"s3","name":"b","bucket":"bucket-name"}]}}})",
       "controls", "/spec/export/targets/0"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.document);
    const RunOutcome out = cell::Run(Request(c.document));
    EXPECT_EQ(out.reason, Reason::kRefused);
    EXPECT_EQ(out.refusal, c.refusal);
    EXPECT_EQ(out.ExitStatus(), 126);
    ASSERT_FALSE(out.violations.empty());
    EXPECT_THAT(out.violations[0].pointer, HasSubstr(c.pointer));
    ExpectSealed(out);
    EXPECT_THAT(Types(out.evidence_dir),
                ElementsAre("evidence_log.v1.opened", "evidence_log.v1.coverage_opened", "evidence_log.v1.coverage_opened",
                            "admission.v1.refused", "evidence_log.v1.coverage_closed", "evidence_log.v1.coverage_closed",
                            "evidence_log.v1.closing"));
  }
}

TEST_F(RunTest, ADecisionBoundToAnotherPolicyIsRefused) {
  RunRequest request = Request(
      R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"t","authority":{},"lifetime":{"ttlSeconds":60}}})");
  request.settings.if_policy = "sha256:" + std::string(64, '0');
  const RunOutcome out = cell::Run(request);
  EXPECT_EQ(out.reason, Reason::kRefused);
  EXPECT_EQ(out.refusal, "condition");
}

TEST_F(RunTest, ABackendThatThisBuildLacksIsRefusedWithEvidence) {
  RunRequest request = Request(
      R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"t","authority":{},"lifetime":{"ttlSeconds":60}}})");
  request.settings.backend = "gvisor";
  const RunOutcome out = cell::Run(request);
  EXPECT_EQ(out.refusal, "backend");
  EXPECT_EQ(out.ExitStatus(), 126);
  ExpectSealed(out);
}

TEST_F(RunTest, ASecretReachesTheWorkloadAndNothingElse) {
  constexpr const char* kCanary = "canary-5f0c1d7e2b9a4c38";
  ::setenv("CELLOS_SECRET_TOKEN", kCanary, 1);
  const RunOutcome out = RunScript(
      "test \\\"$TOKEN\\\" = canary-5f0c1d7e2b9a4c38",
      "", "");
  // Not granted: the variable isn't there.
  EXPECT_EQ(out.exit_code, 1);
  RunRequest request = Request(
      R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"t","authority":{"secretRefs":["TOKEN"]},"lifetime":{"ttlSeconds":60},"run":{"argv":["sh","-c","test ${#TOKEN} = 23"],"secretDelivery":"env"}}})");
  ::setenv("CELLOS_SECRET_TOKEN", kCanary, 1);
  const RunOutcome granted = cell::Run(request);
  EXPECT_EQ(granted.exit_code, 0) << granted.message;
  ExpectSealed(granted);
  EXPECT_THAT(Types(granted.evidence_dir), testing::IsSupersetOf({"secret.v1.delivered", "secret.v1.revoked"}));
  for (const char* name : {"events.jsonl", "plan.json", "document.json", "seal.json", "checkpoints"}) {
    std::ifstream file(granted.evidence_dir + "/" + name);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(text.find(kCanary), std::string::npos) << name;
  }
}

TEST_F(RunTest, AMissingSecretEndsTheStartWithADenial) {
  ::unsetenv("CELLOS_SECRET_ABSENT");
  const RunOutcome out = cell::Run(Request(
      R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"t","authority":{"secretRefs":["ABSENT"]},"lifetime":{"ttlSeconds":60},"run":{"argv":["true"],"secretDelivery":"env"}}})"));
  EXPECT_EQ(out.reason, Reason::kStartFailed);
  EXPECT_EQ(out.phase, "secrets");
  EXPECT_EQ(out.ExitStatus(), 125);
  EXPECT_THAT(Types(out.evidence_dir), testing::Contains("secret.v1.denied"));
  EXPECT_THAT(Types(out.evidence_dir), testing::Not(testing::Contains("lifecycle.v1.started")));
}

TEST_F(RunTest, AnExportIsDeliveredWithItsDigestAndSealed) {
  const RunOutcome out = RunScript("echo artefact > /workspace/a", "",
                                   R"(,"export":{"artifacts":[{"name":"a.txt","path":"/workspace/a"}]})");
  ASSERT_EQ(out.exports.size(), 1u) << out.message;
  EXPECT_EQ(out.exports[0].bytes, 9u);
  EXPECT_EQ(::access((out.evidence_dir + "/exports/a.txt").c_str(), R_OK), 0);
  ExpectSealed(out);
}

TEST_F(RunTest, AMissingExportFailsTheRun) {
  const RunOutcome out = RunScript("exit 0", "", R"(,"export":{"artifacts":[{"name":"a.txt","path":"/workspace/a"}]})");
  EXPECT_TRUE(out.export_failed);
  EXPECT_EQ(out.ExitStatus(), 125);
  EXPECT_THAT(Types(out.evidence_dir), testing::Contains("export.v2.failed"));
  ExpectSealed(out);
}

TEST_F(RunTest, TwoSupervisorsCannotOwnOneRunId) {
  RunRequest request = Request(
      R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"t","authority":{},"lifetime":{"ttlSeconds":60}}})");
  request.settings.run_id = "twice";
  EXPECT_EQ(cell::Run(request).ExitStatus(), 0);
  const RunOutcome second = cell::Run(request);
  EXPECT_EQ(second.ExitStatus(), 125);
  EXPECT_THAT(second.message, testing::Not(IsEmpty()));
}

}  // namespace
}  // namespace cell
