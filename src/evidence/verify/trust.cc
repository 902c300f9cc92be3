// SPDX-License-Identifier: Apache-2.0
// Reading of trusted keys.
#include "evidence/verify/trust.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "crypto/vkey.h"
#include "sys/file.h"

namespace evidence {
namespace {

constexpr std::size_t kMaxKeyFile = 64 * 1024;

}  // namespace

base::Result<TrustedKey> ParseTrustedKey(std::string_view text) {
  if (text.starts_with("-----BEGIN ")) return TrustedKey{.spki = TRY(crypto::ParseSpkiPem(text))};
  if (text.ends_with('\n')) text.remove_suffix(1);
  crypto::Vkey vkey = TRY(crypto::ParseVkey(text));
  if (vkey.type != crypto::VkeyType::kEd25519) {
    return base::Fail(base::ErrorKind::kInvalid,
                      "this verifier key is of a witness (type 0x04); a deployment's has type 0x01");
  }
  return TrustedKey{.spki = crypto::SpkiOf(vkey.key), .name = std::move(vkey.name)};
}

base::Result<TrustedKey> LoadTrustedKey(const std::string& argument) {
  const std::string context = fmt::format("key \"{}\"", base::Escape(argument));
  auto direct = ParseTrustedKey(argument);
  if (!direct) {
    const auto content = sys::ReadFile(AT_FDCWD, argument, kMaxKeyFile);
    if (!content && content.error().kind == base::ErrorKind::kNotFound) {
      return std::unexpected(std::move(direct).error().With(context + " is no file, and as a verifier key"));
    }
    if (!content) return std::unexpected(base::Error(content.error()).With(context));
    direct = TRY_WITH(context, ParseTrustedKey(*content));
  }
  direct->given_as = argument;
  return direct;
}

}  // namespace evidence
