// SPDX-License-Identifier: Apache-2.0
// What reading a document costs: the minimal one parsed and validated, and the parts of that.
#include <benchmark/benchmark.h>

#include "json/reader.h"
#include "spec/controls.h"
#include "spec/document.h"

namespace {

constexpr std::string_view kMinimal =
    R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"hello-1","authority":{},"lifetime":{"ttlSeconds":60},)"
    "\n "
    R"("run":{"argv":["/usr/bin/true"],"secretDelivery":"env"}}})";

void ParseAndValidateMinimalDocument(benchmark::State& state) {
  for (auto _ : state) {
    auto document = spec::ParseCellDocument(kMinimal);
    if (!document) state.SkipWithError("the document is refused");
    benchmark::DoNotOptimize(document);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ParseAndValidateMinimalDocument);

void ReadMinimalJson(benchmark::State& state) {
  for (auto _ : state) {
    auto tree = json::Parse(kMinimal);
    benchmark::DoNotOptimize(tree);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ReadMinimalJson);

void HashMinimalDocument(benchmark::State& state) {
  const auto document = spec::ParseCellDocument(kMinimal);
  for (auto _ : state) benchmark::DoNotOptimize(spec::CanonicalSpecHash(document->spec));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(HashMinimalDocument);

void JudgeControlsOfMinimalDocument(benchmark::State& state) {
  const auto document = spec::ParseCellDocument(kMinimal);
  for (auto _ : state) benchmark::DoNotOptimize(spec::JudgeControls(*document));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(JudgeControlsOfMinimalDocument);

}  // namespace
