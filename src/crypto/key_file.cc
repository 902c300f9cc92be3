// SPDX-License-Identifier: Apache-2.0
// Key files: the checks are made on the open descriptor, so nothing can be exchanged between check and read.
#include "crypto/key_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "base/unique_fd.h"
#include "crypto/locked_page.h"
#include "crypto/pem.h"
#include "crypto/random.h"

namespace crypto {
namespace {

constexpr std::string_view kLabel = "PRIVATE KEY";
// PKCS#8 (RFC 8410): version 0, Ed25519, OCTET STRING of OCTET STRING of 32 bytes.
constexpr std::uint8_t kEd25519Prefix[16] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                             0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

struct LockedPage {
  std::uint8_t* bytes = nullptr;
  ~LockedPage() { FreeLockedPage(bytes); }
};

template <class Container>
struct Wiped {
  Container value;
  ~Wiped() { explicit_bzero(const_cast<char*>(reinterpret_cast<const char*>(value.data())), value.size()); }
};

base::Result<> CheckPrivate(int fd, const std::string& name) {
  struct stat status;
  if (fstat(fd, &status) != 0) return base::FailOs(errno, fmt::format("cannot look at key file {} (fstat)", name));
  if (!S_ISREG(status.st_mode)) {
    return base::Fail(base::ErrorKind::kInvalid, fmt::format("key file {} is not a regular file", name));
  }
  if (status.st_uid != geteuid()) {
    return base::Fail(
        base::ErrorKind::kDenied,
        fmt::format("key file {} belongs to user {}, not to user {} who runs this", name, status.st_uid, geteuid()));
  }
  if ((status.st_mode & 077) != 0) {
    return base::Fail(base::ErrorKind::kDenied,
                      fmt::format("key file {} has mode {:04o}: others may reach it; make a new key, or chmod 0600 if "
                                  "nobody can have read it",
                                  name, status.st_mode & 07777));
  }
  return {};
}

// Reads the whole file into `page`; the text is a view of it.
base::Result<std::string_view> ReadPrivate(int directory, const std::string& name, LockedPage& page) {
  const base::UniqueFd fd(openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (fd.get() < 0) return base::FailOs(errno, fmt::format("cannot open key file {} (openat)", name));
  TRY(CheckPrivate(fd.get(), name));
  page.bytes = TRY(NewLockedPage());
  std::size_t size = 0;
  while (size < kLockedPageBytes) {
    const ssize_t got = read(fd.get(), page.bytes + size, kLockedPageBytes - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::FailOs(errno, fmt::format("cannot read key file {} (read)", name));
    if (got == 0) return std::string_view(reinterpret_cast<const char*>(page.bytes), size);
    size += static_cast<std::size_t>(got);
  }
  return base::Fail(base::ErrorKind::kLimit, fmt::format("key file {} is 4096 bytes or longer: no key of ours", name));
}

base::Result<base::Bytes> ReadPkcs8(int directory, const std::string& name) {
  LockedPage page;
  const std::string_view text = TRY(ReadPrivate(directory, name, page));
  auto der = PemDecode(text, kLabel);
  if (!der)
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("key file {} is no PEM file with one PRIVATE KEY block", name));
  return *std::move(der);
}

base::Result<> WriteAll(int fd, std::string_view content, const std::string& name) {
  while (!content.empty()) {
    const ssize_t wrote = write(fd, content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return base::FailOs(errno, fmt::format("cannot write key file {} (write)", name));
    content.remove_prefix(static_cast<std::size_t>(wrote));
  }
  if (fsync(fd) != 0) return base::FailOs(errno, fmt::format("cannot sync key file {} (fsync)", name));
  return {};
}

base::Result<> Store(int directory, const std::string& name, std::string_view content, mode_t mode) {
  const std::string temporary = fmt::format(".{}.{}", name, RandomHex(8));
  const base::UniqueFd fd(
      openat(directory, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (fd.get() < 0) return base::FailOs(errno, fmt::format("cannot make key file {} (openat)", name));
  base::Result<> done = WriteAll(fd.get(), content, name);
  if (done && fchmod(fd.get(), mode) != 0)
    done = base::FailOs(errno, fmt::format("cannot set the mode of key file {} (fchmod)", name));
  if (done && renameat2(directory, temporary.c_str(), directory, name.c_str(), RENAME_NOREPLACE) != 0) {
    done = base::FailOs(errno, fmt::format("cannot put key file {} in place (renameat2)", name));
  }
  if (!done) {
    unlinkat(directory, temporary.c_str(), 0);
    return done;
  }
  if (fsync(directory) != 0)
    return base::FailOs(errno, fmt::format("cannot sync the directory of key file {} (fsync)", name));
  return {};
}

}  // namespace

base::Result<SigningKey> KeyFile::LoadEd25519(int directory, const std::string& name) {
  Wiped<base::Bytes> der{TRY(ReadPkcs8(directory, name))};
  if (der.value.size() != sizeof(kEd25519Prefix) + 32 ||
      std::memcmp(der.value.data(), kEd25519Prefix, sizeof(kEd25519Prefix)) != 0) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("key file {} holds no Ed25519 private key in PKCS#8 form", name));
  }
  return SigningKey::FromSeed(base::ByteSpan(der.value).subspan(sizeof(kEd25519Prefix)));
}

base::Result<P256SigningKey> KeyFile::LoadP256(int directory, const std::string& name) {
  Wiped<base::Bytes> der{TRY(ReadPkcs8(directory, name))};
  return TRY_WITH(fmt::format("key file {}", name), P256SigningKey::FromPkcs8(der.value));
}

base::Result<> KeyFile::StoreEd25519(int directory, const std::string& name, const SigningKey& key) {
  Wiped<base::Bytes> der{base::Bytes(sizeof(kEd25519Prefix) + 32)};
  std::memcpy(der.value.data(), kEd25519Prefix, sizeof(kEd25519Prefix));
  std::memcpy(der.value.data() + sizeof(kEd25519Prefix), key.secret_, 32);
  const Wiped<std::string> text{PemEncode(der.value, kLabel)};
  return Store(directory, name, text.value, 0600);
}

base::Result<> KeyFile::StoreP256(int directory, const std::string& name, const P256SigningKey& key) {
  const Wiped<base::Bytes> der{TRY(key.ToPkcs8())};
  const Wiped<std::string> text{PemEncode(der.value, kLabel)};
  return Store(directory, name, text.value, 0600);
}

base::Result<> KeyFile::StorePublic(int directory, const std::string& name, std::string_view content) {
  return Store(directory, name, content, 0644);
}

}  // namespace crypto
