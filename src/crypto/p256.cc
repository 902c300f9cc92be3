// SPDX-License-Identifier: Apache-2.0
// P-256 by OpenSSL's EVP interface: the one file that needs it.
#include "crypto/p256.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

namespace crypto {
namespace {

template <auto kFree>
struct Freer {
  template <class T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using MdContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freer<PKCS8_PRIV_KEY_INFO_free>>;

// SEQUENCE { SEQUENCE { ecPublicKey, prime256v1 }, BIT STRING { 0x04 … } }.
constexpr std::uint8_t kSpkiPrefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                        0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
constexpr std::size_t kSpkiBytes = sizeof(kSpkiPrefix) + 64;

// The machine's openssl.cnf could load other code; what is judged here must not depend on it.
void StartOpenssl() {
  static std::once_flag once;
  std::call_once(once, [] { OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr); });
}

std::unexpected<base::Error> Failed(std::string_view what) {
  ERR_clear_error();
  return base::Fail(base::ErrorKind::kInternal, std::string(what));
}

PkeyPtr PublicKeyOf(base::ByteSpan spki) {
  if (spki.size() != kSpkiBytes || !std::ranges::equal(spki.first(sizeof(kSpkiPrefix)), kSpkiPrefix)) return nullptr;
  StartOpenssl();
  const std::uint8_t* at = spki.data();
  PkeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
  ERR_clear_error();
  return key;
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

bool IsStrictDer(base::ByteSpan signature) {
  if (signature.size() < 8 || signature.size() > 72 || signature[0] != 0x30) return false;
  if (signature[1] != signature.size() - 2) return false;
  base::ByteSpan rest = signature.subspan(2);
  const std::size_t first = PositiveIntegerSize(rest);
  if (first == 0) return false;
  rest = rest.subspan(first);
  return !rest.empty() && PositiveIntegerSize(rest) == rest.size();
}

}  // namespace

bool IsP256Spki(base::ByteSpan spki) { return PublicKeyOf(spki) != nullptr; }

bool VerifyP256(base::ByteSpan spki, base::ByteSpan message, base::ByteSpan signature) {
  if (!IsStrictDer(signature)) return false;
  const PkeyPtr key = PublicKeyOf(spki);
  if (!key) return false;
  const MdContext context(EVP_MD_CTX_new());
  const bool holds =
      context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
  ERR_clear_error();
  return holds;
}

struct P256SigningKey::Key {
  PkeyPtr pkey;
};

P256SigningKey::P256SigningKey(std::unique_ptr<Key> key) : key_(std::move(key)) {
  spki_.resize(kSpkiBytes);
  std::uint8_t* at = spki_.data();
  if (i2d_PUBKEY(key_->pkey.get(), nullptr) == static_cast<int>(kSpkiBytes)) i2d_PUBKEY(key_->pkey.get(), &at);
}
P256SigningKey::P256SigningKey(P256SigningKey&&) noexcept = default;
P256SigningKey& P256SigningKey::operator=(P256SigningKey&&) noexcept = default;
P256SigningKey::~P256SigningKey() = default;

base::Result<P256SigningKey> P256SigningKey::Generate() {
  StartOpenssl();
  PkeyPtr pkey(EVP_EC_gen("P-256"));
  if (!pkey) return Failed("OpenSSL could not make a P-256 key");
  P256SigningKey key(std::make_unique<Key>(std::move(pkey)));
  if (!IsP256Spki(key.spki())) return Failed("OpenSSL made a P-256 key of an unknown form");
  return key;
}

base::Result<P256SigningKey> P256SigningKey::FromPkcs8(base::ByteSpan der) {
  StartOpenssl();
  const std::uint8_t* at = der.data();
  const Pkcs8Ptr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())));
  PkeyPtr pkey(info && at == der.data() + der.size() ? EVP_PKCS82PKEY(info.get()) : nullptr);
  ERR_clear_error();
  if (!pkey || EVP_PKEY_get_base_id(pkey.get()) != EVP_PKEY_EC) {
    return base::Fail(base::ErrorKind::kInvalid, "the file holds no P-256 private key in PKCS#8 form");
  }
  P256SigningKey key(std::make_unique<Key>(std::move(pkey)));
  if (!IsP256Spki(key.spki())) return base::Fail(base::ErrorKind::kInvalid, "the private key is not on curve P-256");
  return key;
}

base::Result<base::Bytes> P256SigningKey::ToPkcs8() const {
  const Pkcs8Ptr info(EVP_PKEY2PKCS8(key_->pkey.get()));
  const int size = info ? i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr) : -1;
  if (size <= 0) return Failed("OpenSSL could not encode a P-256 key");
  base::Bytes der(static_cast<std::size_t>(size));
  std::uint8_t* at = der.data();
  i2d_PKCS8_PRIV_KEY_INFO(info.get(), &at);
  return der;
}

base::Result<base::Bytes> P256SigningKey::Sign(base::ByteSpan message) const {
  const MdContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_->pkey.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) != 1) {
    return Failed("OpenSSL could not sign with a P-256 key");
  }
  base::Bytes signature(size);
  if (EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    return Failed("OpenSSL could not sign with a P-256 key");
  }
  signature.resize(size);
  return signature;
}

}  // namespace crypto
