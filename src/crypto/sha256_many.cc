// SPDX-License-Identifier: Apache-2.0
// Messages cut into runs of blocks, two lanes of them side by side.
#include "crypto/sha256_many.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "crypto/sha256_pair.h"

namespace crypto {
namespace {

constexpr std::size_t kBlock = 64;
constexpr internal::Sha256State kStart = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

template <class Word>
void PutBigEndian(Word value, std::uint8_t* out) {
  if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
  std::memcpy(out, &value, sizeof value);
}

// The blocks of one message: those that the prefix or the padding is part of are put together in `own_`.
class Lane {
 public:
  internal::Sha256State state;
  const std::uint8_t* at = nullptr;  // blocks to take next
  std::size_t blocks = 0;

  void Begin(base::ByteSpan prefix, base::ByteSpan message, Digest* out) {
    state = kStart;
    out_ = out;
    rest_ = message;
    bits_ = 8 * std::uint64_t{prefix.size() + message.size()};
    last_ = false;
    held_ = prefix.size();
    if (held_ > 0) std::memcpy(own_, prefix.data(), held_);
    if (held_ == 0 || held_ + rest_.size() < kBlock) return Go();
    Hold(kBlock - held_);
    held_ = 0;
    at = own_;
    blocks = 1;
  }

  // `count` of the blocks were taken. With the last of them the digest is written, and `blocks` stays 0.
  void Took(std::size_t count) {
    at += kBlock * count;
    blocks -= count;
    if (blocks > 0) return;
    if (!last_) return Go();
    for (std::size_t i = 0; i < state.size(); ++i) PutBigEndian(state[i], out_->data() + 4 * i);
  }

 private:
  void Hold(std::size_t count) {
    if (count > 0) std::memcpy(own_ + held_, rest_.data(), count);
    rest_ = rest_.subspan(count);
    held_ += count;
  }

  // The whole blocks where they lie; then what is left of them, with the padding.
  void Go() {
    if (held_ == 0 && rest_.size() >= kBlock) {
      at = rest_.data();
      blocks = rest_.size() / kBlock;
      rest_ = rest_.subspan(blocks * kBlock);
      return;
    }
    Hold(rest_.size());
    at = own_;
    blocks = held_ < kBlock - 8 ? 1 : 2;
    own_[held_++] = 0x80;
    std::memset(own_ + held_, 0, kBlock * blocks - 8 - held_);
    PutBigEndian(bits_, own_ + kBlock * blocks - 8);
    last_ = true;
  }

  Digest* out_ = nullptr;
  base::ByteSpan rest_;
  std::uint64_t bits_ = 0;
  std::size_t held_ = 0;
  bool last_ = false;
  std::uint8_t own_[2 * kBlock];
};

}  // namespace

void Sha256Many(base::ByteSpan prefix, std::span<const base::ByteSpan> messages, Digest* out) {
  if (messages.size() < 2 || !internal::HasSha256Pair()) {
    for (const base::ByteSpan message : messages) *out++ = Sha256().Update(prefix).Update(message).Finish();
    return;
  }
  Lane a, b;
  std::size_t next = 0;
  const auto feed = [&](Lane& lane) {
    if (lane.blocks > 0 || next == messages.size()) return;
    lane.Begin(prefix, messages[next], out + next);
    ++next;
  };
  for (feed(a), feed(b); a.blocks > 0 && b.blocks > 0; feed(a), feed(b)) {
    const std::size_t count = std::min(a.blocks, b.blocks);
    internal::Sha256CompressPair(a.state, a.at, b.state, b.at, count);
    a.Took(count);
    b.Took(count);
  }
  // The last one is alone: the same work twice takes as long as once.
  for (Lane& last = a.blocks > 0 ? a : b; last.blocks > 0; last.Took(last.blocks)) {
    internal::Sha256State twin = last.state;
    internal::Sha256CompressPair(last.state, last.at, twin, last.at, last.blocks);
  }
}

}  // namespace crypto
