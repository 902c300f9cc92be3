// SPDX-License-Identifier: Apache-2.0
// Help texts, written from the option table.
#include <algorithm>
#include <string>

#include "cli/options.h"

namespace cli {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kTextColumn = 26;

// `text` broken at spaces into lines that start at kTextColumn, after `head`.
void AppendEntry(std::string& out, std::string head, std::string_view text) {
  head.insert(0, "  ");
  if (head.size() + 2 > kTextColumn) {
    out.append(head).append("\n");
    head.clear();
  }
  std::string line = std::move(head);
  while (!text.empty()) {
    line.resize(kTextColumn, ' ');
    const std::size_t room = kWidth - kTextColumn;
    std::size_t cut = text.size();
    if (cut > room) {
      const auto space = text.rfind(' ', room);
      cut = space == text.npos ? text.find(' ') : space;
      cut = std::min(cut, text.size());
    }
    out.append(line).append(text.substr(0, cut)).append("\n");
    text.remove_prefix(std::min(cut + 1, text.size()));
    line.clear();
  }
}

std::string HeadOf(const OptionRow& row) {
  std::string head(row.name);
  if (!row.value.empty()) head.append(" ").append(row.value);
  return head;
}

std::string_view Epilogue(Command command) {
  switch (command) {
    case Command::kRun:
      return "\nEverything after the first -- is the workload's, untouched. What is not granted is not there: no network,\n"
             "no file of this machine but /usr read-only and what --ro and --rw name, no variable but those of --env.\n\n"
             "The exit status is the workload's own; 124 time over, 125 the cell could not be started, 126 refused,\n"
             "127 no such command, 128+n killed by signal n, 137 ended by a limit or by cellos stop, 2 usage.\n\n"
             "  cellos run --rw . -- make check\n"
             "  cellos run --memory 512M --timeout 5m --export junit.xml=/workspace/junit.xml -- ./ci.sh\n";
    case Command::kVerify:
      return "\nA run of this machine is checked against this machine's own key; a directory or bundle needs --key.\n"
             "Exit status: 0 verified, 1 invalid, 2 usage, 3 verified but incomplete, 4 contradiction, 5 unanchored.\n";
    default:
      return "";
  }
}

}  // namespace

std::string ProgramHelp() {
  std::string out =
      "cellos runs a command that you do not trust in a cell: it gets what its document grants and nothing else,\n"
      "and leaves signed evidence of what it did.\n\n"
      "usage: cellos COMMAND [options]\n\ncommands:\n";
  for (int i = 0; i < kCommandCount; ++i) {
    const auto& row = RowOf(static_cast<Command>(i));
    AppendEntry(out, std::string(row.name), row.text);
  }
  out += "\n  cellos run -- /usr/bin/id            a first cell\n"
         "  cellos COMMAND --help                the options of a command\n";
  return out;
}

std::string CommandHelp(Command command) {
  const auto& row = RowOf(command);
  std::string out("usage: cellos ");
  out.append(row.name);
  if (!row.arguments.empty()) out.append(" ").append(row.arguments);
  out.append("\n\n").append(row.text).append("\n");
  std::string_view group;
  for (const auto& option : OptionTable()) {
    if ((option.commands >> static_cast<unsigned>(command) & 1) == 0) continue;
    if (option.group != group) {
      group = option.group;
      out.append("\n").append(group).append(":\n");
    }
    AppendEntry(out, HeadOf(option), option.text);
  }
  return out.append(Epilogue(command));
}

}  // namespace cli
