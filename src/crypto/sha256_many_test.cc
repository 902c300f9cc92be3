// SPDX-License-Identifier: Apache-2.0
// Many digests at once against the library's, one by one.
#include "crypto/sha256_many.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace crypto {
namespace {

constexpr std::size_t kLongestPrefix = 63;

std::vector<Digest> OneByOne(base::ByteSpan prefix, const std::vector<base::ByteSpan>& messages) {
  std::vector<Digest> digests;
  for (const base::ByteSpan message : messages) digests.push_back(Sha256().Update(prefix).Update(message).Finish());
  return digests;
}

std::vector<Digest> AtOnce(base::ByteSpan prefix, const std::vector<base::ByteSpan>& messages) {
  std::vector<Digest> digests(messages.size());
  Sha256Many(prefix, messages, digests.data());
  return digests;
}

class Sha256ManyTest : public testing::Test {
 protected:
  Sha256ManyTest() : bytes_(1u << 16) {
    for (std::uint8_t& byte : bytes_) byte = static_cast<std::uint8_t>(random_());
  }
  // Bytes that begin at any address.
  base::ByteSpan Some(std::size_t size) { return base::ByteSpan(bytes_).subspan(random_() % (bytes_.size() - size), size); }

  std::mt19937 random_{1};
  base::Bytes bytes_;
};

TEST_F(Sha256ManyTest, IsTheSameForEveryLengthBesideEveryOther) {
  for (std::size_t first = 0; first <= 200; ++first) {
    for (std::size_t second = 0; second <= 200; second += 1 + second % 3) {
      const base::ByteSpan prefix = Some((first + second) % 3 == 0 ? 0 : (first * 7 + second) % (kLongestPrefix + 1));
      const std::vector<base::ByteSpan> messages = {Some(first), Some(second)};
      ASSERT_EQ(AtOnce(prefix, messages), OneByOne(prefix, messages))
          << first << " and " << second << " bytes behind " << prefix.size();
    }
  }
}

TEST_F(Sha256ManyTest, IsTheSameForEveryLengthUpToWhatIsHashedAlone) {
  for (std::size_t size = 0; size <= kSideBySideBytes + 70; ++size) {
    const std::vector<base::ByteSpan> messages = {Some(size), Some(random_() % (size + 1)), Some(size)};
    const base::ByteSpan prefix = Some(size % 2);
    ASSERT_EQ(AtOnce(prefix, messages), OneByOne(prefix, messages)) << size << " bytes behind " << prefix.size();
  }
}

TEST_F(Sha256ManyTest, IsTheSameForAnyNumberOfMessages) {
  for (std::size_t count = 0; count <= 40; ++count) {
    for (int round = 0; round < 20; ++round) {
      std::vector<base::ByteSpan> messages;
      while (messages.size() < count) messages.push_back(Some(random_() % 5 == 0 ? random_() % 9000 : random_() % 300));
      const base::ByteSpan prefix = Some(random_() % 2);
      ASSERT_EQ(AtOnce(prefix, messages), OneByOne(prefix, messages)) << count << " messages";
    }
  }
}

}  // namespace
}  // namespace crypto
