// SPDX-License-Identifier: Apache-2.0
// What `cellos watch` knows of a run: its log, line by line, sorted into what was refused and what each lane saw.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

enum class Lane : std::uint8_t { kWitnessed, kClaimed, kDerived };

// One event in a line. Every text is escaped and bounded.
struct WatchedEvent {
  std::uint64_t leaf = 0;
  std::string time;    // "08:43:28.806"
  Lane lane = Lane::kWitnessed;
  std::string text;    // "flow 10.9.9.9:80/tcp deny nft_log_drop"
  bool denial = false; // something was refused
};

// A kind of refusal, counted.
struct WatchedDenial {
  std::string what, reason, rule;
  Lane lane = Lane::kWitnessed;  // kClaimed: only the workload's side says so
  std::uint64_t count = 0;
  std::string last;              // time of the last one
};

// Memory is bounded whatever the log holds. Nothing here is verified.
class WatchModel {
 public:
  static constexpr std::size_t kKeptEvents = 500, kKeptDenials = 256, kKeptFindings = 64;

  // One line of events.jsonl, without its LF; a line that is no event is counted. The event as it is listed, or nullopt
  // for one that only counts (coverage, probe readings).
  std::optional<WatchedEvent> Add(std::string_view line);

  const std::string& run_id() const { return run_id_; }
  const std::string& command() const { return command_; }
  const std::string& started() const { return started_; }   // time of the first event, RFC 3339
  const std::string& outcome() const { return outcome_; }   // empty while it runs
  std::uint64_t events() const { return events_; }
  std::uint64_t unreadable() const { return unreadable_; }
  std::uint64_t count(Lane lane) const { return counts_[static_cast<std::size_t>(lane)]; }
  bool agent_declared() const { return agent_; }            // the run has an in-cell witness
  const std::string& agent_state() const { return agent_state_; }
  bool ended() const { return ended_; }                     // `closing` was read: nothing follows

  // Newest last.
  const std::deque<WatchedEvent>& lane(Lane lane) const { return lanes_[static_cast<std::size_t>(lane)]; }
  // In the order in which each kind was first seen; what found no room is in denials_not_kept().
  const std::vector<WatchedDenial>& denials() const { return denials_; }
  std::uint64_t denials_not_kept() const { return denials_not_kept_; }
  std::uint64_t denials_in_all() const { return denials_in_all_; }
  // Contradictions and gaps first; agreements are only counted.
  const std::vector<WatchedEvent>& findings() const { return findings_; }
  std::uint64_t agreements() const { return agreements_; }

 private:
  void Deny(const WatchedEvent& event, std::string what, std::string reason, std::string rule, std::uint64_t count);

  std::string run_id_, command_, started_, outcome_, agent_state_;
  std::uint64_t events_ = 0, unreadable_ = 0, denials_not_kept_ = 0, denials_in_all_ = 0, agreements_ = 0;
  std::uint64_t counts_[3] = {};
  bool agent_ = false, ended_ = false;
  std::deque<WatchedEvent> lanes_[3];
  std::vector<WatchedDenial> denials_;
  std::map<std::string, std::size_t, std::less<>> denial_of_;  // key -> index of denials_
  std::vector<WatchedEvent> findings_;
};

}  // namespace cli
