// SPDX-License-Identifier: Apache-2.0
// OpenSSL is the oracle: what one signs and writes the other verifies and reads.
#include "crypto/p256.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

namespace crypto {
namespace {

using Pkey = std::unique_ptr<EVP_PKEY, decltype([](EVP_PKEY* key) { EVP_PKEY_free(key); })>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype([](EVP_MD_CTX* context) { EVP_MD_CTX_free(context); })>;

Pkey OracleKey(const base::Bytes& pkcs8) {
  const std::uint8_t* at = pkcs8.data();
  return Pkey(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(pkcs8.size())));
}

base::Bytes OraclePkcs8(EVP_PKEY* key) {
  PKCS8_PRIV_KEY_INFO* info = EVP_PKEY2PKCS8(key);
  std::uint8_t* der = nullptr;
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
  base::Bytes bytes(der, der + size);
  OPENSSL_free(der);
  PKCS8_PRIV_KEY_INFO_free(info);
  return bytes;
}

base::Bytes OracleSpki(EVP_PKEY* key) {
  std::uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  base::Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

bool OracleVerifies(EVP_PKEY* key, base::ByteSpan message, base::ByteSpan signature) {
  const Context context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

base::Bytes OracleSigns(EVP_PKEY* key, base::ByteSpan message) {
  const Context context(EVP_MD_CTX_new());
  std::size_t size = 80;
  base::Bytes signature(size);
  EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key);
  EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size());
  signature.resize(size);
  return signature;
}

TEST(P256, AgreesWithOpensslInBothDirections) {
  for (int round = 0; round < 40; ++round) {
    const auto key = P256SigningKey::Generate();
    ASSERT_TRUE(key);
    const Pkey oracle = OracleKey(*key->ToPkcs8());
    ASSERT_TRUE(oracle);
    EXPECT_EQ(OracleSpki(oracle.get()), key->spki());
    const std::string text = "round " + std::to_string(round);
    EXPECT_TRUE(OracleVerifies(oracle.get(), base::AsBytes(text), *key->Sign(base::AsBytes(text))));
    EXPECT_TRUE(VerifyP256(key->spki(), base::AsBytes(text), OracleSigns(oracle.get(), base::AsBytes(text))));
    EXPECT_FALSE(VerifyP256(key->spki(), base::AsBytes("other"), OracleSigns(oracle.get(), base::AsBytes(text))));
  }
}

TEST(P256, ReadsWhatOpensslWrites) {
  const Pkey oracle(EVP_EC_gen("P-256"));
  const auto key = P256SigningKey::FromPkcs8(OraclePkcs8(oracle.get()));
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->spki(), OracleSpki(oracle.get()));
}

TEST(P256, RefusesKeysOfAnotherFormCurveOrPublicHalf) {
  const auto key = P256SigningKey::Generate();
  ASSERT_TRUE(key);
  const base::Bytes good = *key->ToPkcs8();
  for (const std::size_t at : {0uz, 26uz, 40uz, 70uz, 80uz, good.size() - 1}) {
    base::Bytes bad = good;
    bad[at] ^= 1;
    EXPECT_FALSE(P256SigningKey::FromPkcs8(bad)) << at;
  }
  base::Bytes zero = good;
  std::fill_n(zero.begin() + 36, 32, 0);
  EXPECT_FALSE(P256SigningKey::FromPkcs8(zero));
  std::fill_n(zero.begin() + 36, 32, 0xff);
  EXPECT_FALSE(P256SigningKey::FromPkcs8(zero)) << "not below the order of the curve";
  const Pkey other(EVP_EC_gen("P-384"));
  EXPECT_FALSE(P256SigningKey::FromPkcs8(OraclePkcs8(other.get())));
  EXPECT_FALSE(P256SigningKey::FromPkcs8({}));
}

TEST(P256, RefusesNumbersThatNoSignatureHas) {
  const auto key = P256SigningKey::Generate();
  ASSERT_TRUE(key);
  // r = s = 0, and r = s = the order of the curve.
  EXPECT_FALSE(VerifyP256(key->spki(), base::AsBytes("m"), base::Bytes{0x30, 6, 2, 1, 0, 2, 1, 0}));
  const base::Bytes order = *base::HexDecode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  base::Bytes der = {0x30, 70};
  for (int i = 0; i < 2; ++i) {
    der.insert(der.end(), {2, 33, 0});
    der.insert(der.end(), order.begin(), order.end());
  }
  EXPECT_FALSE(VerifyP256(key->spki(), base::AsBytes("m"), der));
}

}  // namespace
}  // namespace crypto
