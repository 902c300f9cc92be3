// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "json/canonical.h"
#include "json/reader.h"
#include "probe/cgroup_probe.h"
#include "probe/flat_keys.h"

namespace probe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(FlatKeys, TakesWhatTheKernelWrites) {
  EXPECT_THAT(*ParseFlatKeys("low 0\nmax 12\noom_kill 1"),
              ElementsAre(Pair("low", 0u), Pair("max", 12u), Pair("oom_kill", 1u)));
  EXPECT_THAT(*ParseFlatKeys("\n  a\t+1 ignored words\n\nmax 18446744073709551615\na 2\r\n"),
              ElementsAre(Pair("a", 2u), Pair("max", 18446744073709551615u)));
  EXPECT_TRUE(ParseFlatKeys("")->empty());
}

TEST(FlatKeys, RefusesEverythingElseWithItsLine) {
  for (const char* text : {"a 1\nb", "a 1\nb -1", "a 1\nb 0x1", "a 1\nb 18446744073709551616", "a 1\nb 1.0",
                           "a 1\nb ++1", "a 1\nb +", "a 1\n\xff 1"}) {
    const auto keys = ParseFlatKeys(text);
    ASSERT_FALSE(keys.has_value()) << text;
    EXPECT_THAT(keys.error().message, HasSubstr("flat-kv line 2")) << text;
  }
  EXPECT_FALSE(ParseFlatKeys(std::string(kMaxFlatKeysBytes + 1, ' ')).has_value());
}

class CgroupProbeTest : public testing::Test {
 protected:
  CgroupProbeTest() {
    char name[] = "/tmp/cgroup_probe_test.XXXXXX";
    leaf_ = mkdtemp(name);
    clock_.wall = base::WallTime(std::chrono::milliseconds(1767323045678));
    target_ = {.leaf = leaf_, .spec_signature_hash = "sha256:00"};
  }
  ~CgroupProbeTest() override { std::filesystem::remove_all(leaf_); }
  void Write(const std::string& name, const std::string& text) { std::ofstream(leaf_ / name) << text; }

  std::filesystem::path leaf_;
  base::FakeClock clock_;
  CgroupTarget target_;
  const event::CellRef cell_{.cell_id = "c1", .spec_id = "s1", .run_id = "r1"};
};

TEST_F(CgroupProbeTest, SaysWhatTheThreeFilesSay) {
  Write("memory.events", "low 0\noom_kill 1\n");
  Write("cpu.stat", "usage_usec 12345\n");
  Write("pids.events", "max 0\n");
  CgroupProbe probe(cell_, target_);
  const event::Draft draft = probe.Sample(clock_);
  EXPECT_EQ(draft.type, "dev.cellos.events.cell.observability.host.v1.cgroup");
  EXPECT_EQ(draft.source, "cellos-host-telemetry/probes");
  EXPECT_EQ(draft.observer, event::Observer::kHostCgroup);
  EXPECT_EQ(draft.id_form, event::IdForm::kEventUrn);
  EXPECT_EQ(draft.time, clock_.wall);
  EXPECT_EQ(draft.data,
            R"({"cellId":"c1","hostReceivedAt":"2026-01-02T03:04:05.678Z","inputs":{"cgroupLeaf":")" + leaf_.string() +
                R"(","files":["memory.events","cpu.stat","pids.events"],"hierarchy":"v2"},"output":{"cpu_stat":{)"
                R"("usage_usec":12345},"memory_events":{"low":0,"oom_kill":1},"pids_events":{"max":0}},)"
                R"("probeSource":"host.cgroup","runId":"r1","specSignatureHash":"sha256:00"})");
  EXPECT_TRUE(json::IsCanonicalJcs(draft.data));
}

TEST_F(CgroupProbeTest, ReportsWhatItReadAndNamesWhatItCouldNot) {
  Write("memory.events", "low many\n");
  Write("cpu.stat", "usage_usec 5\n");
  const auto tree = json::Parse(SampleCgroup(cell_, target_, clock_).data);
  ASSERT_TRUE(tree.has_value());
  EXPECT_EQ(json::Sorted(*tree->root().Find("output")), R"({"cpu_stat":{"usage_usec":5}})");
  EXPECT_EQ(json::Sorted(*tree->root().Find("inputs")->Find("files")), R"(["cpu.stat"])");
  const auto error = tree->root().StringOr("sampleError", "");
  EXPECT_THAT(error, HasSubstr("memory.events: flat-kv line 1"));
  EXPECT_THAT(error, HasSubstr("pids.events: "));
}

TEST_F(CgroupProbeTest, VanishedLeafIsAnEventAndNotSilence) {
  target_.leaf = leaf_ / "gone";
  const auto tree = json::Parse(SampleCgroup(cell_, target_, clock_).data);
  EXPECT_EQ(json::Sorted(*tree->root().Find("output")), "{}");
  EXPECT_NE(tree->root().StringOr("sampleError", ""), "");
}

TEST_F(CgroupProbeTest, ReadsTheControllersOfV1ThatThereAre) {
  Write("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  Write("cpuacct.usage", "987654321\n");
  target_.hierarchy = base::CgroupHierarchy::kV1;
  target_.v1_directories = {{"memory", leaf_}, {"cpuacct", leaf_}};
  const auto tree = json::Parse(SampleCgroup(cell_, target_, clock_).data);
  EXPECT_EQ(json::Sorted(*tree->root().Find("output")),
            R"({"cpuacct_usage":{"usage":987654321},"memory_oom_control":{"oom_kill":2,"oom_kill_disable":0,)"
            R"("under_oom":0}})");
  EXPECT_EQ(tree->root().Find("inputs")->StringOr("hierarchy", ""), "v1");
  EXPECT_EQ(tree->root().Find("sampleError"), nullptr);
}

}  // namespace
}  // namespace probe
