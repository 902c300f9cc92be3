// SPDX-License-Identifier: Apache-2.0
// Adapter to CLI11: the only file that knows it. It sees no argument behind "--", and every option takes one value.
#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>

#include "base/encoding.h"

namespace cli {
namespace {

constexpr std::size_t kMaxArguments = 65536;

std::string Quoted(std::string_view text) { return "\"" + base::Escape(text) + "\""; }

std::unexpected<UsageError> Usage(std::string message, std::string_view command = {}) {
  message += "; see cellos ";
  if (!command.empty()) message.append(command).append(" ");
  return std::unexpected(UsageError{message + "--help"});
}

// Gives CLI11 one option of the table.
void Register(CLI::App& app, const OptionRow& row, Options& options) {
  const std::string name(row.name);
  if (const auto* flag = std::get_if<bool Options::*>(&row.target)) {
    app.add_flag(name, options.*(*flag));
  } else if (const auto* text = std::get_if<Options::Text Options::*>(&row.target)) {
    app.add_option_function<std::string>(name, [&options, member = *text](const std::string& value) {
      options.*member = value;
    });
  } else if (const auto* list = std::get_if<Options::List Options::*>(&row.target)) {
    app.add_option(name, options.*(*list))->allow_extra_args(false)->expected(1)->multi_option_policy(
        CLI::MultiOptionPolicy::TakeAll);
  }
}

// CLI11's own words, made safe and useful.
std::string Explain(const CLI::ParseError& error) {
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return base::Escape(text);
}

bool TakesOption(Command command, std::string_view name) {
  return std::any_of(OptionTable().begin(), OptionTable().end(), [&](const OptionRow& row) {
    return row.name == name && (row.commands >> static_cast<unsigned>(command) & 1) != 0;
  });
}

// An option that no table row of this command has: told before CLI11 guesses what it could be.
std::optional<UsageError> FindUnknown(const std::vector<std::string>& words, Command command) {
  bool value_follows = false;
  for (const auto& word : words) {
    if (std::exchange(value_follows, false)) continue;
    if (word.size() < 2 || word[0] != '-') continue;
    const auto name = word.substr(0, word.find('='));
    if (name == "--help" || name == "-h") continue;
    if (!TakesOption(command, name)) {
      return Usage("cellos " + std::string(RowOf(command).name) + " has no option " + Quoted(name),
                   RowOf(command).name).error();
    }
    const auto row = std::find_if(OptionTable().begin(), OptionTable().end(), [&](const OptionRow& r) {
      return r.name == name && (r.commands >> static_cast<unsigned>(command) & 1) != 0;
    });
    value_follows = !row->value.empty() && name.size() == word.size();
    if (row->value.empty() && name.size() != word.size()) {
      return Usage("option " + name + " takes no value, but was given " + Quoted(word), RowOf(command).name).error();
    }
  }
  return std::nullopt;
}

// An option that no word could be needs no place in CLI11's tables, which cost more to build than the words to read.
bool IsAmong(const std::vector<std::string>& words, std::string_view name) {
  return std::any_of(words.begin(), words.end(), [name](std::string_view word) {
    return word.starts_with(name) && (word.size() == name.size() || word[name.size()] == '=');
  });
}

std::expected<void, UsageError> ParseWith(const std::vector<std::string>& words, Options& options) {
  const auto& row = RowOf(options.command);
  if (auto unknown = FindUnknown(words, options.command)) return std::unexpected(std::move(*unknown));
  try {
    CLI::App app;
    app.set_help_flag();
    app.add_flag("-h,--help", options.help);
    for (const auto& option : OptionTable()) {
      const bool taken = (option.commands >> static_cast<unsigned>(options.command) & 1) != 0;
      if (taken && IsAmong(words, option.name)) Register(app, option, options);
    }
    app.allow_extras();  // unknown options were told already: what is left are arguments
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // CLI11 takes them from the back
    options.positional = app.remaining();
  } catch (const CLI::ParseError& error) {
    return Usage(Explain(error), row.name);
  }
  return {};
}

std::expected<void, UsageError> CheckPositional(const Options& options) {
  const auto& row = RowOf(options.command);
  const auto given = options.positional.size();
  if (given > row.max_positional) {
    const auto hint = row.takes_argv ? "; the workload's command stands after --" : "";
    return Usage("cellos " + std::string(row.name) + " can't use " +
                 Quoted(options.positional[row.max_positional]) + hint, row.name);
  }
  if (given < row.min_positional) {
    return Usage("cellos " + std::string(row.name) + " needs " + std::string(row.arguments), row.name);
  }
  return {};
}

}  // namespace

std::expected<Options, UsageError> ParseCommandLine(std::span<const char* const> arguments) {
  Options options;
  if (arguments.empty()) return Usage("cellos needs a command");
  if (arguments.size() > kMaxArguments) return Usage("more than 65536 arguments");
  const std::string_view first = arguments[0];
  if (first == "--help" || first == "-h") return options;
  if (first == "--version" || first == "-V") {
    options.command = Command::kVersion;
    return options;
  }
  const auto command = CommandNamed(first);
  if (!command) return Usage("there is no command " + Quoted(first));
  options.command = *command;

  const auto rest = arguments.subspan(1);
  const auto cut = std::find_if(rest.begin(), rest.end(), [](const char* word) { return std::string_view(word) == "--"; });
  options.has_argv = cut != rest.end();
  if (options.has_argv) options.argv.assign(cut + 1, rest.end());
  if (auto parsed = ParseWith({rest.begin(), cut}, options); !parsed) return std::unexpected(std::move(parsed).error());
  if (options.help) return options;
  if (options.has_argv && !RowOf(options.command).takes_argv) {
    return Usage("cellos " + std::string(first) + " runs no command; \"--\" has no place here", first);
  }
  if (auto checked = CheckPositional(options); !checked) return std::unexpected(std::move(checked).error());
  return options;
}

}  // namespace cli
