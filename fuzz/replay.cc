// SPDX-License-Identifier: Apache-2.0
// main() of a fuzz target without libFuzzer: every file of a corpus as it is, cut short and with single bits flipped.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kVariants = 64;  // of each sort and file, evenly spread; the same in every run

// A copy of exactly the right size each time: reading one byte too far is then seen by AddressSanitizer.
void Feed(const std::vector<std::uint8_t>& input, std::size_t size) {
  const std::vector<std::uint8_t> exact(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size));
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::size_t Replay(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::uint8_t> input{std::istreambuf_iterator<char>(file), {}};
  Feed(input, input.size());
  if (input.empty() || input.size() > (256u << 10)) return 1;
  const std::size_t step = std::max<std::size_t>(1, input.size() / kVariants);
  std::size_t count = 1;
  for (std::size_t at = 0; at < input.size(); at += step, count += 2) {
    Feed(input, at);
    const auto bit = static_cast<std::uint8_t>(1u << (at % 8));
    input[at] ^= bit;
    Feed(input, input.size());
    input[at] ^= bit;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s CORPUS-DIRECTORY|FILE…\n", argv[0]);
    return 2;
  }
  std::size_t files = 0, inputs = 0;
  try {
    for (int i = 1; i < argc; ++i) {
      const std::filesystem::path path = argv[i];
      if (!std::filesystem::is_directory(path)) {
        inputs += Replay(path);
        ++files;
        continue;
      }
      for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        if (!entry.is_regular_file()) continue;
        inputs += Replay(entry.path());
        ++files;
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
  std::printf("%zu inputs from %zu files\n", inputs, files);
  return files == 0 ? 1 : 0;  // a corpus that is not there is a failure
}
