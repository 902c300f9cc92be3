// SPDX-License-Identifier: Apache-2.0
#include "plan/telemetry.h"

#include <gtest/gtest.h>

#include "plan/test_fixture.h"
#include "wire/agent_config.h"

namespace plan {
namespace {

using wire::ProbeSource;
using wire::SourceBit;

spec::Telemetry Block(std::vector<std::string> events) {
  return {.events = std::move(events), .agent_version = "1.0.0"};
}

std::string Refusal(const spec::Telemetry& telemetry, const TelemetrySettings& settings = {}) {
  const auto plan = MakeTelemetryPlan(telemetry, settings);
  if (plan) return "admitted";
  EXPECT_EQ(plan.error().kind, base::ErrorKind::kInvalid);
  return plan.error().message.substr(0, plan.error().message.find(':'));
}

TEST(Telemetry, NamesOfPublishedDocumentsAreUnderstood) {
  EXPECT_EQ(DeclaredSource("process.spawned"), ProbeSource::kProcessSpawned);
  EXPECT_EQ(DeclaredSource(" Process.Spawn\t"), ProbeSource::kProcessSpawned);
  EXPECT_EQ(DeclaredSource("process.exited"), ProbeSource::kProcessExited);
  EXPECT_EQ(DeclaredSource("capability.denied"), ProbeSource::kCapabilityDenied);
  EXPECT_EQ(DeclaredSource("fs.inotify_fired"), ProbeSource::kFsInotifyFired);
  EXPECT_EQ(DeclaredSource("NET.CONNECT.ATTEMPT"), ProbeSource::kNetConnectAttempted);
  for (const char* other : {"", "process", "process.spawned.", "agent.heartbeat", "agent.dropped", "net.", "proc ess.spawn"}) {
    EXPECT_EQ(DeclaredSource(other), ProbeSource::kCount) << other;
  }
}

TEST(Telemetry, TheBlockSaysWhatTheWitnessMayTell) {
  auto block = Block({"process.spawn", "process.spawned", "net.connect_attempted"});
  block.process_detail = spec::ProcessDetail::kFull;
  block.rate_limits = spec::RateLimits{.events_per_second = 7};
  const auto plan = MakeTelemetryPlan(block, {});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->sources, SourceBit(ProbeSource::kProcessSpawned) | SourceBit(ProbeSource::kNetConnectAttempted));
  EXPECT_EQ(plan->declared, block.events);
  EXPECT_TRUE(plan->full);
  EXPECT_FALSE(plan->fail_cell);
  EXPECT_EQ(plan->frames_per_second, 7u);
  EXPECT_EQ(plan->bytes_per_second, kDefaultBytesPerSecond);
}

TEST(Telemetry, FailureOfTheWitnessEndsTheCellWhereTheProfileIsHardened) {
  auto block = Block({"process.spawned"});
  EXPECT_TRUE(MakeTelemetryPlan(block, {.hardened = true})->fail_cell);
  block.on_agent_failure = spec::AgentFailure::kDegrade;
  EXPECT_FALSE(MakeTelemetryPlan(block, {.hardened = true})->fail_cell);
  block.on_agent_failure = spec::AgentFailure::kFailCell;
  EXPECT_TRUE(MakeTelemetryPlan(block, {})->fail_cell);
}

TEST(Telemetry, WhatCannotBeGivenIsRefusedByItsMember) {
  EXPECT_EQ(Refusal(Block({"process.spawned", "gpu.hot"})), "/spec/telemetry/events/1");
  EXPECT_EQ(Refusal(Block({})), "/spec/telemetry/events");
  auto later = Block({"process.spawned"});
  later.agent_version = "1.0.1";
  EXPECT_EQ(Refusal(later), "/spec/telemetry/agentVersion");
  later.agent_version = "0.9.9";
  EXPECT_EQ(Refusal(later), "admitted");
  auto nothing = Block({"process.spawned"});
  nothing.rate_limits = spec::RateLimits{.bytes_per_second = 0};
  EXPECT_EQ(Refusal(nothing), "/spec/telemetry/rateLimits/bytesPerSecond");
}

TEST(Telemetry, AWatchIsOfTheWorkspaceUnlessTheSettingsNameAPath) {
  const auto block = Block({"fs.inotify_fired"});
  EXPECT_EQ(MakeTelemetryPlan(block, {})->watch_path, "/workspace");
  for (const char* path : {"workspace", "/a/../b", "/a\n"}) {
    EXPECT_NE(Refusal(block, {.watch_path = path}), "admitted") << path;
  }
  EXPECT_NE(Refusal(block, {.watch_path = "/" + std::string(wire::kMaxWatchPath, 'a')}), "admitted");
  EXPECT_EQ(MakeTelemetryPlan(block, {.watch_path = "/tmp"})->watch_path, "/tmp");
  EXPECT_EQ(MakeTelemetryPlan(Block({"process.spawned"}), {.watch_path = "/workspace"})->watch_path, "");
}

spec::CellDocument Witnessed() {
  spec::CellDocument document = test::Document();
  document.spec.telemetry = Block({"process.spawned", "capability.denied"});
  return document;
}

TEST(Telemetry, AWitnessBringsAGateAProcessAndItsFilter) {
  base::HostFacts facts = test::Facts();
  facts.cgroup = test::V1();
  const auto plain = MakePlan(test::Document(), test::SettingsOfTest(), facts);
  const auto plan = MakePlan(Witnessed(), test::SettingsOfTest(), facts);
  ASSERT_TRUE(plain && plan);
  EXPECT_FALSE(plain->network);
  ASSERT_TRUE(plan->network);
  EXPECT_TRUE(plan->network->gate && plan->network->telemetry);
  EXPECT_FALSE(plan->network->network || plan->network->secret_socket);
  EXPECT_EQ(plain->seccomp, WorkloadFilter());
  EXPECT_EQ(plan->seccomp, WorkloadFilter(Notified(*plan)));
  EXPECT_NE(plan->seccomp, plain->seccomp);
  const auto processes = [](const Plan& p) {
    for (const Rlimit& limit : p.rlimits) {
      if (limit.name == "nproc") return limit.soft;
    }
    return std::uint64_t{0};
  };
  EXPECT_EQ(processes(*plan), processes(*plain) + 1);
  const auto pids = [](const Plan& p) {
    for (const CgroupWrite& write : p.cgroup.writes) {
      if (write.file == "pids.max") return std::stoull(write.value);
    }
    return 0ull;
  };
  EXPECT_EQ(pids(*plan), pids(*plain) + 1);
}

TEST(Telemetry, ThePlanSaysWhatIsToldAndByWhichFilter) {
  const auto plan = MakePlan(Witnessed(), test::SettingsOfTest(), test::Facts());
  ASSERT_TRUE(plan);
  const std::string json = plan->ToJson(), text = plan->ToText();
  EXPECT_NE(json.find(R"("telemetry":{"agentVersion":"1.0.0","bytesPerSecond":)"), std::string::npos);
  EXPECT_NE(json.find(R"("declared":["process.spawned","capability.denied"])"), std::string::npos);
  EXPECT_NE(json.find(R"("onAgentFailure":"degrade","processDetail":"starts","sources":["process.spawned","capability.denied"]})"),
            std::string::npos)
      << json;
  EXPECT_NE(text.find("is told of "), std::string::npos);
  EXPECT_NE(text.find("clone of a thread"), std::string::npos);
  EXPECT_EQ(MakePlan(test::Document(), test::SettingsOfTest(), test::Facts())->ToText().find("witness"), std::string::npos);
}

}  // namespace
}  // namespace plan
