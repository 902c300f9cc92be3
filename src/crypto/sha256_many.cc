// SPDX-License-Identifier: Apache-2.0
// Padded copies of the messages, given to libcrypto's routine for several lanes of blocks. It is the one under its own
// TLS records (crypto/evp/e_aes_cbc_hmac_sha256.c) and in no public header: the static library of Debian 12 has it, and
// the tests hold it to the public calls for every length.
#include "crypto/sha256_many.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)

namespace crypto {
namespace {

constexpr std::size_t kLanes = 8;
constexpr std::size_t kBlock = 64;
constexpr std::size_t kLength = 8;  // of a message in bits, at the end of its last block
constexpr std::array<std::uint32_t, 8> kStart = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

struct LaneBlocks {
  const std::uint8_t* at;
  std::int32_t blocks;  // 0: nothing is read
};
using LaneStates = std::array<std::array<std::uint32_t, kLanes>, kStart.size()>;  // by word, then by lane

// `lanes_by_four`: 1 or 2.
extern "C" void sha256_multi_block(LaneStates* states, const LaneBlocks* lanes, int lanes_by_four);

template <class Word>
void PutBigEndian(Word value, std::uint8_t* out) {
  value = std::byteswap(value);
  std::memcpy(out, &value, sizeof value);
}

std::uint8_t* Put(base::ByteSpan bytes, std::uint8_t* out) {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());  // g++ 12 makes a loop of std::ranges::copy
  return out + bytes.size();
}

class Lanes {
 public:
  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == kLanes; }

  void Add(base::ByteSpan prefix, base::ByteSpan message, Digest* out) {
    std::uint8_t* const begin = bytes_[count_].data();
    std::uint8_t* end = Put(message, Put(prefix, begin));
    const auto size = static_cast<std::size_t>(end - begin);
    const std::size_t blocks = (size + 1 + kLength + kBlock - 1) / kBlock;
    *end++ = 0x80;
    std::uint8_t* const length = begin + blocks * kBlock - kLength;
    std::fill(end, length, std::uint8_t{0});
    PutBigEndian(std::uint64_t{8 * size}, length);
    lanes_[count_] = {begin, static_cast<std::int32_t>(blocks)};
    out_[count_++] = out;
  }

  void Hash() {
    for (std::size_t word = 0; word < kStart.size(); ++word) states_[word].fill(kStart[word]);
    for (std::size_t lane = count_; lane < kLanes; ++lane) lanes_[lane] = {bytes_[0].data(), 0};
    sha256_multi_block(&states_, lanes_.data(), count_ > kLanes / 2 ? 2 : 1);
    for (std::size_t lane = 0; lane < count_; ++lane) {
      for (std::size_t word = 0; word < kStart.size(); ++word) {
        PutBigEndian(states_[word][lane], out_[lane]->data() + word * sizeof(std::uint32_t));
      }
    }
    count_ = 0;
  }

 private:
  static constexpr std::size_t kBytes = kSideBySideBytes + kLength;
  static_assert(kBytes % kBlock == 0);

  std::size_t count_ = 0;
  std::array<LaneBlocks, kLanes> lanes_;
  std::array<Digest*, kLanes> out_;
  alignas(64) LaneStates states_;
  std::array<std::array<std::uint8_t, kBytes>, kLanes> bytes_;
};

}  // namespace

void Sha256Many(base::ByteSpan prefix, std::span<const base::ByteSpan> messages, Digest* out) {
  Lanes lanes;
  for (const base::ByteSpan message : messages) {
    if (messages.size() > 1 && prefix.size() + message.size() < kSideBySideBytes) {
      lanes.Add(prefix, message, out++);
      if (lanes.full()) lanes.Hash();
    } else {
      *out++ = Sha256().Update(prefix).Update(message).Finish();
    }
  }
  if (!lanes.empty()) lanes.Hash();
}

}  // namespace crypto

#else

namespace crypto {

void Sha256Many(base::ByteSpan prefix, std::span<const base::ByteSpan> messages, Digest* out) {
  for (const base::ByteSpan message : messages) *out++ = Sha256().Update(prefix).Update(message).Finish();
}

}  // namespace crypto

#endif
