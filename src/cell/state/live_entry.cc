// SPDX-License-Identifier: Apache-2.0
// Live entries: made locked under a private name, then renamed to the run id, so that no collector sees them unlocked.
#include "cell/state/live_entry.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <utility>

#include "base/encoding.h"
#include "cell/gc/remove_tree.h"
#include "cell/state/run_id.h"
#include "json/reader.h"
#include "json/writer.h"
#include "sys/file.h"

namespace cell {
namespace {

constexpr std::size_t kMaxAnchorBytes = 256 * 1024;
constexpr std::chrono::milliseconds kRemoveDeadline{5000};

std::string Quoted(std::string_view text) { return "\"" + base::Escape(text) + "\""; }

// Field 22 of proc(5)'s stat; the second field may hold anything, so it is skipped to the last ')'.
std::optional<std::uint64_t> StartTimeOf(std::string_view stat) {
  const auto name_end = stat.rfind(')');
  if (name_end == stat.npos) return std::nullopt;
  stat.remove_prefix(name_end + 1);
  for (int field = 2; field < 22; ++field) {
    const auto space = stat.find(' ');
    if (space == stat.npos) return std::nullopt;
    stat.remove_prefix(space + 1);
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(stat.data(), stat.data() + stat.size(), value);
  if (error != std::errc() || end == stat.data()) return std::nullopt;
  return value;
}

std::string ProcessLine(const ProcessIdentity& process, std::string_view what, std::string_view boot_id = {}) {
  std::string line;
  json::Writer writer(line);
  writer.BeginObject().Key(what).BeginObject();
  writer.Member("pid", static_cast<std::uint64_t>(process.pid)).Member("start", process.start_time).EndObject();
  if (!boot_id.empty()) writer.Member("bootId", boot_id);
  writer.EndObject();
  return line;
}

std::optional<ProcessIdentity> ProcessFrom(const json::Value& value) {
  const auto* pid = value.Find("pid");
  const auto* start = value.Find("start");
  if (pid == nullptr || start == nullptr || pid->kind() != json::Kind::kUint || start->kind() != json::Kind::kUint ||
      pid->unsigned_integer() == 0 || pid->unsigned_integer() > 0x7fffffff) {
    return std::nullopt;
  }
  return ProcessIdentity{static_cast<pid_t>(pid->unsigned_integer()), start->unsigned_integer()};
}

void TakeLine(std::string_view line, Anchor& anchor) {
  const auto tree = json::Parse(line);
  if (!tree || !tree->root().is_object()) return;
  const auto& root = tree->root();
  if (const auto* value = root.Find("supervisor")) anchor.supervisor = ProcessFrom(*value).value_or(ProcessIdentity());
  if (const auto boot_id = root.StringOr("bootId", ""); !boot_id.empty()) anchor.boot_id = boot_id;
  if (const auto* value = root.Find("process")) {
    if (const auto process = ProcessFrom(*value)) anchor.processes.push_back(*process);
  }
  if (const auto* value = root.Find("cgroup"); value != nullptr && value->is_array()) {
    for (const auto& path : value->array()) {
      if (path.is_string()) anchor.cgroup_paths.emplace_back(path.string());
    }
  }
  if (const auto* value = root.Find("uidSlot"); value != nullptr && value->kind() == json::Kind::kUint) {
    anchor.uid_slot = static_cast<unsigned>(value->unsigned_integer());
  }
  if (const auto path = root.StringOr("runDirectory", ""); !path.empty()) anchor.run_directory = path;
}

base::Result<std::string> BootId() {
  auto text = TRY(sys::ReadFile(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

base::Result<ProcessIdentity> IdentityOf(pid_t pid) {
  const auto stat = TRY(sys::ReadFile(AT_FDCWD, "/proc/" + std::to_string(pid) + "/stat", 4096));
  const auto start = StartTimeOf(stat);
  if (!start) return base::Fail(base::ErrorKind::kIo, "/proc/" + std::to_string(pid) + "/stat has no start time");
  return ProcessIdentity{pid, *start};
}

base::Result<LiveEntry> LiveEntry::Create(const StateDir& state, std::string_view run_id) {
  if (!IsRunId(run_id)) return base::Fail(base::ErrorKind::kInvalid, Quoted(run_id) + " is no run id");
  const auto context = "make the live entry of run " + Quoted(run_id);
  LiveEntry entry;
  entry.parent_ = TRY_WITH(context, sys::Dup(state.live()));
  // A name that no run id can be; pid and thread make it this call's own.
  entry.run_id_ = ".new-" + std::to_string(::getpid()) + "-" + std::to_string(::gettid());
  auto made = sys::MkdirAt(state.live(), entry.run_id_, 0700);
  if (!made && made.error().os_errno == EEXIST) {
    // Left by a process of the same number that died right here.
    TRY_WITH(context, RemoveTree(state.live(), entry.run_id_, kRemoveDeadline));
    made = sys::MkdirAt(state.live(), entry.run_id_, 0700);
  }
  TRY_WITH(context, std::move(made));
  auto opened = sys::OpenAt(state.live(), entry.run_id_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!opened) {
    (void)sys::UnlinkAt(state.live(), entry.run_id_, AT_REMOVEDIR);  // the destructor removes only what is open
    return std::unexpected(std::move(opened).error().With(context));
  }
  entry.directory_ = std::move(*opened);
  if (!TRY_WITH(context, sys::TryFlock(entry.directory_.get(), sys::Lock::kExclusive))) {
    return base::Fail(base::ErrorKind::kInternal, context + ": somebody else locked it at once");
  }
  entry.anchor_ = TRY_WITH(
      context, sys::OpenAt(entry.directory_.get(), "anchor", O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0600));
  const auto self = TRY_WITH(context, IdentityOf(::getpid()));
  const auto boot_id = TRY_WITH(context, BootId());
  TRY_WITH(context, entry.Append(ProcessLine(self, "supervisor", boot_id)));
  if (auto renamed = sys::RenameAt(state.live(), entry.run_id_, state.live(), std::string(run_id), RENAME_NOREPLACE);
      !renamed) {
    if (renamed.error().os_errno != EEXIST) return std::unexpected(std::move(renamed).error().With(context));
    return base::Fail(base::ErrorKind::kExists, "run " + Quoted(run_id) +
                                                    " is running, or its remains could not be removed yet "
                                                    "(cellos ls, cellos gc); choose another run id");
  }
  entry.run_id_ = run_id;
  return entry;
}

LiveEntry::LiveEntry(LiveEntry&& other) noexcept = default;
LiveEntry& LiveEntry::operator=(LiveEntry&& other) noexcept {
  if (this != &other) {
    if (directory_ && !keep_) (void)Remove();
    run_id_ = std::move(other.run_id_);
    parent_ = std::move(other.parent_);
    directory_ = std::move(other.directory_);
    anchor_ = std::move(other.anchor_);
    keep_ = other.keep_;
  }
  return *this;
}
LiveEntry::~LiveEntry() {
  if (directory_ && !keep_) (void)Remove();
}

base::Result<> LiveEntry::Append(std::string line) {
  line += '\n';
  const auto written = TRY_WITH("note in the live entry", sys::Write(anchor_.get(), line));
  if (written != line.size()) return base::Fail(base::ErrorKind::kIo, "note in the live entry: short write");
  return {};
}

base::Result<> LiveEntry::NoteRunDirectory(std::string_view path) {
  std::string line;
  json::Writer(line).BeginObject().Member("runDirectory", path).EndObject();
  return Append(std::move(line));
}

base::Result<> LiveEntry::NoteCgroup(const std::vector<std::string>& paths) {
  std::string line;
  json::Writer writer(line);
  writer.BeginObject().Key("cgroup").BeginArray();
  for (const auto& path : paths) writer.String(path);
  writer.EndArray().EndObject();
  return Append(std::move(line));
}

base::Result<> LiveEntry::NoteProcess(pid_t pid) {
  auto process = IdentityOf(pid);
  // It ended already: nothing that would have to be killed later.
  if (!process && process.error().kind == base::ErrorKind::kNotFound) return {};
  if (!process) return std::unexpected(std::move(process).error());
  return Append(ProcessLine(*process, "process"));
}

base::Result<> LiveEntry::NoteUidSlot(unsigned slot) {
  std::string line;
  json::Writer(line).BeginObject().Member("uidSlot", std::uint64_t{slot}).EndObject();
  return Append(std::move(line));
}

base::Result<> LiveEntry::Remove() {
  keep_ = true;
  constexpr int kAttempts = 3;  // a call that failed for want of a resource may do better the next time
  base::Result<> removed;
  for (int i = 0; i < kAttempts; ++i) {
    removed = RemoveTree(parent_.get(), run_id_, kRemoveDeadline);
    if (removed || removed.error().kind == base::ErrorKind::kDeadline) break;
  }
  directory_.Reset();
  anchor_.Reset();
  return removed;
}

Anchor ParseAnchor(std::string_view text) {
  Anchor anchor;
  std::size_t begin = 0;
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n', begin)) {
    TakeLine(text.substr(begin, end - begin), anchor);
    begin = end + 1;
  }
  return anchor;
}

base::Result<Anchor> ReadAnchor(int entry_directory) {
  const auto file = sys::OpenAt2(entry_directory, "anchor", O_RDONLY | O_NONBLOCK, 0, sys::kBeneath);
  if (!file && file.error().kind == base::ErrorKind::kNotFound) return Anchor{};
  if (!file) return std::unexpected(file.error());
  return ParseAnchor(TRY(sys::ReadAll(file->get(), kMaxAnchorBytes)));
}

}  // namespace cell
