// SPDX-License-Identifier: Apache-2.0
// The sinks behind a log.
#include "event/sink_feed.h"

namespace event {

void SinkFeed::Add(std::unique_ptr<Sink> sink) { sinks_.push_back({std::move(sink), 0, 0, {}}); }

void SinkFeed::Owe(std::uint64_t index, std::string_view leaf) {
  if (sinks_.empty()) return;
  owed_.push_back({index, leaves_.size(), leaf.size()});
  leaves_.append(leaf);
}

void SinkFeed::Tell() {
  for (const Owed& owed : owed_) {
    const Delivered event{owed.index, std::string_view(leaves_).substr(owed.begin, owed.size)};
    for (Entry& entry : sinks_) {
      auto emitted = entry.sink->Emit(event);
      if (emitted) {
        ++entry.delivered;
        continue;
      }
      ++entry.dropped;
      if (entry.error.empty()) entry.error = std::move(emitted).error().message;
    }
  }
  owed_.clear();
  leaves_.clear();
}

void SinkFeed::Forget() {
  for (Entry& entry : sinks_) entry.dropped += owed_.size();
  owed_.clear();
  leaves_.clear();
}

void SinkFeed::Flush() {
  for (Entry& entry : sinks_) {
    auto flushed = entry.sink->Flush();
    if (!flushed && entry.error.empty()) entry.error = std::move(flushed).error().message;
  }
}

std::vector<SinkFeed::Tally> SinkFeed::Tallies() const {
  std::vector<Tally> tallies;
  for (const Entry& entry : sinks_) {
    tallies.push_back({std::string(entry.sink->name()), entry.delivered, entry.dropped});
  }
  return tallies;
}

std::vector<std::string> SinkFeed::TakeErrors() {
  std::vector<std::string> errors;
  for (Entry& entry : sinks_) {
    if (entry.error.empty()) continue;
    errors.push_back(std::string(entry.sink->name()) + ": " + entry.error);
    entry.error.clear();
  }
  return errors;
}

}  // namespace event
