// SPDX-License-Identifier: Apache-2.0
// A secret value in locked memory, wiped when it goes.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace cell {

inline constexpr std::size_t kMaxSecretBytes = 1u << 20;

// Move-only. mlock, MADV_DONTDUMP, MADV_WIPEONFORK. Has no stream operator and no formatter on purpose.
class SecretValue {
 public:
  // Copies `text` into locked memory; the caller wipes its own copy. At most kMaxSecretBytes.
  static base::Result<SecretValue> Copy(std::string_view text);
  // Reads `fd` to its end straight into locked memory; kLimit when it holds more than kMaxSecretBytes.
  static base::Result<SecretValue> ReadFrom(int fd);
  SecretValue(SecretValue&& other) noexcept;
  SecretValue& operator=(SecretValue&& other) noexcept;
  ~SecretValue();

  std::string_view view() const { return {data_, size_}; }
  // Drops the last `count` bytes, at most all of them.
  void DropLast(std::size_t count);

 private:
  SecretValue() = default;
  static base::Result<SecretValue> Allocate(std::size_t capacity);
  void Wipe();
  char* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace cell
