// SPDX-License-Identifier: Apache-2.0
// From the command line to the command.
#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/version.h"

namespace cli {
namespace {

int Help(const Options& options) {
  if (options.positional.empty()) return PrintOut(ProgramHelp()) ? kOk : kFailed;
  const auto command = CommandNamed(options.positional[0]);
  if (!command) {
    PrintError("there is no command \"" + base::Escape(options.positional[0]) + "\"; see cellos --help");
    return kUsage;
  }
  return PrintOut(CommandHelp(*command)) ? kOk : kFailed;
}

int Version(const Options&) { return PrintOut("cellos " CELLOS_VERSION "\n") ? kOk : kFailed; }

using Function = int (*)(const Options&);
constexpr Function kFunctions[kCommandCount] = {Run, Plan, Verify, Show, Watch, Ls, Stop, Keygen, Doctor, Gc, Prune, Schema,
                                                Help, Version};

}  // namespace

int Main(std::span<const char* const> arguments) {
  const auto options = ParseCommandLine(arguments);
  if (!options) {
    PrintError(options.error().message);
    return kUsage;
  }
  if (options->help) return PrintOut(CommandHelp(options->command)) ? kOk : kFailed;
  return kFunctions[static_cast<std::size_t>(options->command)](*options);
}

}  // namespace cli
