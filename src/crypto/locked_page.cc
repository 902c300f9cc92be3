// SPDX-License-Identifier: Apache-2.0
// mmap, mlock and madvise for one page of secrets.
#include "crypto/locked_page.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

namespace crypto {

base::Result<std::uint8_t*> NewLockedPage() {
  void* page = mmap(nullptr, kLockedPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return base::FailOs(errno, "cannot map a page for a private key (mmap)");
  const char* failed = nullptr;
  if (mlock(page, kLockedPageBytes) != 0) {
    failed = "cannot lock a page for a private key (mlock); raise the limit on locked memory (ulimit -l)";
  } else if (madvise(page, kLockedPageBytes, MADV_DONTDUMP) != 0) {
    failed = "cannot keep a private key out of core dumps (madvise MADV_DONTDUMP)";
  } else if (madvise(page, kLockedPageBytes, MADV_WIPEONFORK) != 0) {
    failed = "cannot keep a private key from child processes (madvise MADV_WIPEONFORK)";
  }
  if (failed != nullptr) {
    const int err = errno;
    munmap(page, kLockedPageBytes);
    return base::FailOs(err, failed);
  }
  return static_cast<std::uint8_t*>(page);
}

void FreeLockedPage(std::uint8_t* page) {
  if (page == nullptr) return;
  explicit_bzero(page, kLockedPageBytes);
  munmap(page, kLockedPageBytes);
}

}  // namespace crypto
