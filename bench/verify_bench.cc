// SPDX-License-Identifier: Apache-2.0
// What verifying costs: leaf hashes with their tree, the canonical scan, and a whole run of 600-byte events end to end.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "crypto/random.h"
#include "event/json_object.h"
#include "event/merkle.h"
#include "event/run_log.h"
#include "event/types.h"
#include "evidence/opened.h"
#include "evidence/verify/jcs_scan.h"
#include "evidence/verify/verify.h"
#include "spec/document.h"
#include "sys/file.h"

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kEvents = 200'000;
constexpr std::size_t kLineBytes = 600;
constexpr const char* kRunId = "bench-run";
constexpr std::string_view kDocument =
    R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"bench","authority":{},"lifetime":{"ttlSeconds":60}}})";
constexpr std::string_view kPlan = R"({"backend":"native","requiredSources":["supervisor","init","log"]})";

template <class T>
T Must(base::Result<T> result) {
  if (!result) std::abort();
  return *std::move(result);
}

event::Draft MakeFlow(std::uint64_t number, const std::string& padding) {
  event::Object data;
  data.Add("byteCount", number).Add("cellId", "bench").Add("decision", "allow").Add("direction", "egress");
  data.Add("dstAddr", "192.0.2.235").Add("dstPort", 443u).Add("pad", padding).Add("protocol", "tcp");
  data.Add("reasonCode", "gate_grant_match").Add("runId", kRunId);
  return {.type = event::kNetworkFlowDecision,
          .source = event::kSourceSupervisor,
          .observer = event::Observer::kGateFlow,
          .data = data.Take()};
}

// A run without seal on tmpfs, as a supervisor writes it; made once.
class BenchRun {
 public:
  BenchRun() {
    const char* parent = std::getenv("CELLOS_BENCH_DIR");
    root_ = fs::path(parent != nullptr ? parent : "/dev/shm") / ("verify_bench." + crypto::RandomHex(6));
    fs::create_directories(root_ / kRunId);
    std::ofstream(root_ / kRunId / "document.json") << kDocument;
    std::ofstream(root_ / kRunId / "plan.json") << kPlan;
    const evidence::DeploymentKeys keys = Must(evidence::GenerateDeploymentKeys((root_ / "keys").string(), {}));
    trusted_.push_back({.spki = keys.keys[0].spki, .name = {}, .given_as = {}});
    const base::UniqueFd directory = Must(sys::OpenAt(AT_FDCWD, path(), O_RDONLY | O_DIRECTORY));
    event::RunLog log =
        Must(event::RunLog::Create(directory.get(), Must(crypto::SigningKey::Generate()),
                                   {.origin = evidence::OriginOf(keys.name, kRunId), .clock = &base::SystemClock()}));
    const evidence::RunFacts facts{.run_id = kRunId,
                                   .cell_id = "bench",
                                   .spec_digest = spec::CanonicalSpecHash(spec::DecodeCellDocument(kDocument)->spec),
                                   .plan_digest = crypto::PrefixedHex(crypto::Sha256Of(kPlan)),
                                   .software = {.version = "0", .binaries = {}},
                                   .machine = {}};
    Must(log.Append(
        evidence::OpenedEvent(facts, keys, log.run_vkey(), base::SystemClock().Wall(), std::chrono::seconds(60))));
    std::string padding(200, 'x');
    for (std::size_t i = 1; i < kEvents; ++i) Must(log.Append(MakeFlow(i, padding)));
    if (!log.Checkpoint()) std::abort();
    std::ifstream events(root_ / kRunId / "events.jsonl");
    std::getline(events, line_);
    std::getline(events, line_);
  }
  ~BenchRun() { fs::remove_all(root_); }
  std::string path() const { return (root_ / kRunId).string(); }
  const std::vector<evidence::TrustedKey>& trusted() const { return trusted_; }
  // A leaf of the usual size.
  const std::string& line() const { return line_; }

 private:
  fs::path root_;
  std::vector<evidence::TrustedKey> trusted_;
  std::string line_;
};

BenchRun& Run() {
  static BenchRun run;
  return run;
}

void LeafHash(benchmark::State& state) {
  std::string leaf = Run().line();
  leaf.resize(kLineBytes, 'x');
  event::MerkleTree tree;
  for (auto _ : state) tree.Append(leaf);
  benchmark::DoNotOptimize(tree.Root());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(LeafHash);

void CanonicalScan(benchmark::State& state) {
  evidence::JcsScanner scanner;
  for (auto _ : state) {
    if (!scanner.Scan(Run().line())) std::abort();
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(Run().line().size()));
}
BENCHMARK(CanonicalScan);

void WholeRun(benchmark::State& state) {
  for (auto _ : state) {
    const evidence::Report report = evidence::VerifyRun(Run().path(), Run().trusted());
    if (report.verdict != evidence::Verdict::kIncomplete || report.proven != kEvents) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kEvents));
  state.counters["line_bytes"] = static_cast<double>(Run().line().size() + 1);
}
BENCHMARK(WholeRun)->Unit(benchmark::kMillisecond);

}  // namespace
