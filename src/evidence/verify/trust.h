// SPDX-License-Identifier: Apache-2.0
// The keys a verifier trusts: `--key VKEY|FILE`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/spki.h"

namespace evidence {

struct TrustedKey {
  crypto::SpkiKey spki;
  std::optional<std::string> name;  // of a vkey; a PEM key takes its name from the run's origin
  std::string given_as;             // for reports: the option's value, or "this machine's own key"

  // This is `key` of a run of `deployment`.
  bool Matches(const crypto::SpkiKey& key, std::string_view deployment) const {
    return spki.key_id == key.key_id && (!name || *name == deployment);
  }
};

// A vkey of type 0x01 or a PEM block PUBLIC KEY, as text; one final newline is allowed.
base::Result<TrustedKey> ParseTrustedKey(std::string_view text);
// `argument` of --key: a vkey, or the path of a file that holds either form. Any error is a usage error.
base::Result<TrustedKey> LoadTrustedKey(const std::string& argument);

}  // namespace evidence
