// SPDX-License-Identifier: Apache-2.0
// Hashes leaves into the tree and holds the roots of checkpoints against it; for a large log on a thread of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "event/merkle.h"
#include "evidence/verify/checkpoint_file.h"

namespace evidence {

// Used by one thread. Memory is bounded: what waits to be hashed is at most a few batches.
class RootChecker {
 public:
  enum class Mode : std::uint8_t { kInline, kThread };
  explicit RootChecker(Mode mode);
  ~RootChecker();
  RootChecker(const RootChecker&) = delete;
  RootChecker& operator=(const RootChecker&) = delete;

  // The next leaf, at most event::kMaxLeafBytes.
  void Append(std::string_view leaf);
  std::uint64_t size() const { return size_; }
  // The tree has the checkpoint's root now, or Finish says so.
  void Expect(const Checkpoint& checkpoint);
  // Waits for everything; what the first root that differs should be and is.
  std::optional<std::string> Finish();

 private:
  struct Batch {
    std::string leaves;  // one after the other
    std::vector<std::uint32_t> lengths;
    std::optional<Checkpoint> expected;  // after the leaves
  };
  void Submit();
  void Judge(const Batch& batch);
  void Work();

  std::uint64_t size_ = 0;
  Batch batch_;
  event::MerkleTree tree_;            // of the thread, while there is one
  std::optional<std::string> fault_;  // likewise

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> queue_;  // guarded by mutex_
  bool ended_ = false;       // guarded by mutex_
  std::thread thread_;
};

}  // namespace evidence
