// SPDX-License-Identifier: Apache-2.0
// Runs that this program recorded on a real machine, each with its public key beside it: whatever one line says otherwise
// is found.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "evidence/run_fixture.h"
#include "evidence/show.h"
#include "evidence/witness/log_text.h"

namespace evidence {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::vector<fs::path> Recorded() {
  std::vector<fs::path> runs;
  for (const auto& entry : fs::directory_iterator(CELLOS_SOURCE_DIR "/tests/recorded_runs")) {
    if (entry.is_directory()) runs.push_back(entry.path());
  }
  std::ranges::sort(runs);
  return runs;
}

std::vector<std::string> LinesOf(const fs::path& run) {
  std::vector<std::string> lines;
  std::ifstream file(run / "events.jsonl", std::ios::binary);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

class RecordedRun : public ::testing::TestWithParam<fs::path> {
 protected:
  RecordedRun() {
    std::string pattern = (fs::temp_directory_path() / "cellos-recorded-XXXXXX").string();
    top_ = ::mkdtemp(pattern.data());
    run_ = top_ / GetParam().filename();
    fs::copy(GetParam(), run_, fs::copy_options::recursive);
    keys_ = {*LoadTrustedKey(GetParam().string() + ".vkey")};
  }
  ~RecordedRun() override { fs::remove_all(top_); }

  Report VerifyWith(const std::vector<std::string>& lines) const {
    WriteText(run_ / "events.jsonl", Joined(lines));
    return VerifyRun(run_.string(), keys_);
  }

  fs::path top_, run_;
  std::vector<TrustedKey> keys_;
};

const Check& WitnessCheck(const Report& report) {
  static const Check none;
  for (const Check& check : report.checks) {
    if (check.name == "witness") return check;
  }
  return none;
}

TEST_P(RecordedRun, HoldsAndItsLeavesGiveTheFindingsThatItHas) {
  const Report report = VerifyRun(run_.string(), keys_);
  EXPECT_EQ(report.verdict, Verdict::kVerified) << report.ToText();
  EXPECT_EQ(WitnessCheck(report).result, Check::Result::kPassed) << WitnessCheck(report).detail;
  EXPECT_GT(report.agree, 0u);
}

TEST_P(RecordedRun, AnyLineLeftOutIsFound) {
  const std::vector<std::string> whole = LinesOf(GetParam());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto lines = whole;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(VerifyWith(lines).verdict, Verdict::kInvalid) << i;
  }
}

TEST_P(RecordedRun, AnyLineThatSaysAnotherNumberOrWordIsFound) {
  const std::vector<std::string> whole = LinesOf(GetParam());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    // Still canonical, still an event: the last digit of the first number of its data, or of its id.
    auto lines = whole;
    std::string& line = lines[i];
    const std::size_t at = line.find_first_of("123456789", line.find("\"data\":"));
    ASSERT_NE(at, line.npos);
    line[at] = line[at] == '9' ? '8' : static_cast<char>(line[at] + 1);
    EXPECT_EQ(VerifyWith(lines).verdict, Verdict::kInvalid) << i;
  }
}

// Whoever holds the keys can sign a log without a line. What a second witness saw is missed all the same.
TEST_P(RecordedRun, AnyLineThatASecondWitnessSawIsMissedInTheFindings) {
  const std::vector<std::string> whole = LinesOf(GetParam());
  const auto findings = LogText::FindingsOf(whole);
  std::size_t last_table = whole.size(), told_twice = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (whole[i].contains("host.v1.nftables\"}")) last_table = i;
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const std::string_view type = std::string_view(whole[i]).substr(whole[i].rfind("\"type\":"));
    const bool flow = type.contains("v1.network_flow_");
    const bool claim = type.contains("guest.process_") || type.contains("guest.net_connect");
    if (!flow && !claim && i != last_table) continue;
    ++told_twice;
    auto lines = whole;
    lines[i] = "";
    EXPECT_NE(LogText::FindingsOf(lines), findings) << whole[i];
  }
  EXPECT_GT(told_twice, 2u);
}

TEST_P(RecordedRun, ShowListsTheFindingsWithTheLeavesTheyCite) {
  std::string text;
  ASSERT_TRUE(ShowRun(run_.string(), VerifyRun(run_.string(), keys_), {}, [&](std::string_view part) { text += part; }));
  EXPECT_THAT(text, HasSubstr("findings:\n"));
  EXPECT_THAT(text, HasSubstr("process.leader: "));
  EXPECT_THAT(text, HasSubstr("(leaves "));
}

std::string NameOf(const ::testing::TestParamInfo<fs::path>& info) {
  std::string name = info.param.filename().string();
  std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, RecordedRun, ::testing::ValuesIn(Recorded()), NameOf);

}  // namespace
}  // namespace evidence
