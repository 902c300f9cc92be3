// SPDX-License-Identifier: Apache-2.0
// The tree of a log that grows line by line: leaves are hashed some at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "event/merkle.h"

namespace event {

class LeafTree {
 public:
  // Append a leaf and its LF here; then Keep, or Drop when it does not come to be.
  std::string& room() { return text_; }
  std::string_view line() const { return std::string_view(text_).substr(begin_); }
  void Keep() {
    ends_[count_++] = text_.size() - 1;
    begin_ = text_.size();
    if (count_ == ends_.size() || begin_ >= kMostBytes) Settle();
  }
  void Drop() { text_.resize(begin_); }

  std::uint64_t size() const { return tree_.size() + count_; }
  crypto::Digest Root() {
    Settle();
    return tree_.Root();
  }

 private:
  static constexpr std::size_t kMostBytes = 32u << 10;  // then whoever has long leaves waits for them no longer

  void Settle() {
    std::array<std::string_view, MerkleTree::kMaxLeavesAtOnce> leaves;
    for (std::size_t i = 0, at = 0; i < count_; at = ends_[i++] + 1) {
      leaves[i] = std::string_view(text_).substr(at, ends_[i] - at);
    }
    tree_.Append({leaves.data(), count_});
    text_.clear();
    begin_ = count_ = 0;
  }

  MerkleTree tree_;
  std::string text_;                                                // kept lines, not hashed yet, and the one being written
  std::size_t begin_ = 0;                                           // of that one
  std::size_t count_ = 0;                                           // of those
  std::array<std::size_t, MerkleTree::kMaxLeavesAtOnce> ends_{};    // of their leaves
};

}  // namespace event
