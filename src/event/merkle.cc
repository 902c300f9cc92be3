// SPDX-License-Identifier: Apache-2.0
// Merkle hashing and proof checking; the loops are those of RFC 9162, iterative and bounded by the proof's length.
#include "event/merkle.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "crypto/sha256_many.h"

namespace event {
namespace {

constexpr std::uint64_t kSizeLimit = std::uint64_t{1} << 62;

constexpr std::uint8_t kLeafPrefix[1] = {0};
constexpr std::uint8_t kNodePrefix[1] = {1};

}  // namespace

crypto::Digest LeafHash(std::string_view leaf) { return crypto::Sha256().Update(kLeafPrefix).Update(leaf).Finish(); }

crypto::Digest NodeHash(const crypto::Digest& left, const crypto::Digest& right) {
  std::array<std::uint8_t, 1 + 2 * sizeof(crypto::Digest)> node;
  node[0] = kNodePrefix[0];
  std::ranges::copy(right, std::ranges::copy(left, node.begin() + 1).out);
  return crypto::Sha256Of(node);
}

void MerkleTree::AppendHash(crypto::Digest hash) {
  unsigned level = 0;
  for (std::uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) hash = NodeHash(peaks_[level++], hash);
  peaks_[level] = hash;
  ++size_;
}

// Level by level, like adding two numbers: what is new there behind the peak of that level, pairs go one level up.
void MerkleTree::Append(std::span<const std::string_view> leaves) {
  std::array<crypto::Digest, kMaxLeavesAtOnce + 1> rows[2];  // the first place of a row is the peak's
  std::array<base::ByteSpan, kMaxLeavesAtOnce> messages;
  for (std::size_t i = 0; i < leaves.size(); ++i) messages[i] = base::AsBytes(leaves[i]);
  crypto::Digest *row = rows[0].data(), *above = rows[1].data();
  crypto::Sha256Many(kLeafPrefix, {messages.data(), leaves.size()}, row + 1);
  std::size_t count = leaves.size();
  for (unsigned level = 0; count > 0; ++level, std::swap(row, above)) {
    crypto::Digest* first = row + 1;
    if ((size_ >> level & 1) != 0) {
      *--first = peaks_[level];
      ++count;
    }
    if (count % 2 != 0) peaks_[level] = first[count - 1];
    count /= 2;
    for (std::size_t i = 0; i < count; ++i) messages[i] = {first[2 * i].data(), 2 * sizeof(crypto::Digest)};
    crypto::Sha256Many(kNodePrefix, {messages.data(), count}, above + 1);
  }
  size_ += leaves.size();
}

crypto::Digest MerkleTree::Root() const {
  if (size_ == 0) return crypto::Sha256Of(std::string_view());
  std::uint64_t rest = size_;
  crypto::Digest root = peaks_[std::countr_zero(rest)];
  for (rest &= rest - 1; rest != 0; rest &= rest - 1) root = NodeHash(peaks_[std::countr_zero(rest)], root);
  return root;
}

bool VerifyInclusion(const crypto::Digest& leaf_hash, std::uint64_t index, std::uint64_t size,
                     std::span<const crypto::Digest> proof, const crypto::Digest& root) {
  if (proof.size() > kMaxProofHashes || size >= kSizeLimit || index >= size) return false;
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  crypto::Digest hash = leaf_hash;
  for (const crypto::Digest& sibling : proof) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      hash = NodeHash(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = NodeHash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

bool VerifyConsistency(std::uint64_t old_size, std::uint64_t new_size, const crypto::Digest& old_root,
                       const crypto::Digest& new_root, std::span<const crypto::Digest> proof) {
  if (proof.size() > kMaxProofHashes || new_size >= kSizeLimit || old_size > new_size || old_size == 0) return false;
  if (old_size == new_size) return proof.empty() && old_root == new_root;
  if (proof.empty()) return false;
  std::uint64_t node = old_size - 1;
  std::uint64_t last = new_size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  // A complete old tree is itself the first node of the path, and is not repeated in the proof.
  const bool complete = std::has_single_bit(old_size);
  crypto::Digest old_hash = complete ? old_root : proof[0];
  crypto::Digest new_hash = old_hash;
  for (const crypto::Digest& sibling : proof.subspan(complete ? 0 : 1)) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      old_hash = NodeHash(sibling, old_hash);
      new_hash = NodeHash(sibling, new_hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      new_hash = NodeHash(new_hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && old_hash == old_root && new_hash == new_root;
}

}  // namespace event
