// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::expected<Options, UsageError> Parse(std::vector<const char*> words) { return ParseCommandLine(words); }

TEST(CommandLine, LeavesEverythingBehindTheDashesUntouched) {
  const auto options = Parse({"run", "--id", "x", "--", "cmd", "--backend", "y", "--", "[a,b]", "", "--help"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->id, "x");
  EXPECT_FALSE(options->backend);
  EXPECT_FALSE(options->help);
  EXPECT_THAT(options->argv, ElementsAre("cmd", "--backend", "y", "--", "[a,b]", "", "--help"));
}

TEST(CommandLine, TakesValuesAsTheyAre) {
  for (const std::string value : {"[.a,.b]", "a b", "\"q\"", "'", "%x", "a,b", "-", "K=V=W", "/x/y", "{}", "@f", "\\"}) {
    for (const auto& words : {std::vector<std::string>{"run", "--env", value, "--id", value},
                              std::vector<std::string>{"run", "--env=" + value, "--id=" + value}}) {
      std::vector<const char*> pointers;
      for (const auto& word : words) pointers.push_back(word.c_str());
      const auto options = ParseCommandLine(pointers);
      ASSERT_TRUE(options) << value << ": " << options.error().message;
      EXPECT_THAT(options->env, ElementsAre(value));
      EXPECT_EQ(options->id, value);
    }
  }
}

TEST(CommandLine, ListOptionsTakeOneValueEach) {
  const auto options = Parse({"run", "--env", "A=1", "--ro", "/a", "--env", "B=2", "--rw", "/b:/c", "--", "x"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_THAT(options->env, ElementsAre("A=1", "B=2"));
  EXPECT_THAT(options->read_only, ElementsAre("/a"));
  EXPECT_THAT(options->read_write, ElementsAre("/b:/c"));
  EXPECT_FALSE(Parse({"run", "--env", "A=1", "B=2", "--", "x"}));
}

TEST(CommandLine, AcceptsEveryOptionOfTheTableForItsCommands) {
  for (const auto& row : OptionTable()) {
    for (int i = 0; i < kCommandCount; ++i) {
      const auto& command = RowOf(static_cast<Command>(i));
      std::vector<std::string> words{std::string(command.name), std::string(row.name)};
      if (!row.value.empty()) words.push_back("value");
      for (std::size_t n = 0; n < command.min_positional; ++n) words.push_back("argument");
      std::vector<const char*> pointers;
      for (const auto& word : words) pointers.push_back(word.c_str());
      bool taken = false;
      for (const auto& other : OptionTable()) taken = taken || (other.name == row.name && (other.commands >> i & 1) != 0);
      EXPECT_EQ(ParseCommandLine(pointers).has_value(), taken) << command.name << " " << row.name;
    }
  }
}

TEST(CommandLine, SaysWhatIsWrongAndWhereToLook) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{}, "needs a command"},
      {{"fly"}, "no command \"fly\""},
      {{"run", "--bogus"}, "no option \"--bogus\""},
      {{"run", "--bogus=1", "--", "x"}, "no option \"--bogus\""},
      {{"run", "-x"}, "no option \"-x\""},
      {{"run", "make"}, "can't use \"make\"; the workload's command stands after --"},
      {{"run", "--json=yes"}, "takes no value"},
      {{"run", "--id"}, "--id"},
      {{"run", "--id", "a", "--id", "b"}, "--id"},
      {{"verify"}, "needs RUN|DIR|BUNDLE"},
      {{"verify", "a", "b"}, "can't use \"b\""},
      {{"ls", "--", "x"}, "no place here"},
      {{"run", "\x1b[2J"}, "\\x1b"},
  };
  for (const auto& [words, text] : cases) {
    const auto options = ParseCommandLine(words);
    ASSERT_FALSE(options) << text;
    EXPECT_THAT(options.error().message, HasSubstr(text));
    EXPECT_THAT(options.error().message, HasSubstr("--help"));
    EXPECT_EQ(options.error().message.find('\x1b'), std::string::npos);
  }
}

TEST(CommandLine, HelpAndVersionComeBeforeAnythingElse) {
  EXPECT_EQ(Parse({"--version"})->command, Command::kVersion);
  EXPECT_EQ(Parse({"--help"})->command, Command::kHelp);
  EXPECT_TRUE(Parse({"verify", "--help"})->help);
  EXPECT_TRUE(Parse({"run", "-h"})->help);
}

TEST(Help, NamesEveryCommandAndOption) {
  const auto program = ProgramHelp();
  for (int i = 0; i < kCommandCount; ++i) EXPECT_THAT(program, HasSubstr(std::string(RowOf(static_cast<Command>(i)).name)));
  for (const auto& row : OptionTable()) {
    for (int i = 0; i < kCommandCount; ++i) {
      if ((row.commands >> i & 1) != 0) {
        EXPECT_THAT(CommandHelp(static_cast<Command>(i)), HasSubstr("  " + std::string(row.name)));
      }
    }
  }
}

TEST(Help, FitsIntoAHundredColumns) {
  for (int i = 0; i < kCommandCount; ++i) {
    const auto help = CommandHelp(static_cast<Command>(i));
    std::size_t begin = 0;
    for (auto end = help.find('\n'); end != help.npos; end = help.find('\n', begin)) {
      EXPECT_LE(end - begin, 112u) << help.substr(begin, end - begin);
      begin = end + 1;
    }
  }
}

TEST(OptionTable, HasEachOptionOncePerCommand) {
  std::set<std::pair<std::string_view, int>> seen;
  for (const auto& row : OptionTable()) {
    for (int i = 0; i < kCommandCount; ++i) {
      if ((row.commands >> i & 1) != 0) { EXPECT_TRUE(seen.emplace(row.name, i).second) << row.name; }
    }
  }
}

}  // namespace
}  // namespace cli
