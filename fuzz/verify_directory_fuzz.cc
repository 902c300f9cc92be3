// SPDX-License-Identifier: Apache-2.0
// A whole run: the input lists files (kind, length, content), which become a bundle that verify judges.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "evidence/show.h"
#include "evidence/verify/verify.h"
#include "json/reader.h"
#include "sys/file.h"

namespace {

constexpr std::size_t kBlock = 512;
constexpr const char* kNames[] = {"events.jsonl", "checkpoints", "seal.json",     "document.json",
                                  "plan.json",    "frames",      "exports/junit", "seal.tlog-proof"};

void Require(bool promise) {
  if (!promise) std::abort();
}

std::string UstarHeader(const std::string& name, std::size_t size) {
  std::string block(kBlock, '\0');
  name.copy(block.data(), 100);
  fmt::format("{:07o}", 0600).copy(block.data() + 100, 7);
  fmt::format("{:011o}", size).copy(block.data() + 124, 11);
  block[156] = '0';
  std::memcpy(block.data() + 257,
              "ustar\0"
              "00",
              8);
  std::fill_n(block.begin() + 148, 8, ' ');
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  fmt::format("{:06o}", sum).copy(block.data() + 148, 6);
  block[154] = '\0';
  return block;
}

// Each file: one byte of kind, three bytes of length (little endian), the content.
std::string BundleOf(std::string_view input, const std::string& run) {
  std::string bundle;
  while (input.size() >= 4) {
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(input[i])); };
    const std::size_t size = std::min(byte(1) | byte(2) << 8 | byte(3) << 16, input.size() - 4);
    bundle += UstarHeader(run + "/" + kNames[byte(0) % std::size(kNames)], size);
    bundle += input.substr(4, size);
    bundle.append((kBlock - size % kBlock) % kBlock, '\0');
    input.remove_prefix(4 + size);
  }
  return bundle.append(2 * kBlock, '\0');
}

void Judge(std::string_view bundle) {
  auto memory = sys::Memfd("bundle");
  if (!memory || !sys::WriteAll(memory->get(), bundle)) return;
  const std::string path = fmt::format("/proc/self/fd/{}", memory->get());
  const evidence::Report report = evidence::VerifyRun(path, {});
  Require(report.verdict == evidence::Verdict::kUsage || report.verdict == evidence::Verdict::kInvalid ||
          report.verdict == evidence::Verdict::kUnanchored);
  const auto parsed = json::Parse(report.ToJson());
  Require(parsed.has_value());
  static_cast<void>(evidence::ShowRun(path, report, {}, [](std::string_view text) { Require(base::IsUtf8(text)); }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = base::AsText({data, size});
  Judge(input);
  Judge(BundleOf(input, "run-2f61c0a4"));
  return 0;
}
