// SPDX-License-Identifier: Apache-2.0
// Disk space held back by a file without a name.
#include "event/space_reserve.h"

#include <fcntl.h>

#include "crypto/random.h"
#include "sys/file.h"

namespace event {
namespace {

base::Result<base::UniqueFd> NamelessFile(int directory) {
  auto file = sys::OpenAt(directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (file || (file.error().os_errno != EOPNOTSUPP && file.error().os_errno != EISDIR)) return file;
  const std::string name = ".reserve-" + crypto::RandomHex(8);
  base::UniqueFd named = TRY(sys::OpenAt(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600));
  TRY(sys::UnlinkAt(directory, name));
  return named;
}

}  // namespace

base::Result<SpaceReserve> SpaceReserve::Create(int directory, std::size_t bytes) {
  SpaceReserve reserve;
  if (bytes == 0) return reserve;
  reserve.fd_ = TRY(NamelessFile(directory));
  const auto set_aside = sys::Fallocate(reserve.fd_.get(), 0, 0, bytes);
  if (set_aside) return reserve;
  const int error = set_aside.error().os_errno;
  if (error != EOPNOTSUPP && error != ENOSYS) return std::unexpected(set_aside.error());
  reserve.Release();
  return reserve;
}

}  // namespace event
