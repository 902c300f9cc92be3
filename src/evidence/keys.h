// SPDX-License-Identifier: Apache-2.0
// The deployment's keys on disk: made once, loaded to open and seal runs, retired but kept.
//
//   <keys>/deployment.ed25519.pem   private, PKCS#8, 0600      <keys>/deployment.vkey   its public form with the name
//   <keys>/deployment.p256.pem      only made on request
//   <keys>/retired/<key id>.ed25519.pem, .p256.pem             still used to seal runs that were opened under them
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "crypto/ed25519.h"
#include "crypto/p256.h"
#include "crypto/spki.h"
#include "crypto/vkey.h"

namespace evidence {

// One private key that can sign a seal.
struct SealingKey {
  crypto::SpkiKey spki;
  std::optional<crypto::SigningKey> ed25519;  // exactly one of the two is set
  std::optional<crypto::P256SigningKey> p256;

  base::Result<base::Bytes> Sign(std::string_view message) const;
};

// The keys that open a run: Ed25519 first, then P-256 where there is one.
struct DeploymentKeys {
  std::string name;                // key name of notes, first part of a run's origin
  std::vector<SealingKey> keys;    // in the order of leaf 0's deploymentKeys; keys[0] is Ed25519

  const crypto::SigningKey& note_key() const { return *keys[0].ed25519; }
  crypto::Vkey vkey() const { return {.name = name, .key = keys[0].spki.ed25519}; }
};

// All of the following: `keys_directory` is a path, made 0700 when missing by the calls that make keys.

// kNotFound when no key was ever made. Refuses a file that others can read, of another owner, that is a link, or a vkey
// that belongs to another key.
base::Result<DeploymentKeys> LoadDeploymentKeys(const std::string& keys_directory);

struct KeygenOptions {
  std::string name;   // empty: "cellos.invalid/<first 16 hex of the raw public key>"
  bool p256 = false;  // makes the P-256 key too; added to an existing deployment when only it is missing
};
// Makes the deployment keys; kExists when there is one already, kInvalid when only its public file is left. Returns them
// loaded.
base::Result<DeploymentKeys> GenerateDeploymentKeys(const std::string& keys_directory, const KeygenOptions& options);

struct LoadedKeys {
  DeploymentKeys keys;
  bool generated = false;  // this call made them: say so to the user
};
base::Result<LoadedKeys> LoadOrGenerateDeploymentKeys(const std::string& keys_directory);

// Moves the current keys to retired/ and makes new ones under the same name unless `options` names another.
base::Result<DeploymentKeys> RotateDeploymentKeys(const std::string& keys_directory, const KeygenOptions& options);

// All retired keys, in no order; empty when there are none.
base::Result<std::vector<SealingKey>> LoadRetiredKeys(const std::string& keys_directory);

// The private keys with exactly these key ids, in this order, from the current and the retired ones; kNotFound names the
// first that is missing.
base::Result<std::vector<SealingKey>> FindSealingKeys(const std::string& keys_directory,
                                                      const std::vector<std::string>& key_ids);

}  // namespace evidence
