// SPDX-License-Identifier: Apache-2.0
// Limits, filter, read-back. /proc is not there to be asked.
#include "gate/process/lock.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>

#include "sys/call.h"
#include "sys/file.h"
#include "sys/process.h"
#include "wire/gate_record.h"

namespace gate {
namespace {

struct Limit {
  int resource;
  std::uint64_t most;
};

std::array<Limit, 6> Limits(const LockNeeds& needs) {
  return {{
      {RLIMIT_NOFILE, needs.descriptors},
      {RLIMIT_AS, std::uint64_t{512} << 20},  // its bounds add up to a fraction of it
      {RLIMIT_NPROC, 0},
      {RLIMIT_FSIZE, 0},
      {RLIMIT_CORE, 0},
      {RLIMIT_MEMLOCK, 0},
  }};
}

base::Result<rlimit64> Get(int resource) {
  rlimit64 now = {};
  const long done = sys::Raw("prlimit64", SYS_prlimit64, 0, resource, nullptr, &now);
  if (done < 0) return std::unexpected(sys::CallError(done, "prlimit64"));
  return now;
}

base::Result<> Lower(const Limit& limit) {
  const rlimit64 now = TRY(Get(limit.resource));
  const std::uint64_t most = std::min<std::uint64_t>(limit.most, now.rlim_max);
  const rlimit64 wanted = {most, most};
  const long done = sys::Raw("prlimit64", SYS_prlimit64, 0, limit.resource, &wanted, nullptr);
  if (done < 0) return std::unexpected(sys::CallError(done, "prlimit64"));
  return {};
}

bool LimitsHold(const LockNeeds& needs) {
  const auto limits = Limits(needs);
  return std::all_of(limits.begin(), limits.end(), [](const Limit& limit) {
    const auto now = Get(limit.resource);
    return now && now->rlim_cur <= limit.most && now->rlim_max <= limit.most;
  });
}

bool RootIsEmpty() {
  auto root = sys::OpenAt(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY);
  if (!root) return false;
  int entries = 0;
  const auto read = sys::ForEachEntry(root->get(), [&entries](const sys::DirectoryEntry&) {
    ++entries;
    return false;
  });
  return read && entries == 0;
}

bool HasNoCapability() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (sys::Raw("capget", SYS_capget, &header, data) != 0) return false;
  return std::all_of(std::begin(data), std::end(data),
                     [](const auto& half) { return (half.effective | half.permitted | half.inheritable) == 0; });
}

bool Says(int option, long value) {
  const auto said = sys::Prctl(option);
  return said && *said == value;
}

}  // namespace

base::Result<std::uint32_t> Lock(const LockNeeds& needs, wire::Bytes filter) {
  TRY(sys::ForbidTracing());
  for (const Limit& limit : Limits(needs)) TRY(Lower(limit));
  std::uint32_t facts = RootIsEmpty() ? wire::kLockEmptyRoot : 0u;
  TRY(sys::Prctl(PR_SET_NO_NEW_PRIVS, 1));
  const sock_fprog program = {static_cast<unsigned short>(filter.size / sizeof(sock_filter)),
                              reinterpret_cast<sock_filter*>(const_cast<std::uint8_t*>(filter.data))};
  const long installed = sys::Raw("seccomp", SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
  if (installed < 0) return std::unexpected(sys::CallError(installed, "seccomp"));
  if (HasNoCapability()) facts |= wire::kLockNoCapabilities;
  if (Says(PR_GET_NO_NEW_PRIVS, 1)) facts |= wire::kLockNoNewPrivs;
  if (Says(PR_GET_SECCOMP, SECCOMP_MODE_FILTER)) facts |= wire::kLockFilter;
  if (LimitsHold(needs)) facts |= wire::kLockRlimits;
  return facts;
}

std::uint64_t DescriptorLimit() {
  const auto now = Get(RLIMIT_NOFILE);
  return now ? now->rlim_cur : 256;
}

}  // namespace gate
