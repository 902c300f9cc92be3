// SPDX-License-Identifier: Apache-2.0
// Finds delivered secrets again in text that a workload chose, without keeping them: keyed fingerprints of each value and of
// the forms in which it fits into a name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cell {

class SecretTraces {
 public:
  static constexpr std::size_t kShortest = 6;  // shorter values stand in too many names

  SecretTraces();  // draws the key
  // Remembers `value` plain, in hex, base32, base64 and base64url, whatever stands before it in the encoded text. Letter
  // case does not count. Values shorter than kShortest are not looked for.
  void Add(std::string_view value);
  bool empty() const { return prints_.empty(); }

  // `text` with each trace replaced by "[redacted]"; dots, with which names are cut into labels, may stand within one.
  std::string Mask(std::string_view text) const;

 private:
  struct Fingerprint {
    std::uint64_t a = 0, b = 0;
    bool operator==(const Fingerprint&) const = default;
  };
  struct Print {
    std::size_t length = 0;
    Fingerprint fingerprint;
    bool operator==(const Print&) const = default;
  };
  void AddForm(std::string form);

  std::uint64_t key_a_, key_b_;
  std::vector<Print> prints_;
};

}  // namespace cell
