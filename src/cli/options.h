// SPDX-License-Identifier: Apache-2.0
// The command line as plain values. One table names every option; it drives the parser and the help.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cli {

enum class Command : std::uint8_t {
  kRun, kPlan, kVerify, kShow, kWatch, kLs, kStop, kKeygen, kDoctor, kGc, kPrune, kSchema, kHelp, kVersion,
};
inline constexpr int kCommandCount = 14;

// What the options of all commands came to; texts as given, judged later by who needs them.
struct Options {
  using Text = std::optional<std::string>;
  using List = std::vector<std::string>;

  Command command = Command::kHelp;
  bool help = false;
  List positional;          // RUN, DIR, NAME
  List argv;                // what follows the first "--", untouched
  bool has_argv = false;    // there was a "--"

  // The document.
  Text spec, id, ttl, timeout, memory, cpus, pids, scratch, workdir;
  List env, read_only, read_write, secrets, exports, allow, dns_resolvers;
  bool terminal = false, telemetry = false, print_spec = false;
  // What a run is told besides its document.
  Text backend, policy, if_policy, state_dir, events, events_form;
  bool sign_events = false, durable = false, no_stdin = false;
  // Printing.
  bool json = false, summary = false, quiet = false, explain = false;
  // verify, keygen, stop, prune.
  List keys;
  Text leaf, name, older_than, wait;
  bool p256 = false, rotate = false, dry_run = false;
};

struct OptionRow {
  std::string_view name;   // "--ttl"
  std::string_view value;  // what stands for the value in the help; empty: a flag
  std::string_view group;  // heading in the help
  std::string_view text;
  std::uint32_t commands;  // bit 1 << Command for each that takes it
  std::variant<bool Options::*, Options::Text Options::*, Options::List Options::*> target;
};
std::span<const OptionRow> OptionTable();

struct CommandRow {
  std::string_view name;
  std::string_view arguments;  // "[options] -- CMD…"
  std::string_view text;
  std::size_t min_positional, max_positional;
  bool takes_argv;
};
const CommandRow& RowOf(Command command);
std::optional<Command> CommandNamed(std::string_view name);

// A command line that can't be taken: what, where, what is allowed. Escaped; exit status 2.
struct UsageError {
  std::string message;
};

// `arguments` without the program's name.
std::expected<Options, UsageError> ParseCommandLine(std::span<const char* const> arguments);

// Help of the program, and of one command.
std::string ProgramHelp();
std::string CommandHelp(Command command);

}  // namespace cli
