// SPDX-License-Identifier: Apache-2.0
// A per-thread pool of random bytes in a page that a fork wipes; a wiped or used-up pool is filled anew.
#include "crypto/random.h"

#include <sys/mman.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/encoding.h"

namespace crypto {
namespace {

constexpr std::size_t kPoolBytes = 4096;

// `left` lies in the wiped page as well: in a child it is 0, and the child fetches bytes of its own.
struct PoolPage {
  std::uint64_t left;
  std::uint8_t bytes[kPoolBytes - sizeof(std::uint64_t)];
};

class Pool {
 public:
  Pool() {
    void* page = mmap(nullptr, sizeof(PoolPage), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    if (madvise(page, sizeof(PoolPage), MADV_WIPEONFORK) == 0) {
      madvise(page, sizeof(PoolPage), MADV_DONTDUMP);
      page_ = static_cast<PoolPage*>(page);
    } else {
      munmap(page, sizeof(PoolPage));
    }
  }
  ~Pool() {
    if (page_ == nullptr) return;
    explicit_bzero(page_, sizeof(PoolPage));
    munmap(page_, sizeof(PoolPage));
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void Take(std::span<std::uint8_t> out) {
    if (page_ == nullptr || out.size() > sizeof(page_->bytes)) {
      if (!FillRandom(out)) std::abort();
      return;
    }
    if (page_->left < out.size()) {
      if (!FillRandom(page_->bytes)) std::abort();
      page_->left = sizeof(page_->bytes);
    }
    page_->left -= out.size();
    std::uint8_t* from = page_->bytes + page_->left;
    std::memcpy(out.data(), from, out.size());
    explicit_bzero(from, out.size());
  }

 private:
  PoolPage* page_ = nullptr;
};

Pool& ThreadPool() {
  thread_local Pool pool;
  return pool;
}

}  // namespace

base::Result<> FillRandom(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return base::FailOs(errno, "cannot get random bytes (getrandom)");
    }
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

void AppendUuid(std::string& out) {
  std::uint8_t raw[16];
  ThreadPool().Take(raw);
  raw[6] = static_cast<std::uint8_t>((raw[6] & 0x0f) | 0x40);
  raw[8] = static_cast<std::uint8_t>((raw[8] & 0x3f) | 0x80);
  static constexpr char kHex[] = "0123456789abcdef";
  char text[36];
  char* at = text;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    *at++ = kHex[raw[i] >> 4];
    *at++ = kHex[raw[i] & 15];
  }
  out.append(text, sizeof(text));
}

std::string NewUuid() {
  std::string out;
  AppendUuid(out);
  return out;
}

std::string RandomHex(std::size_t bytes) {
  base::Bytes raw(bytes);
  ThreadPool().Take(raw);
  return base::HexEncode(raw);
}

}  // namespace crypto
