// SPDX-License-Identifier: Apache-2.0
// Merkle trees of RFC 6962 / RFC 9162: hashes, a tree that grows, and the two proofs.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "crypto/sha256.h"

namespace event {

// SHA-256(0x00 ‖ leaf) and SHA-256(0x01 ‖ left ‖ right).
crypto::Digest LeafHash(std::string_view leaf);
crypto::Digest NodeHash(const crypto::Digest& left, const crypto::Digest& right);

// A tree that keeps only the roots of its complete subtrees: 64 hashes, whatever its size. A plain value, no
// allocation.
class MerkleTree {
 public:
  void Append(std::string_view leaf) { AppendHash(LeafHash(leaf)); }
  void AppendHash(crypto::Digest hash);
  // At most kMaxLeavesAtOnce, in two thirds of the time of one by one.
  static constexpr std::size_t kMaxLeavesAtOnce = 16;
  void Append(std::span<const std::string_view> leaves);
  std::uint64_t size() const { return size_; }
  // SHA-256("") for the empty tree.
  crypto::Digest Root() const;

 private:
  std::uint64_t size_ = 0;
  std::array<crypto::Digest, 64> peaks_;  // peaks_[k] is used when bit k of size_ is set
};

inline constexpr std::size_t kMaxProofHashes = 64;

// RFC 9162 §2.1.3.2: `leaf_hash` is leaf `index` of the tree of `size` leaves with `root`. A proof of more than
// kMaxProofHashes or a size from 2^62 on is refused before any hashing.
bool VerifyInclusion(const crypto::Digest& leaf_hash, std::uint64_t index, std::uint64_t size,
                     std::span<const crypto::Digest> proof, const crypto::Digest& root);

// RFC 9162 §2.1.4.2: the tree of `old_size` is a prefix of the tree of `new_size`. The same limits; an old size of 0 is
// refused, since nothing is proven by it.
bool VerifyConsistency(std::uint64_t old_size, std::uint64_t new_size, const crypto::Digest& old_root,
                       const crypto::Digest& new_root, std::span<const crypto::Digest> proof);

}  // namespace event
