// SPDX-License-Identifier: Apache-2.0
// Row TM-07 of the threats: an address that another thread writes while the kernel reads it.
#include <unistd.h>

#include <filesystem>

#include "net_harness.h"
#include "witness_harness.h"

namespace attacks {
namespace {

class Rewritten : public NetTest {};

TEST_P(Rewritten, TM07_TheGateDecidesByWhatArrivedAndTheClaimHasNoAddress) {
  World().Forget();
  Net net = {.rules = {Rule(At(80), 5432, "tcp")},
             .spec = R"("telemetry":{"channel":"vsock-cbor","agentVersion":"1.0.0",)"
                     R"("events":["process.spawned","process.exited","net.connect_attempted"]})"};
  const std::string id = "rewrite" + std::to_string(::getpid());
  std::string document = TrialDocument(net, id, {});
  const auto from = document.find("\"argv\":["), to = document.find(']', from);
  std::string argv;
  for (const std::string& word : ProbeCommand({"rewrite", At(80), At(81), "5432", "500"}))
    argv += (argv.empty() ? "\"" : ",\"") + word + "\"";
  document.replace(from, to - from, "\"argv\":[" + argv);
  Started started = Start({}, {.options = {"--spec", "-"}, .input = document});
  started.id = id;
  const Trial trial = FinishTrial(started);
  ASSERT_EQ(trial.run.out, "attempts 500\n") << trial.run.err;
  EXPECT_EQ(trial.run.Reason(), "completed");
  const Told told(trial.run);
  EXPECT_LE(told.connects, 500u);
  EXPECT_GE(told.connects + told.lost(), 500u) << trial.run.json;
  constexpr char kFlow[] = "observability.v1.network_flow_decision";
  const std::string granted = "\"dstAddr\":\"" + At(80) + "\"", other = "\"dstAddr\":\"" + At(81) + "\"";
  EXPECT_GT(trial.Sum(kFlow, {granted, "\"decision\":\"allow\""}), 0u);
  EXPECT_GT(trial.Sum(kFlow, {other, "\"decision\":\"deny\""}), 0u) << "the other address did win at times";
  EXPECT_EQ(trial.Sum(kFlow, {other, "\"decision\":\"allow\""}), 0u);
  EXPECT_TRUE(NothingOut(trial, At(81)));
  EXPECT_EQ(Count(trial.run, "guest.net_connect_attempted", {At(80)}), 0u);
  EXPECT_EQ(Count(trial.run, "guest.net_connect_attempted", {At(81)}), 0u);
}

// An address of four bytes is written at once: what the kernel reads is one of the two.
INSTANTIATE_TEST_SUITE_P(As, Rewritten, testing::Combine(testing::ValuesIn(Everybody()), testing::Values(Family::k4)),
                         NameOfNetParam);

}  // namespace
}  // namespace attacks
