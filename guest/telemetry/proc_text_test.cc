// SPDX-License-Identifier: Apache-2.0
#include "proc_text.h"

#include <gtest/gtest.h>

#include <string>

namespace guest {
namespace {

const std::string kAfterName =
    " S 3 40 41 0 -1 1077936192 11 0 0 0 0 0 0 0 20 0 7 0 123456 1000 200 18446744073709551615 93824 93999 140720 0 0 0 "
    "0 0 0 0 0 0 17 0 0 0 0 0 0 93830 93840 93850 140721 140722 140723 140724 2304\n";

bool Parse(const std::string& text, ProcessStat* stat) { return ParseStat(text.data(), text.size(), stat); }

TEST(ProcText, AStatTextIsRead) {
  ProcessStat stat;
  ASSERT_TRUE(Parse("42 (make)" + kAfterName, &stat));
  EXPECT_EQ(std::string(stat.comm.bytes, stat.comm.size), "make");
  EXPECT_EQ(stat.state, 'S');
  EXPECT_EQ(stat.parent, 3u);
  EXPECT_EQ(stat.group, 40u);
  EXPECT_EQ(stat.session, 41u);
  EXPECT_EQ(stat.flags & kForkedNotExecuted, 1077936192u & kForkedNotExecuted);
  EXPECT_EQ(stat.threads, 7u);
  EXPECT_EQ(stat.start, 123456u);
  EXPECT_NE(stat.image, 0u);
  EXPECT_EQ(stat.exit_code, 2304u);
}

TEST(ProcText, ANameCannotPassForAFieldBehindIt) {
  for (const std::string name : {") Z 9 9 9 (x", "a) S 1", "((((", "))))", "x\ny", "\n) Z 1 (", " ", ""}) {
    ProcessStat stat;
    ASSERT_TRUE(Parse("42 (" + name + ")" + kAfterName, &stat)) << name;
    EXPECT_EQ(std::string(stat.comm.bytes, stat.comm.size), name);
    EXPECT_EQ(stat.parent, 3u) << name;
    EXPECT_EQ(stat.start, 123456u) << name;
  }
}

TEST(ProcText, TheImageChangesWithAnyAddressAndIsNoneWhenHidden) {
  ProcessStat one, other, hidden;
  ASSERT_TRUE(Parse("42 (a)" + kAfterName, &one));
  std::string text = "42 (a)" + kAfterName;
  text.replace(text.find("140722"), 6, "140729");
  ASSERT_TRUE(Parse(text, &other));
  EXPECT_NE(one.image, other.image);
  ASSERT_TRUE(Parse("42 (a) S 3 40 41 0 -1 64 11 0 0 0 0 0 0 0 20 0 1 0 123456 1000 200 18446744073709551615 1 1 0 0 "
                    "0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", &hidden));
  EXPECT_EQ(hidden.image, 0u);
}

TEST(ProcText, EveryCutIsRefusedOrStaysWithin) {
  const std::string text = "42 (make)" + kAfterName;
  for (std::size_t size = 0; size < text.size(); ++size) {
    ProcessStat stat;
    const std::string cut = text.substr(0, size);
    EXPECT_TRUE(!Parse(cut, &stat) || size > text.find("123456")) << size;
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char c : {'(', ')', ' ', '-', '\n', 'x', '\0'}) {
      std::string bad = text;
      bad[at] = c;
      ProcessStat stat;
      Parse(bad, &stat);
      EXPECT_LE(stat.comm.size, sizeof stat.comm.bytes);
    }
  }
}

TEST(ProcText, TheCursorIsTheLastNumber) {
  const auto cursor = [](const std::string& text) { return ParseCursor(text.data(), text.size()); };
  EXPECT_EQ(cursor("0.20 0.18 0.12 1/80 11206\n"), 11206u);
  EXPECT_EQ(cursor("0.20 0.18 0.12 1/80 7"), 7u);
  EXPECT_EQ(cursor(""), 0u);
  EXPECT_EQ(cursor("no number\n"), 0u);
  EXPECT_EQ(cursor("99999999999\n"), 0u);
}

TEST(ProcText, TheThreadGroupIsFound) {
  const auto group = [](const std::string& text) { return ParseThreadGroup(text.data(), text.size()); };
  EXPECT_EQ(group("Name:\tx\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t815\nNgid:\t0\n"), 815u);
  EXPECT_EQ(group("Name:\tTgid:\nTgid:\t9"), 9u);
  EXPECT_EQ(group("Name:\tx\nTgid:\t"), 0u);
  EXPECT_EQ(group(""), 0u);
}

TEST(ProcText, TheCountOfForksIsFoundHoweverTheTextIsCut) {
  const std::string text =
      "cpu  1 2 3\nintr 99 processes 5\nprocesse 4\nxprocesses 3\nprocesses 7001\nprocs_running 2\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    ForkCount forks;
    forks.Feed(text.data(), cut);
    forks.Feed(text.data() + cut, text.size() - cut);
    ASSERT_TRUE(forks.found());
    EXPECT_EQ(forks.value(), 7001u) << cut;
  }
  ForkCount none;
  none.Feed("cpu 1\n", 6);
  EXPECT_FALSE(none.found());
}

}  // namespace
}  // namespace guest
