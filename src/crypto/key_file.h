// SPDX-License-Identifier: Apache-2.0
// Private keys on disk: PKCS#8 PEM, 0600, owned by us, never overwritten.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/ed25519.h"
#include "crypto/p256.h"

namespace crypto {

// All calls: `directory` is open, `name` is one component below it. Loading refuses links, anything but a regular file,
// a file of another owner (kDenied), one that group or others may read or write (kDenied), and one over 4096 bytes.
class KeyFile {
 public:
  static base::Result<SigningKey> LoadEd25519(int directory, const std::string& name);
  static base::Result<P256SigningKey> LoadP256(int directory, const std::string& name);

  // Written under a temporary name, synced, then renamed without replacing; kExists when `name` is taken.
  static base::Result<> StoreEd25519(int directory, const std::string& name, const SigningKey& key);
  static base::Result<> StoreP256(int directory, const std::string& name, const P256SigningKey& key);

  // The same for a file that is no secret (`mode` 0644).
  static base::Result<> StorePublic(int directory, const std::string& name, std::string_view content);
};

}  // namespace crypto
