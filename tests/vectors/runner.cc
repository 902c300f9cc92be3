// SPDX-License-Identifier: Apache-2.0
// Walks a directory of vectors and counts.
#include "vectors/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <vector>

#include "json/reader.h"

namespace vectors {

[[gnu::weak]] Outcome JudgeRunDirectory(const std::filesystem::path& directory);

namespace {

namespace fs = std::filesystem;

// Records wrap whole documents and logs as strings, so the limits are those of a vector file, not of a document.
constexpr json::Limits kRecordLimits{.max_bytes = 256u << 20, .max_depth = 512};

struct Found {
  std::vector<fs::path> files;  // *.jsonl that hold records
  std::vector<fs::path> runs;   // run directories to be judged as they stand
};

bool IsRunDirectory(const fs::path& directory) {
  std::error_code ignored;
  return fs::is_regular_file(directory / "events.jsonl", ignored) &&
         fs::is_regular_file(directory / "checkpoints", ignored);
}

bool HasMutations(const fs::path& directory) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().extension() != ".jsonl") continue;
    const KindRow* row = FindKind(entry.path().stem().string());
    if (row != nullptr && row->stem == "mutations") return true;
  }
  return false;
}

void Collect(const fs::path& directory, Found& found) {
  if (IsRunDirectory(directory)) {
    if (!HasMutations(directory.parent_path())) found.runs.push_back(directory);
    return;  // its events.jsonl is a log, not a file of records
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    if (entry.is_symlink()) continue;
    if (entry.is_directory()) Collect(entry.path(), found);
    if (entry.is_regular_file() && entry.path().extension() == ".jsonl") found.files.push_back(entry.path());
  }
}

class Run {
 public:
  explicit Run(std::FILE* out) : out_(out) {}

  void File(const fs::path& path) {
    const std::string stem = path.stem().string();
    const KindRow* row = FindKind(stem);
    std::ifstream file(path, std::ios::binary);
    if (!file) return Count(Failed("the file could not be opened"), stem, path.string(), "-");
    std::string line;
    Source source{path, 0};
    while (std::getline(file, line)) {
      ++source.line;
      if (line.empty()) continue;
      if (row == nullptr || row->judge == nullptr) {
        Count(Skipped(std::string(row == nullptr ? "unknown kind" : row->absent)), stem, "", "");
        continue;
      }
      Record(*row, line, source);
    }
    if (source.line == 0) Count(Failed("the file holds no record"), stem, path.string(), "-");
  }

  void RunDirectory(const fs::path& path) {
    if (JudgeRunDirectory == nullptr) return Count(Skipped("no judge in this build"), "run directory", "", "");
    Count(JudgeRunDirectory(path), "run directory", path.string(), path.filename().string());
  }

  Tally Take() { return std::move(tally_); }

 private:
  void Record(const KindRow& row, std::string_view line, const Source& source) {
    const std::string place = fmt::format("{}:{}", source.file.string(), source.line);
    const auto tree = json::Parse(line, kRecordLimits);
    if (!tree || !tree->root().is_object()) {
      const std::string why = tree ? "no JSON object" : json::ToError(tree.error(), "record").message;
      return Count(Failed(why), row.stem, place, "-");
    }
    Count(row.judge(tree->root(), source), row.stem, place, tree->root().StringOr("id", "-"));
  }

  void Count(const Outcome& outcome, std::string_view kind, std::string_view place, std::string_view id) {
    switch (outcome.verdict) {
      case Outcome::Verdict::kPassed: ++tally_.passed; break;
      case Outcome::Verdict::kSkipped:
        ++tally_.skipped;
        ++tally_.skips[fmt::format("{}: {}", kind, outcome.detail)];
        break;
      case Outcome::Verdict::kFailed:
        ++tally_.failed;
        fmt::print(out_, "FAILED {} {}: {}\n", place, base::Escape(id), outcome.detail);
        std::fflush(out_);
        break;
    }
  }

  std::FILE* out_;
  Tally tally_;
};

}  // namespace

Tally RunDirectory(const fs::path& directory, std::FILE* out) {
  Found found;
  Collect(fs::canonical(directory), found);
  std::ranges::sort(found.files);
  std::ranges::sort(found.runs);
  Run run(out);
  for (const fs::path& file : found.files) run.File(file);
  for (const fs::path& directory_of_run : found.runs) run.RunDirectory(directory_of_run);
  return run.Take();
}

void PrintTally(const Tally& tally, std::FILE* out) {
  for (const auto& [what, count] : tally.skips) fmt::print(out, "SKIPPED {} x {}\n", count, what);
  fmt::print(out, "{} passed, {} failed, {} skipped\n", tally.passed, tally.failed, tally.skipped);
}

}  // namespace vectors
