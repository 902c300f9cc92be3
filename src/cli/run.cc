// SPDX-License-Identifier: Apache-2.0
// cellos run and cellos plan.
#include <fmt/format.h>
#include <unistd.h>

#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/explain.h"
#include "cli/outcome_text.h"
#include "cli/request.h"
#include "cli/signals.h"

namespace cli {
namespace {

constexpr std::chrono::seconds kLiveAfter{3};

int End(const EarlyEnd& end) {
  if (!end.message.empty()) PrintError(end.message);
  return end.status;
}

// A line that is written over itself while the workload runs; only where nothing of the workload's stands.
class LiveLine {
 public:
  explicit LiveLine(const Options& options)
      : on_(!options.quiet && !options.terminal && IsTerminal(STDERR_FILENO) && !IsTerminal(STDOUT_FILENO)) {}
  ~LiveLine() { Clear(); }
  bool on() const { return on_; }
  void Show(std::chrono::milliseconds elapsed) {
    if (elapsed < kLiveAfter) return;
    PrintRaw(STDERR_FILENO, fmt::format("\r\x1b[Kcellos: running for {}",
                                        HumanDuration(static_cast<std::uint64_t>(elapsed.count()))));
    shown_ = true;
  }
  void Clear() {
    if (std::exchange(shown_, false)) PrintRaw(STDERR_FILENO, "\r\x1b[K");
  }

 private:
  bool on_, shown_ = false;
};

constexpr int kNotAsAsked = 125;

// The exit status of the command: that of the outcome, unless what was asked for can't be printed.
int Report(const cell::RunOutcome& outcome, const Options& options) {
  const bool summary = !options.quiet && (options.summary || IsTerminal(STDERR_FILENO));
  const int status = outcome.ExitStatus();
  if (const auto why = WhyNotRun(outcome); !why.empty()) {
    PrintError(why);
  } else if (status == kNotAsAsked && !summary && !outcome.message.empty()) {
    PrintError(base::Escape(outcome.message, 2000));  // the status isn't the workload's own: it needs its reason
  }
  if (summary) {
    PrintRaw(STDERR_FILENO, OutcomeSummary(outcome));
  } else {
    for (const std::string& lost : outcome.sink_losses) PrintError("events were lost: " + base::Escape(lost, 500));
  }
  if (!options.json || PrintOut(OutcomeJson(outcome))) return status;
  PrintError("the result could not be written to standard output");
  return status == 0 ? kNotAsAsked : status;
}

}  // namespace

int Run(const Options& options) {
  auto prepared = PrepareRequest(options);
  if (!prepared) return End(prepared.error());
  auto& request = prepared->request;
  if (options.print_spec) return PrintOut(request.document) ? kOk : kFailed;
  auto state = OpenState(prepared->settings, cell::OpenMode::kCreate);
  cell::RunOutcome outcome;
  const auto signals = RouteSignals();
  // A run that can leave no evidence, or that no signal could end, does not start.
  if (!state || !signals) {
    outcome.reason = cell::Reason::kStartFailed;
    outcome.phase = state ? "signals" : "state";
    outcome.message = state ? signals.error().message : state.error().message;
    return Report(outcome, options);
  }
  request.state = &*state;
  request.signal_fd = *signals;
  LiveLine line(options);
  if (line.on()) request.on_tick = [&line](std::chrono::milliseconds elapsed) { line.Show(elapsed); };
  SyscallWatcher watcher;
  if (options.explain) request.on_release = [&watcher](pid_t workload) { watcher.Start(workload); };
  outcome = cell::Run(request);
  line.Clear();
  if (options.explain) PrintRaw(STDERR_FILENO, watcher.Explain());
  return Report(outcome, options);
}

int Plan(const Options& options) {
  auto prepared = PrepareRequest(options);
  if (!prepared) return End(prepared.error());
  auto& request = prepared->request;
  if (options.print_spec) return PrintOut(request.document) ? kOk : kFailed;
  // No run, no id of a run: a fixed word keeps the plan of one document the same each time.
  if (request.settings.run_id.empty()) request.settings.run_id = "unassigned";
  const auto result = cell::MakePlanOnly(request);
  if (!result.planned) {
    PrintError(WhyNotRun(result.outcome));
    return result.outcome.ExitStatus();
  }
  auto text = options.json ? result.plan.ToJson() + "\n" : result.plan.ToText();
  if (!text.ends_with('\n')) text += '\n';
  if (!options.json) text += fmt::format("plan digest {}\n", result.plan.Digest());
  return PrintOut(text) ? kOk : kFailed;
}

}  // namespace cli
