// SPDX-License-Identifier: Apache-2.0
// The sinks behind a log: what they are still owed, what each took or lost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/sink.h"

namespace event {

class SinkFeed {
 public:
  struct Tally {
    std::string name;
    std::uint64_t delivered = 0, dropped = 0;
  };

  void Add(std::unique_ptr<Sink> sink);
  bool empty() const { return sinks_.empty(); }
  // Remembers a leaf that every sink is owed.
  void Owe(std::uint64_t index, std::string_view leaf);
  // Gives every sink what it is owed; a failure is counted and kept for TakeErrors.
  void Tell();
  // Forgets what is owed and counts it as dropped.
  void Forget();
  void Flush();

  std::vector<Tally> Tallies() const;
  std::vector<std::string> TakeErrors();

 private:
  struct Entry {
    std::unique_ptr<Sink> sink;
    std::uint64_t delivered = 0, dropped = 0;
    std::string error;  // first one since TakeErrors
  };
  struct Owed {
    std::uint64_t index;
    std::size_t begin, size;
  };
  std::vector<Entry> sinks_;
  std::vector<Owed> owed_;
  std::string leaves_;
};

}  // namespace event
