// SPDX-License-Identifier: Apache-2.0
// A secret value in locked memory, wiped when it goes.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace cell {

// Move-only. mlock, MADV_DONTDUMP, MADV_WIPEONFORK. Has no stream operator and no formatter on purpose.
class SecretValue {
 public:
  // Copies `text` into locked memory; the caller wipes its own copy. At most 1 MiB.
  static base::Result<SecretValue> Copy(std::string_view text);
  SecretValue(SecretValue&& other) noexcept;
  SecretValue& operator=(SecretValue&& other) noexcept;
  ~SecretValue();
  std::string_view view() const { return {data_, size_}; }

 private:
  SecretValue() = default;
  char* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace cell
