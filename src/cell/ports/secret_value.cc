// SPDX-License-Identifier: Apache-2.0
// Pages of their own for each value: locked, left out of core dumps, empty in every child.
#include "cell/ports/secret_value.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "sys/call.h"
#include "sys/file.h"

namespace cell {
namespace {

constexpr std::size_t kPage = 4096;

base::Error Unlocked(long error) {
  auto failure = sys::CallError(error, "mlock");
  failure.message += ": a secret must not reach swap; raise the limit of locked memory (ulimit -l)";
  return failure;
}

}  // namespace

base::Result<SecretValue> SecretValue::Allocate(std::size_t capacity) {
  capacity = std::max(kPage, (capacity + kPage - 1) / kPage * kPage);
  const long address = sys::Raw("mmap", SYS_mmap, nullptr, capacity, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address < 0 && address > -4096) return std::unexpected(sys::CallError(address, "mmap"));
  SecretValue value;
  value.data_ = reinterpret_cast<char*>(address);
  value.capacity_ = capacity;
  if (const long error = sys::Raw("mlock", SYS_mlock, value.data_, capacity); error < 0) {
    return std::unexpected(Unlocked(error));
  }
  for (const int advice : {MADV_DONTDUMP, MADV_WIPEONFORK}) {
    if (const long error = sys::Raw("madvise", SYS_madvise, value.data_, capacity, advice); error < 0) {
      return std::unexpected(sys::CallError(error, "madvise"));
    }
  }
  return value;
}

base::Result<SecretValue> SecretValue::Copy(std::string_view text) {
  if (text.size() > kMaxSecretBytes) {
    return base::Fail(base::ErrorKind::kLimit, "a secret of more than 1 MiB is not delivered");
  }
  auto value = TRY(Allocate(text.size()));
  if (!text.empty()) std::memcpy(value.data_, text.data(), text.size());
  value.size_ = text.size();
  return value;
}

base::Result<SecretValue> SecretValue::ReadFrom(int fd) {
  // One byte more than allowed tells a file that is too large from one that just fits.
  auto value = TRY(Allocate(kMaxSecretBytes + 1));
  value.size_ = TRY(sys::ReadFull(fd, std::span(value.data_, kMaxSecretBytes + 1)));
  // The value moves to pages of its own size, so that it does not count as a whole MiB against the limit of locked memory;
  // one that is too large is refused there.
  return Copy(value.view());
}

void SecretValue::DropLast(std::size_t count) {
  count = std::min(count, size_);
  size_ -= count;
  explicit_bzero(data_ + size_, count);
}

void SecretValue::Wipe() {
  if (data_ == nullptr) return;
  explicit_bzero(data_, capacity_);
  sys::Raw("munmap", SYS_munmap, data_, capacity_);
  data_ = nullptr;
  size_ = capacity_ = 0;
}

SecretValue::SecretValue(SecretValue&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

SecretValue& SecretValue::operator=(SecretValue&& other) noexcept {
  if (this != &other) {
    Wipe();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

SecretValue::~SecretValue() { Wipe(); }

}  // namespace cell
