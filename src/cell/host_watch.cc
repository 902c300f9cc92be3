// SPDX-License-Identifier: Apache-2.0
// A tick of a second; the process connector is read soon after it has something, since it is the whole machine's.
#include "cell/host_watch.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace cell {
namespace {

constexpr std::chrono::seconds kTick{1};
// Every process of the machine that starts, execs or ends is an event, and few of them come alone: what comes in this
// time is read at once, where the socket holds thousands of times as much. An ordinary user's holds a few hundred events
// and is read whenever it has one.
constexpr std::chrono::milliseconds kGather{4};
constexpr int kRoomToGather = 1 << 20;  // bytes

bool HasRoom(int socket) {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  return ::getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, &size) == 0 && bytes >= kRoomToGather;
}

}  // namespace

HostWatch::HostWatch(Recorder& recorder, const base::Clock& clock, std::function<void()> sample)
    : recorder_(recorder), clock_(clock), sample_(std::move(sample)), census_(probe::ProcessCensus::Open()) {
  may_gather_ = census_ && HasRoom(census_->fd());
}

void HostWatch::OnOuterProcess(pid_t pid) {
  if (!census_ || std::exchange(watched_, true)) return;
  census_->Watch(pid);
}

void HostWatch::Watch(std::vector<pollfd>& polls) {
  slot_ = polls.size();
  if (gathering_ && clock_.Boot() >= gather_until_) gathering_ = false;
  polls.push_back({watched_ && !census_error_ && !gathering_ ? census_->fd() : -1, POLLIN, 0});
}

void HostWatch::Act(std::span<const pollfd> polls) {
  const base::BootTime now = clock_.Boot();
  if (next_ == base::BootTime{0}) next_ = now + kTick;
  if (more_ || (slot_ < polls.size() && polls[slot_].revents != 0)) ReadCensus();
  if (now < next_) return;
  next_ = now + kTick;
  sample_();
  if (watched_ && census_->totals() != told_) TellCensus();
}

base::BootTime HostWatch::Deadline() const {
  if (more_) return base::BootTime{0};
  return gathering_ ? std::min(next_, gather_until_) : next_;
}

void HostWatch::ReadCensus() {
  if (!watched_ || census_error_) return;
  auto more = census_->Read();
  more_ = more.value_or(false);
  if (!more) census_error_ = std::move(more).error();
  gathering_ = may_gather_ && !more_;
  gather_until_ = clock_.Boot() + kGather;
}

void HostWatch::TellCensus() {
  if (!census_) {
    recorder_.TryEmit(probe::CensusEvent(recorder_.cell(), std::unexpected(census_.error())));
    return;
  }
  told_ = census_->totals();
  recorder_.TryEmit(probe::CensusEvent(recorder_.cell(), told_));
}

void HostWatch::TellEnd() {
  if (std::exchange(ended_, true)) return;
  if (census_ && !watched_) return;  // there never was a process
  do {
    ReadCensus();
  } while (more_);
  TellCensus();
}

void Companions::Watch(std::vector<pollfd>& polls) {
  for (Companion* each : all_) each->Watch(polls);
}

void Companions::Act(std::span<const pollfd> polls) {
  for (Companion* each : all_) each->Act(polls);
}

base::BootTime Companions::Deadline() const {
  base::BootTime until = base::BootTime::max();
  for (const Companion* each : all_) until = std::min(until, each->Deadline());
  return until;
}

std::optional<std::string> Companions::failure() const {
  for (const Companion* each : all_) {
    if (auto why = each->failure()) return why;
  }
  return std::nullopt;
}

Reason Companions::failure_reason() const {
  for (const Companion* each : all_) {
    if (each->failure()) return each->failure_reason();
  }
  return Companion::failure_reason();
}

void Companions::OnAgentFailed(const sandbox::CellEvent& event) {
  for (Companion* each : all_) each->OnAgentFailed(event);
}

void Companions::Revoke() {
  for (Companion* each : all_) each->Revoke();
}

}  // namespace cell
