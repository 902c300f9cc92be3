// SPDX-License-Identifier: Apache-2.0
// Rows that are not tried here, each told as a skip with its reason: the table of not_here.md.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace attacks {
namespace {

struct Row {
  std::string name, reason;
};

// Lines "| KE-14 | reason |".
std::vector<Row> Rows() {
  std::vector<Row> rows;
  std::ifstream table(CELLOS_SOURCE_DIR "/tests/attacks/not_here.md");
  for (std::string line; std::getline(table, line);) {
    const auto end = line.find(" | ", 2);
    const bool row = line.starts_with("| ") && line.size() > 3 && line[2] >= 'A' && line[2] <= 'Z';
    if (!row || end == line.npos || line.size() < end + 5) continue;
    rows.push_back({line.substr(2, end - 2), line.substr(end + 3, line.size() - end - 5)});
  }
  return rows;
}

class NotHere : public testing::TestWithParam<Row> {};

TEST_P(NotHere, Row) { GTEST_SKIP() << GetParam().name << ": " << GetParam().reason; }

INSTANTIATE_TEST_SUITE_P(Of, NotHere, testing::ValuesIn(Rows()), [](const testing::TestParamInfo<Row>& row) {
  std::string name = row.param.name;
  std::erase(name, '-');
  return name;
});

TEST(NotHereTable, IsRead) { EXPECT_GE(Rows().size(), 5u); }

}  // namespace
}  // namespace attacks
