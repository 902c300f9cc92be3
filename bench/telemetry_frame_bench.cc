// SPDX-License-Identifier: Apache-2.0
// Telemetry frames per second and core: cut from a stream and decoded as the host does, by the strict decoder, encoded.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "wire/telemetry_frame.h"
#include "wire/telemetry_frame_strict.h"

namespace {

constexpr std::size_t kFrames = 512;  // about 60 KiB: what one read of a socket gives

wire::TelemetryFrame Sample(std::size_t i) {
  static constexpr std::string_view kComms[] = {"sh", "cellos-telemetry", "", "python3", "ld-linux-x86-64", "caf\xc3\xa9"};
  wire::TelemetryFrame frame;
  frame.source = static_cast<wire::ProbeSource>(i % wire::kPublishedProbeSources);
  frame.guest_pid = static_cast<std::uint32_t>(i * 977 % 70000);
  frame.guest_monotonic_ns = 99887766554433 + i * 1000;
  const std::string_view comm = kComms[i % std::size(kComms)];
  wire::SanitizeComm(comm.data(), comm.size(), &frame);
  return frame;
}

std::vector<std::uint8_t> Stream() {
  std::vector<std::uint8_t> stream;
  for (std::size_t i = 0; i < kFrames; ++i) {
    std::uint8_t frame[wire::kMaxEmittedFrame];
    const std::size_t size = wire::EncodeTelemetryFrame(Sample(i), frame, sizeof frame);
    stream.insert(stream.end(), frame, frame + size);
  }
  return stream;
}

// `range(0)`: bytes a read gives; 0 = all.
void CutAndDecodeOnHost(benchmark::State& state) {
  const auto stream = Stream();
  const std::size_t piece = state.range(0) == 0 ? stream.size() : static_cast<std::size_t>(state.range(0));
  wire::FrameReader reader;
  wire::TelemetryFrame frame;
  std::int64_t frames = 0;
  for (auto _ : state) {
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      const std::uint8_t* given = stream.data() + at;
      std::size_t left = std::min(piece, stream.size() - at);
      for (;;) {
        const auto step = reader.Next(&given, &left);
        if (step.kind != wire::FrameReader::Kind::kFrame) break;
        if (wire::DecodeHostFrame(step.body, step.length, true, &frame) == wire::HostFrameFault::kNone) ++frames;
        benchmark::DoNotOptimize(frame);
      }
    }
  }
  if (frames != static_cast<std::int64_t>(state.iterations() * kFrames)) state.SkipWithError("a frame is refused");
  state.SetItemsProcessed(frames);
}
BENCHMARK(CutAndDecodeOnHost)->Arg(0)->Arg(4096);

void DecodeStrict(benchmark::State& state) {
  const auto stream = Stream();
  wire::StrictFrame frame;
  std::int64_t frames = 0;
  for (auto _ : state) {
    for (std::size_t at = 0; at < stream.size();) {
      const auto error = wire::DecodeStrictFrame({stream.data() + at, stream.size() - at}, &frame);
      if (error.fault != wire::StrictFault::kNone) return state.SkipWithError("a frame is refused");
      benchmark::DoNotOptimize(frame);
      at += wire::kFrameHeader + error.declared;
      ++frames;
    }
  }
  state.SetItemsProcessed(frames);
}
BENCHMARK(DecodeStrict);

void Encode(benchmark::State& state) {
  std::vector<wire::TelemetryFrame> samples;
  for (std::size_t i = 0; i < kFrames; ++i) samples.push_back(Sample(i));
  std::uint8_t out[wire::kMaxEmittedFrame];
  for (auto _ : state) {
    for (const wire::TelemetryFrame& frame : samples) {
      benchmark::DoNotOptimize(wire::EncodeTelemetryFrame(frame, out, sizeof out));
      benchmark::ClobberMemory();
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kFrames));
}
BENCHMARK(Encode);

}  // namespace
