// SPDX-License-Identifier: Apache-2.0
// FIPS 180-4 by the SHA instructions of x86-64, four rounds of each computation at a time.
#include "crypto/sha256_pair.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

namespace crypto::internal {
namespace {

#define CRYPTO_SHA [[gnu::target("sha,sse4.1"), gnu::always_inline]] inline

alignas(16) constexpr std::uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// The halves of a state as the instructions want them, and the four newest quadruples of the message schedule.
struct Lane {
  __m128i abef, cdgh;
  __m128i words[4];
};

CRYPTO_SHA __m128i Load(const void* at) { return _mm_loadu_si128(static_cast<const __m128i*>(at)); }

CRYPTO_SHA void Enter(const Sha256State& state, Lane& lane) {
  const __m128i badc = _mm_shuffle_epi32(Load(state.data()), 0xb1);
  const __m128i hgfe = _mm_shuffle_epi32(Load(state.data() + 4), 0x1b);
  lane.abef = _mm_alignr_epi8(badc, hgfe, 8);
  lane.cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
}

CRYPTO_SHA void Leave(const Lane& lane, Sha256State& state) {
  const __m128i feba = _mm_shuffle_epi32(lane.abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(lane.cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state.data()), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state.data() + 4), _mm_alignr_epi8(dchg, feba, 8));
}

CRYPTO_SHA void LoadWords(const std::uint8_t* block, Lane& lane) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  for (int i = 0; i < 4; ++i) lane.words[i] = _mm_shuffle_epi8(Load(block + 16 * i), big_endian);
}

template <int kFour>
CRYPTO_SHA void FourRounds(Lane& lane) {
  __m128i(&w)[4] = lane.words;
  __m128i sum = _mm_add_epi32(w[kFour % 4], Load(kRound + 4 * kFour));
  lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, sum);
  sum = _mm_shuffle_epi32(sum, 0x0e);
  lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, sum);
  if constexpr (kFour < 12) {
    const __m128i before = _mm_alignr_epi8(w[(kFour + 3) % 4], w[(kFour + 2) % 4], 4);
    const __m128i old = _mm_sha256msg1_epu32(w[kFour % 4], w[(kFour + 1) % 4]);
    w[kFour % 4] = _mm_sha256msg2_epu32(_mm_add_epi32(old, before), w[(kFour + 3) % 4]);
  }
}

template <int kFour = 0>
CRYPTO_SHA void AllRounds(Lane& a, Lane& b) {
  FourRounds<kFour>(a);
  FourRounds<kFour>(b);
  if constexpr (kFour < 15) AllRounds<kFour + 1>(a, b);
}

#undef CRYPTO_SHA

}  // namespace

bool HasSha256Pair() {
  static const bool has = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_SSE4_1) == 0) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
  }();
  return has;
}

[[gnu::target("sha,sse4.1")]] void Sha256CompressPair(Sha256State& a, const std::uint8_t* a_bytes, Sha256State& b,
                                                      const std::uint8_t* b_bytes, std::size_t blocks) {
  Lane lane_a, lane_b;
  Enter(a, lane_a);
  Enter(b, lane_b);
  for (; blocks > 0; --blocks, a_bytes += 64, b_bytes += 64) {
    const __m128i a_abef = lane_a.abef, a_cdgh = lane_a.cdgh, b_abef = lane_b.abef, b_cdgh = lane_b.cdgh;
    LoadWords(a_bytes, lane_a);
    LoadWords(b_bytes, lane_b);
    AllRounds(lane_a, lane_b);
    lane_a.abef = _mm_add_epi32(lane_a.abef, a_abef);
    lane_a.cdgh = _mm_add_epi32(lane_a.cdgh, a_cdgh);
    lane_b.abef = _mm_add_epi32(lane_b.abef, b_abef);
    lane_b.cdgh = _mm_add_epi32(lane_b.cdgh, b_cdgh);
  }
  Leave(lane_a, a);
  Leave(lane_b, b);
}

}  // namespace crypto::internal

#else

#include <cstdlib>

namespace crypto::internal {

bool HasSha256Pair() { return false; }
void Sha256CompressPair(Sha256State&, const std::uint8_t*, Sha256State&, const std::uint8_t*, std::size_t) { std::abort(); }

}  // namespace crypto::internal

#endif
