// SPDX-License-Identifier: Apache-2.0
// Digests of the running binaries, with a cache of one small file per binary.
#include <fmt/format.h>

#include <array>

#include "crypto/random.h"
#include "crypto/sha256.h"
#include "evidence/opened.h"
#include "sys/file.h"

namespace evidence {
namespace {

constexpr std::size_t kMaxCacheBytes = 512;

// What identifies the content: any write moves ctime.
std::string IdentityOf(const struct stat& status) {
  return fmt::format("{}:{} {} {}.{:09} {}.{:09}", status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

base::Result<std::string> DigestOpenFile(int fd) {
  crypto::Sha256 hash;
  std::array<char, 64 * 1024> buffer;
  for (std::uint64_t offset = 0;;) {
    const std::size_t got = TRY(sys::ReadFullAt(fd, buffer, offset));
    hash.Update(std::string_view(buffer.data(), got));
    if (got < buffer.size()) return crypto::Hex(hash.Finish());
    offset += got;
  }
}

std::optional<std::string> Cached(int directory, const std::string& file, const std::string& identity) {
  const auto text = sys::ReadFile(directory, file, kMaxCacheBytes);
  if (!text || text->size() != identity.size() + 1 + 64 || !text->starts_with(identity + "\n")) return std::nullopt;
  std::string digest = text->substr(identity.size() + 1);
  if (!base::HexDecode(digest)) return std::nullopt;
  return digest;
}

base::Result<> Remember(int directory, const std::string& file, const std::string& identity,
                        const std::string& digest) {
  const std::string temporary = fmt::format(".{}.{}", file, crypto::RandomHex(8));
  {
    const base::UniqueFd fd = TRY(sys::OpenAt(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(sys::WriteAll(fd.get(), fmt::format("{}\n{}", identity, digest)));
  }
  return sys::RenameAt(directory, temporary, directory, file);
}

}  // namespace

base::Result<std::map<std::string, std::string>> DigestBinaries(
    const std::vector<std::pair<std::string, int>>& binaries, int cache_directory) {
  std::map<std::string, std::string> digests;
  for (const auto& [name, fd] : binaries) {
    const struct stat status = TRY(sys::Fstat(fd));
    const std::string file = fmt::format("binary-{}-{}", status.st_dev, status.st_ino);
    const std::string identity = IdentityOf(status);
    std::optional<std::string> digest;
    // An inode of a memory file is used again and again: only files of a disk are worth remembering.
    const bool cacheable = cache_directory >= 0 && status.st_nlink > 0;
    if (cacheable) digest = Cached(cache_directory, file, identity);
    if (!digest) {
      digest = TRY_WITH(fmt::format("cannot digest binary {}", name), DigestOpenFile(fd));
      // Without the cache the next start digests again; nothing is lost but time.
      if (cacheable) (void)Remember(cache_directory, file, identity, *digest);
    }
    digests.emplace(name, *std::move(digest));
  }
  return digests;
}

}  // namespace evidence
