// SPDX-License-Identifier: Apache-2.0
// What evidence costs: events of 600 bytes serialised, hashed into the tree, written, and signed for every 256.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "event/json_object.h"
#include "event/run_log.h"
#include "event/types.h"

namespace {

// Bytes of one line, LF included, that the promise speaks of.
constexpr std::size_t kLineBytes = 600;

// A directory on tmpfs, so that the cost of the disk stays apart; CELLOS_BENCH_DIR names another.
class BenchDirectory {
 public:
  BenchDirectory() {
    const char* parent = std::getenv("CELLOS_BENCH_DIR");
    path_ = std::string(parent != nullptr ? parent : "/dev/shm") + "/evidence_bench.XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) std::abort();
    fd_ = base::UniqueFd(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~BenchDirectory() { std::filesystem::remove_all(path_); }
  int fd() const { return fd_.get(); }
  std::size_t LogBytes() const { return std::filesystem::file_size(path_ + "/events.jsonl"); }

 private:
  std::string path_;
  base::UniqueFd fd_;
};

event::RunLog MakeLog(const BenchDirectory& directory) {
  auto log = event::RunLog::Create(directory.fd(), std::move(*crypto::SigningKey::Generate()),
                                   {.origin = "bench.example/runs/r1", .clock = &base::SystemClock()});
  if (!log) std::abort();
  if (!log->Append({.type = event::kLogOpened, .source = event::kSourceSupervisor, .data = "{}"})) std::abort();
  return std::move(*log);
}

// A flow decision as the gate's records become one, with a line of kLineBytes.
event::Draft MakeFlow(std::uint64_t number, const std::string& padding) {
  event::Object data;
  data.Add("byteCount", number).Add("cellId", "bench").Add("decision", "allow");
  data.Add("direction", "egress");
  data.Add("dstAddr", "192.0.2.235").Add("dstPort", 443u).Add("pad", padding).Add("protocol", "tcp");
  data.Add("reasonCode", "gate_grant_match").Add("runId", "r1");
  return {.type = event::kNetworkFlowDecision,
          .source = event::kSourceSupervisor,
          .observer = event::Observer::kGateFlow,
          .data = data.Take()};
}

std::string PaddingFor(std::size_t line_bytes) {
  const BenchDirectory directory;
  event::RunLog log = MakeLog(directory);
  static_cast<void>(log.Flush());
  const std::size_t before = directory.LogBytes();
  static_cast<void>(log.Append(MakeFlow(100000, "")));
  static_cast<void>(log.Flush());
  return std::string(line_bytes - (directory.LogBytes() - before), 'p');
}

void Run(benchmark::State& state, bool build_each) {
  const std::string padding = PaddingFor(kLineBytes);
  // A new log every so often, so that the file system holds no more than its bytes.
  constexpr std::uint64_t kEventsPerLog = 200000;
  std::uint64_t number = 100000;
  while (state.KeepRunningBatch(kEventsPerLog)) {
    state.PauseTiming();
    const BenchDirectory directory;
    event::RunLog log = MakeLog(directory);
    const event::Draft draft = MakeFlow(number, padding);
    state.ResumeTiming();
    for (std::uint64_t i = 0; i < kEventsPerLog; ++i) {
      if (!log.Append(build_each ? MakeFlow(number, padding) : draft)) std::abort();
    }
    if (!log.Checkpoint()) std::abort();
    state.PauseTiming();
    static_cast<void>(log.Close());
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kLineBytes));
}

void BM_AppendWithCheckpoints(benchmark::State& state) { Run(state, false); }
BENCHMARK(BM_AppendWithCheckpoints)->Unit(benchmark::kNanosecond);
void BM_BuildAndAppendWithCheckpoints(benchmark::State& state) { Run(state, true); }
BENCHMARK(BM_BuildAndAppendWithCheckpoints)->Unit(benchmark::kNanosecond);

// What a run pays once: files, reserve, key, the note before the barrier, closing.
void BM_OpenAndCloseLog(benchmark::State& state) {
  for (auto unused : state) {
    state.PauseTiming();
    const BenchDirectory directory;
    state.ResumeTiming();
    event::RunLog log = MakeLog(directory);
    if (!log.Checkpoint() || !log.Close()) std::abort();
    state.PauseTiming();
    state.ResumeTiming();
  }
}
BENCHMARK(BM_OpenAndCloseLog)->Unit(benchmark::kMicrosecond);

}  // namespace
