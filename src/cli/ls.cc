// SPDX-License-Identifier: Apache-2.0
// cellos ls: every run of the state directory, one a line. Nothing here is verified, and the table says so.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/request.h"
#include "event/dsse.h"
#include "event/projection.h"
#include "json/reader.h"
#include "json/writer.h"
#include "sys/file.h"

namespace cli {
namespace {

constexpr std::size_t kMaxSealBytes = 4u << 20;
constexpr std::size_t kMaxLogBytes = 4u << 20;  // of a run without seal: enough to tell its state

struct Row {
  std::string run_id, state, started;
  std::optional<std::uint64_t> events;
  std::string evidence;  // complete, incomplete, cut, unsealed, running
};

std::string OutcomeText(const json::Value& outcome) {
  std::string text(outcome.StringOr("reasonCode", "unknown"));
  const auto* code = outcome.Find("exitCode");
  if (text == "completed" && code != nullptr && code->kind() == json::Kind::kUint) {
    text = fmt::format("exit {}", code->unsigned_integer());
  }
  return text;
}

// False when there is no seal, or none that can be read.
bool ReadFromSeal(int run, Row& row) {
  auto file = sys::OpenAt2(run, "seal.json", O_RDONLY | O_NONBLOCK, 0, sys::kBeneath);
  if (!file) return false;
  row.evidence = "unreadable";
  const auto text = sys::ReadAll(file->get(), kMaxSealBytes);
  if (!text) return true;
  const auto envelope = event::ParseDsse(*text);
  if (!envelope) return true;
  const auto tree = json::Parse(envelope->payload, {.max_bytes = kMaxSealBytes});
  if (!tree) return true;
  const auto* predicate = tree->root().Find("predicate");
  if (predicate == nullptr) return true;
  if (const auto* outcome = predicate->Find("outcome")) row.state = OutcomeText(*outcome);
  if (const auto* run_part = predicate->Find("run")) row.started = run_part->StringOr("startedOn", "");
  if (const auto* log = predicate->Find("log")) {
    const auto* size = log->Find("size");
    if (size != nullptr && size->kind() == json::Kind::kUint) row.events = size->unsigned_integer();
  }
  const auto* complete = predicate->Find("complete");
  const bool whole = complete != nullptr && complete->kind() == json::Kind::kBool && complete->boolean();
  row.evidence = row.state == "cut" ? "cut" : whole ? "complete" : "incomplete";
  return true;
}

// What the events of a run without seal say so far.
void ReadFromLog(int run, Row& row) {
  auto file = sys::OpenAt2(run, "events.jsonl", O_RDONLY | O_NONBLOCK, 0, sys::kBeneath);
  if (!file) return;
  std::string text(kMaxLogBytes, '\0');
  const auto size = sys::ReadFull(file->get(), text);
  if (!size) return;
  text.resize(*size);
  event::Projection projection;
  std::uint64_t lines = 0;
  std::size_t begin = 0;
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n', begin)) {
    const auto tree = json::Parse(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    ++lines;
    if (!tree) continue;
    if (row.started.empty()) row.started = tree->root().StringOr("time", "");
    (void)projection.Apply(tree->root());
  }
  row.state = event::ToString(projection.snapshot().State());
  row.events = lines;
}

Row Read(const cell::StateDir& state, const std::string& run_id) {
  Row row{.run_id = run_id, .state = "unknown"};
  const auto run = state.OpenRun(run_id);
  if (!run) return row;
  if (ReadFromSeal(run->fd.get(), row)) return row;
  ReadFromLog(run->fd.get(), row);
  row.evidence = state.IsLive(run_id) ? "running" : "unsealed";
  return row;
}

std::string AsJson(const std::vector<Row>& rows) {
  std::string text;
  json::Writer w(text);
  w.BeginArray();
  for (const auto& row : rows) {
    w.BeginObject().Member("runId", row.run_id).Member("state", row.state).Member("startedAt", row.started);
    w.Key("events");
    if (row.events) {
      w.Uint(*row.events);
    } else {
      w.Null();
    }
    w.Member("evidence", row.evidence).EndObject();
  }
  w.EndArray();
  return text + "\n";
}

std::string AsTable(const std::vector<Row>& rows) {
  std::size_t width = 3;
  for (const auto& row : rows) width = std::max(width, row.run_id.size());
  std::string text = fmt::format("{:<{}}  {:<20}  {:<10}  {:>7}  {}\n", "RUN", width, "STARTED", "EVIDENCE", "EVENTS", "ENDED");
  for (const auto& row : rows) {
    text += fmt::format("{:<{}}  {:<20}  {:<10}  {:>7}  {}\n", row.run_id, width, base::Escape(row.started.substr(0, 19), 30),
                        row.evidence, row.events ? std::to_string(*row.events) : "-", base::Escape(row.state, 40));
  }
  return text + "(as the files say; cellos verify RUN checks one)\n";
}

}  // namespace

int Ls(const Options& options) {
  const auto state = OpenStateFor(options, cell::OpenMode::kExisting);
  if (!state) {
    PrintError(state.error().message);
    return state.error().status;
  }
  const auto ids = state->ListRuns();
  if (!ids) return Fail(ids.error());
  std::vector<Row> rows;
  for (const auto& id : *ids) rows.push_back(Read(*state, id));
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.started < b.started; });
  return PrintOut(options.json ? AsJson(rows) : AsTable(rows)) ? kOk : kFailed;
}

}  // namespace cli
