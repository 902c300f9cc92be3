// SPDX-License-Identifier: Apache-2.0
// P-256 by nettle: the one file that needs it. The DER forms are short and fixed, so they are compared, not parsed.
#include "crypto/p256.h"

#include <nettle/dsa.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/ecdsa.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include "crypto/locked_page.h"
#include "crypto/random.h"
#include "crypto/sha256.h"

namespace crypto {
namespace {

constexpr std::size_t kScalarBytes = 32, kPointBytes = 64;

// SEQUENCE { SEQUENCE { ecPublicKey, prime256v1 }, BIT STRING { 0x04 … } }.
constexpr std::uint8_t kSpkiPrefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                        0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
constexpr std::size_t kSpkiBytes = sizeof(kSpkiPrefix) + kPointBytes;

// RFC 5208 around RFC 5915, the one form that is written: SEQUENCE { 0, { ecPublicKey, prime256v1 }, OCTET STRING {
// SEQUENCE { 1, OCTET STRING key, [1] { BIT STRING { 0x04 point } } } } }.
constexpr std::uint8_t kPkcs8Prefix[] = {0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
                                         0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                         0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20};
constexpr std::uint8_t kPkcs8Middle[] = {0xa1, 0x44, 0x03, 0x42, 0x00, 0x04};
constexpr std::size_t kPkcs8Bytes = sizeof(kPkcs8Prefix) + kScalarBytes + sizeof(kPkcs8Middle) + kPointBytes;

// GMP keeps numbers on the heap; what it frees is wiped first.
void* Allocate(std::size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void Free(void* memory, std::size_t size) {
  if (memory != nullptr) sodium_memzero(memory, size);
  std::free(memory);
}
void* Reallocate(void* memory, std::size_t old_size, std::size_t new_size) {
  void* fresh = Allocate(new_size);
  std::memcpy(fresh, memory, std::min(old_size, new_size));
  Free(memory, old_size);
  return fresh;
}

const ecc_curve* Curve() {
  static std::once_flag once;
  std::call_once(once, [] { mp_set_memory_functions(&Allocate, &Reallocate, &Free); });
  return nettle_get_secp_256r1();
}

class Number {
 public:
  Number() { mpz_init(value_); }
  explicit Number(base::ByteSpan big_endian) : Number() {
    mpz_import(value_, big_endian.size(), 1, 1, 1, 0, big_endian.data());
  }
  ~Number() { mpz_clear(value_); }
  Number(const Number&) = delete;
  mpz_t& operator*() { return value_; }
  // Exactly `out.size()` bytes, zeros in front; the number fits.
  void Export(std::span<std::uint8_t> out) const {
    const std::size_t used = (mpz_sizeinbase(value_, 2) + 7) / 8;
    std::ranges::fill(out, 0);
    if (mpz_sgn(value_) != 0) mpz_export(out.data() + out.size() - used, nullptr, 1, 1, 1, 0, value_);
  }

 private:
  mpz_t value_;
};

class Point {
 public:
  Point() { ecc_point_init(&point_, Curve()); }
  ~Point() { ecc_point_clear(&point_); }
  Point(const Point&) = delete;
  // False: not on the curve.
  bool Set(base::ByteSpan bytes) {
    Number x(bytes.first(32)), y(bytes.subspan(32, 32));
    return ecc_point_set(&point_, *x, *y) == 1;
  }
  void Export(std::span<std::uint8_t> out) const {
    Number x, y;
    ecc_point_get(&point_, *x, *y);
    x.Export(out.first(32));
    y.Export(out.subspan(32, 32));
  }
  ecc_point* get() { return &point_; }

 private:
  ecc_point point_;
};

class Scalar {
 public:
  Scalar() { ecc_scalar_init(&scalar_, Curve()); }
  ~Scalar() { ecc_scalar_clear(&scalar_); }
  Scalar(const Scalar&) = delete;
  // False: 0, or not below the order of the curve.
  bool Set(base::ByteSpan bytes) {
    Number number(bytes);
    return ecc_scalar_set(&scalar_, *number) == 1;
  }
  ecc_scalar* get() { return &scalar_; }

 private:
  ecc_scalar scalar_;
};

void RandomBytes(void* failed, std::size_t size, std::uint8_t* out) {
  if (!FillRandom({out, size})) {
    *static_cast<bool*>(failed) = true;
    std::memset(out, 1, size);  // any value ends nettle's loop; the result is thrown away
  }
}

class Signature {
 public:
  Signature() { dsa_signature_init(&signature_); }
  ~Signature() { dsa_signature_clear(&signature_); }
  Signature(const Signature&) = delete;
  dsa_signature* get() { return &signature_; }

 private:
  dsa_signature signature_;
};

bool HasSpkiForm(base::ByteSpan spki) {
  return spki.size() == kSpkiBytes && std::ranges::equal(spki.first(sizeof(kSpkiPrefix)), kSpkiPrefix);
}

// One DER INTEGER at the start of `bytes`: positive, minimal, at most 32 bytes of value. Its whole size, or 0.
std::size_t PositiveIntegerSize(base::ByteSpan bytes) {
  if (bytes.size() < 3 || bytes[0] != 0x02) return 0;
  const std::size_t length = bytes[1];
  if (length == 0 || length > 33 || bytes.size() < 2 + length) return 0;
  if ((bytes[2] & 0x80) != 0) return 0;
  if (bytes[2] == 0 && (length == 1 || (bytes[3] & 0x80) == 0)) return 0;
  if (length == 33 && bytes[2] != 0) return 0;
  return 2 + length;
}

// The two numbers of a strict DER signature.
bool ReadSignature(base::ByteSpan der, dsa_signature* signature) {
  if (der.size() < 8 || der.size() > 72 || der[0] != 0x30 || der[1] != der.size() - 2) return false;
  base::ByteSpan rest = der.subspan(2);
  for (mpz_t* number : {&signature->r, &signature->s}) {
    const std::size_t size = PositiveIntegerSize(rest);
    if (size == 0) return false;
    mpz_import(*number, size - 2, 1, 1, 1, 0, rest.data() + 2);
    rest = rest.subspan(size);
  }
  return rest.empty();
}

void AppendInteger(base::Bytes& out, mpz_t& number) {
  const std::size_t size = mpz_sizeinbase(number, 2) / 8 + 1;  // with room for the sign bit
  out.push_back(0x02);
  out.push_back(static_cast<std::uint8_t>(size));
  out.resize(out.size() + size);
  const std::size_t used = (mpz_sizeinbase(number, 2) + 7) / 8;
  mpz_export(out.data() + out.size() - used, nullptr, 1, 1, 1, 0, number);
}

std::unexpected<base::Error> NotAKey() {
  return base::Fail(base::ErrorKind::kInvalid,
                    "the file holds no P-256 private key in PKCS#8 form with its public half");
}

}  // namespace

bool IsP256Spki(base::ByteSpan spki) {
  return HasSpkiForm(spki) && Point().Set(spki.subspan(sizeof(kSpkiPrefix)));
}

bool VerifyP256(base::ByteSpan spki, base::ByteSpan message, base::ByteSpan signature) {
  Signature numbers;
  Point point;
  if (!ReadSignature(signature, numbers.get())) return false;
  if (!HasSpkiForm(spki) || !point.Set(spki.subspan(sizeof(kSpkiPrefix)))) return false;
  const auto digest = Sha256Of(message);
  return ecdsa_verify(point.get(), digest.size(), digest.data(), numbers.get()) == 1;
}

// The scalar, in locked memory; nettle sees it only while it signs.
struct P256SigningKey::Key {
  ~Key() { FreeLockedPage(page); }
  std::uint8_t* page = nullptr;
  base::ByteSpan bytes() const { return {page, kScalarBytes}; }
};

P256SigningKey::P256SigningKey(std::unique_ptr<Key> key) : key_(std::move(key)) {}
P256SigningKey::P256SigningKey(P256SigningKey&&) noexcept = default;
P256SigningKey& P256SigningKey::operator=(P256SigningKey&&) noexcept = default;
P256SigningKey::~P256SigningKey() = default;

base::Result<P256SigningKey> P256SigningKey::FromScalar(base::ByteSpan scalar) {
  auto key = std::make_unique<Key>();
  key->page = TRY(NewLockedPage());
  std::ranges::copy(scalar, key->page);
  Scalar secret;
  if (!secret.Set(key->bytes())) return NotAKey();
  P256SigningKey made(std::move(key));
  made.spki_.assign(std::begin(kSpkiPrefix), std::end(kSpkiPrefix));
  made.spki_.resize(kSpkiBytes);
  Point point;
  ecc_point_mul_g(point.get(), secret.get());
  point.Export(std::span(made.spki_).subspan(sizeof(kSpkiPrefix)));
  return made;
}

base::Result<P256SigningKey> P256SigningKey::Generate() {
  std::array<std::uint8_t, kScalarBytes> bytes;
  // Values that are no scalar of the curve are rarer than one in 2^32.
  for (;;) {
    TRY(FillRandom(bytes));
    auto key = FromScalar(bytes);
    sodium_memzero(bytes.data(), bytes.size());
    if (key || key.error().kind != base::ErrorKind::kInvalid) return key;
  }
}

base::Result<P256SigningKey> P256SigningKey::FromPkcs8(base::ByteSpan der) {
  const auto at = [&](std::size_t offset, auto& expected) {
    return std::ranges::equal(der.subspan(offset, sizeof(expected)), expected);
  };
  constexpr std::size_t kMiddleAt = sizeof(kPkcs8Prefix) + kScalarBytes;
  if (der.size() != kPkcs8Bytes || !at(0, kPkcs8Prefix) || !at(kMiddleAt, kPkcs8Middle)) return NotAKey();
  auto key = TRY(FromScalar(der.subspan(sizeof(kPkcs8Prefix), kScalarBytes)));
  const auto point = der.subspan(kMiddleAt + sizeof(kPkcs8Middle));
  if (!std::ranges::equal(point, base::ByteSpan(key.spki_).subspan(sizeof(kSpkiPrefix)))) return NotAKey();
  return key;
}

base::Result<base::Bytes> P256SigningKey::ToPkcs8() const {
  base::Bytes der;
  der.reserve(kPkcs8Bytes);
  der.insert(der.end(), std::begin(kPkcs8Prefix), std::end(kPkcs8Prefix));
  der.insert(der.end(), key_->bytes().begin(), key_->bytes().end());
  der.insert(der.end(), std::begin(kPkcs8Middle), std::end(kPkcs8Middle));
  der.insert(der.end(), spki_.begin() + sizeof(kSpkiPrefix), spki_.end());
  return der;
}

base::Result<base::Bytes> P256SigningKey::Sign(base::ByteSpan message) const {
  Scalar secret;
  if (!secret.Set(key_->bytes())) return base::Fail(base::ErrorKind::kInternal, "the P-256 key is damaged");
  const auto digest = Sha256Of(message);
  Signature numbers;
  bool failed = false;
  ecdsa_sign(secret.get(), &failed, &RandomBytes, digest.size(), digest.data(), numbers.get());
  if (failed) return base::Fail(base::ErrorKind::kUnavailable, "the kernel gave no random bytes for a P-256 signature");
  base::Bytes inner;
  AppendInteger(inner, numbers.get()->r);
  AppendInteger(inner, numbers.get()->s);
  base::Bytes der = {0x30, static_cast<std::uint8_t>(inner.size())};
  der.insert(der.end(), inner.begin(), inner.end());
  return der;
}

}  // namespace crypto
