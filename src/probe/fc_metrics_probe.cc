// SPDX-License-Identifier: Apache-2.0
// host.fc_metrics.
#include "probe/fc_metrics_probe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "event/json_object.h"
#include "event/probe_events.h"
#include "probe/vmm_api.h"
#include "sys/file.h"

namespace probe {
namespace {

// Of one event: the line as it is, and the sums; together they fit into a leaf.
constexpr std::size_t kMaxMetrics = 32u << 10, kMaxTotals = 24u << 10;
constexpr std::size_t kMaxPieces = 64;
// A VMM whose FIFO is full cuts its line and reports an error: give it room for minutes of lines of its own.
constexpr int kPipeRoom = 1 << 20;

void Append(std::string& errors, std::string_view error) {
  if (error.empty()) return;
  errors.append(errors.empty() ? "" : "; ").append(error);
}

base::Result<> CheckDirectory(int directory) {
  const struct stat found = TRY(sys::Fstat(directory));
  if (S_ISDIR(found.st_mode) && found.st_uid == geteuid() && (found.st_mode & 07777) == 0700) return {};
  return base::Fail(base::ErrorKind::kDenied, "the directory of the VMM's sockets must be ours and 0700");
}

base::Result<base::UniqueFd> MakeFifo(int directory, const FcMetricsTarget& target) {
  const long made = sys::Raw("mknodat", SYS_mknodat, directory, target.fifo.c_str(), S_IFIFO | 0600, 0);
  if (made < 0) return std::unexpected(sys::CallError(made, "mkfifoat", target.fifo));
  base::UniqueFd fifo = TRY(sys::OpenAt(directory, target.fifo, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  const struct stat opened = TRY(sys::Fstat(fifo.get()));
  if (!S_ISFIFO(opened.st_mode))
    return base::Fail(base::ErrorKind::kDenied, "the FIFO of the VMM's metrics was exchanged");
  TRY(sys::Fchmod(fifo.get(), 0600));
  if (target.writer) TRY(sys::Fchown(fifo.get(), *target.writer, static_cast<gid_t>(-1)));
  (void)sys::Raw("fcntl", SYS_fcntl, fifo.get(), F_SETPIPE_SZ, kPipeRoom);
  return fifo;
}

// `json` under `name`, or that it was too long.
void AddBounded(event::Object& output, std::string_view name, std::string_view size_name, const std::string& json,
                std::size_t most) {
  if (json.size() <= most) {
    output.Raw(name, json);
    return;
  }
  output.Add(size_name, json.size());
  output.MarkTruncated();
}

}  // namespace

base::Result<FcMetricsProbe> FcMetricsProbe::Create(event::CellRef cell, FcMetricsTarget target) {
  TRY_WITH("metrics of the VMM", CheckDirectory(target.directory));
  base::UniqueFd directory = TRY(sys::Dup(target.directory));
  base::UniqueFd fifo = TRY_WITH("metrics of the VMM", MakeFifo(directory.get(), target));
  return FcMetricsProbe(std::move(cell), std::move(target), std::move(directory), std::move(fifo));
}

FcMetricsProbe::~FcMetricsProbe() {
  if (fifo_) (void)sys::UnlinkAt(directory_.get(), target_.fifo);
}

std::string FcMetricsProbe::Flush() {
  const auto status = PutOverUnixSocket(directory_.get(), target_.api_socket, "/actions",
                                        R"({"action_type":"FlushMetrics"})", target_.deadline);
  if (!status) return "FlushMetrics: " + status.error().message;
  if (*status < 200 || *status > 299) return "FlushMetrics: the VMM answers " + std::to_string(*status);
  return {};
}

// Takes a piece of what the FIFO holds; false when it holds nothing.
base::Result<bool> FcMetricsProbe::Fill() {
  std::array<char, 65536> buffer;
  auto got = sys::Read(fifo_.get(), buffer);
  if (!got && got.error().os_errno == EAGAIN) return false;
  const std::size_t size = TRY_WITH("reading the FIFO", std::move(got));
  lines_.Add({buffer.data(), size});
  return size > 0;  // 0: nobody has it open for writing, not yet or no more
}

// Takes no more out of the FIFO than the line needs, so that a VMM that writes without end fills its own pipe.
std::optional<base::Result<std::string>> FcMetricsProbe::NextLine(std::string& failed) {
  for (std::size_t pieces = 0; pieces <= kMaxPieces; ++pieces) {
    if (auto line = lines_.Next()) return line;
    const auto filled = Fill();
    if (!filled) Append(failed, filled.error().message);
    if (!filled || !*filled) return std::nullopt;
  }
  return std::nullopt;
}

FcMetricsProbe::Reading FcMetricsProbe::Read(const base::Result<std::string>& line) {
  Reading reading;
  if (!line) {
    reading.error = line.error().message;
    return reading;
  }
  const std::uint64_t left_out = totals_.left_out();
  const auto metrics = totals_.Add(*line);
  if (!metrics) {
    reading.error = metrics.error().message;
    return reading;
  }
  event::Object output;
  AddBounded(output, "metrics", "metricsBytes", *metrics, kMaxMetrics);
  AddBounded(output, "totals", "totalsBytes", totals_.ToJson(), kMaxTotals);
  reading.output = output.Take();
  if (totals_.left_out() > left_out) {
    reading.error = std::to_string(totals_.left_out() - left_out) + " figures of this line are in no sum";
  }
  return reading;
}

event::Draft FcMetricsProbe::ToEvent(const Reading& reading, const base::Clock& clock) const {
  event::Object inputs;
  inputs.Add("endpoint", target_.endpoint).Add("kind", "firecracker.metrics");
  event::HostReading sample{.source = "host.fc_metrics",
                            .inputs = inputs.Take(),
                            .output = reading.output,
                            .received_at = clock.Wall(),
                            .spec_signature_hash = target_.spec_signature_hash};
  if (!reading.error.empty()) sample.sample_error = reading.error;
  return *event::HostProbeEvent(cell_, sample);
}

std::vector<event::Draft> FcMetricsProbe::SampleAll(const base::Clock& clock) {
  std::string failed = Flush();
  std::vector<event::Draft> events;
  std::optional<Reading> last;  // it bears what failed, so it waits for the end
  for (std::size_t i = 0; i < kMaxLines; ++i) {
    const auto line = NextLine(failed);
    if (!line) break;
    if (last) events.push_back(ToEvent(*last, clock));
    last = Read(*line);
  }
  if (!last) {
    last.emplace();
    if (failed.empty()) failed = "the VMM confirms a flush and writes no line";
  }
  Append(last->error, failed);
  events.push_back(ToEvent(*last, clock));
  return events;
}

event::Draft FcMetricsProbe::Sample(const base::Clock& clock) { return std::move(SampleAll(clock).back()); }

}  // namespace probe
