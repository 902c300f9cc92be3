// SPDX-License-Identifier: Apache-2.0
// From the command line to the command.
#include <fmt/format.h>
#include <sys/resource.h>

#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/version.h"
#include "sys/own_limits.h"

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

constexpr std::uint64_t kStack = std::uint64_t{8} << 20, kLeastStack = std::uint64_t{512} << 10;
constexpr std::uint64_t kDescriptors = 4096;
constexpr int kNotStarted = 125;

// A caller's small soft limits are raised; the workload and every other process get theirs from the plan.
base::Result<> TakeOwnLimits() {
  TRY(sys::RaiseSoftLimit(RLIMIT_NOFILE, kDescriptors));
  const auto stack = TRY(sys::RaiseSoftLimit(RLIMIT_STACK, kStack));
  if (stack >= kLeastStack) return {};
  return base::Fail(base::ErrorKind::kLimit,
                    fmt::format("the limit of this process's stack is {} KiB, and cellos needs {} KiB; raise it where it was set "
                                "(ulimit -s 8192)", stack >> 10, kLeastStack >> 10));
}

}  // namespace

int Main(std::span<const char* const> arguments) {
  const auto options = ParseCommandLine(arguments);
  if (!options) {
    PrintError(options.error().message);
    return kUsage;
  }
  if (const auto taken = TakeOwnLimits(); !taken) {
    PrintError(taken.error().message);
    return options->command == Command::kRun ? kNotStarted : kFailed;
  }
  if (options->help) return PrintOut(CommandHelp(options->command)) ? kOk : kFailed;
  return kFunctions[static_cast<std::size_t>(options->command)](*options);
}

}  // namespace cli
