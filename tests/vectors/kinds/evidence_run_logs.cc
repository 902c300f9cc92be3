// SPDX-License-Identifier: Apache-2.0
// Vectors of whole runs: each record mutates a recorded run directory, and `verify` must judge it right.
#include <cstdlib>
#include <filesystem>

#include "evidence/verify/verify.h"
#include "evidence_keys.h"
#include "evidence_mutation.h"
#include "json/reader.h"
#include "vectors/kinds.h"

namespace vectors {
namespace {

namespace fs = std::filesystem;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (fs::temp_directory_path() / "cellos-vector-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

Outcome JudgeMutation(const json::Value& record, const Source& source) {
  const fs::path runs = source.file.parent_path();
  RunImage run = LoadRun(runs / std::string(TextAt(record, {"run"}).value_or("")));
  if (run.files.empty()) return Failed("the recorded run is not there");
  const json::Value* operations = record.Find("ops");
  if (operations == nullptr || !operations->is_array()) return Failed("the record has no operations");
  for (const json::Value& operation : operations->array()) {
    if (const auto error = ApplyOperation(operation, runs, run)) return Failed("the mutation can't be made: " + *error);
  }
  const auto keys = TrustedKeysOf(record, runs / "keys.json");
  if (!keys.usable) return CompareVerdict(record, "", 2, "a key can't be read");
  const TemporaryDirectory directory;
  if (directory.path().empty()) return Failed("no temporary directory could be made");
  WriteRun(run, directory.path());
  const evidence::Report report = evidence::VerifyRun((directory.path() / run.name).string(), keys.keys);
  return CompareVerdict(record, evidence::ToString(report.verdict), evidence::ExitStatus(report.verdict), report.fault);
}

Outcome JudgeRunDirectory(const fs::path& directory) {
  const evidence::Report report = evidence::VerifyRun(directory.string(), {});
  if (report.verdict == evidence::Verdict::kUsage || report.verdict == evidence::Verdict::kInvalid)
    return Failed(report.fault);
  return Passed();
}

}  // namespace vectors
