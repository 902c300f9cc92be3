// SPDX-License-Identifier: Apache-2.0
// Files, devices and kernel views that a cell does not have. /attack-rw, where granted, is a directory of the host.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe.h"

namespace probe {
namespace {

#define ATTEMPT(name, ...)                      \
  {                                             \
    name, +[]() -> long { return __VA_ARGS__; } \
  }

long Write(const char* path) { return OpenOnly(path, O_WRONLY); }
long Create(const char* path, int mode = 0600) {
  unlink(path);
  return OpenOnly(path, O_WRONLY | O_CREAT | O_EXCL, mode);
}

// A read of nothing is a refusal too.
long Read(const char* path) {
  const long count = ReadSome(path);
  if (count == 0) errno = ENODATA;
  return count > 0 ? count : -1;
}

const char* Fresh(const char* path) {
  unlink(path);
  const int fd = open(path, O_WRONLY | O_CREAT, 0700);
  if (fd >= 0) close(fd);
  return path;
}

long Node(const char* path, mode_t mode, dev_t device) {
  unlink(path);
  return syscall(SYS_mknodat, AT_FDCWD, path, mode, device);
}

long Handle() {
  char buffer[sizeof(file_handle) + 128] = {};
  auto* handle = reinterpret_cast<file_handle*>(buffer);
  handle->handle_bytes = 128;
  int mount = 0;
  return syscall(SYS_name_to_handle_at, AT_FDCWD, "/usr", handle, &mount, 0);
}

long OpenHandle() {
  char buffer[sizeof(file_handle) + 8] = {};
  auto* handle = reinterpret_cast<file_handle*>(buffer);
  handle->handle_bytes = 8;
  handle->handle_type = 1;
  buffer[sizeof(file_handle)] = 2;  // inode 2: the root of an ext4
  return syscall(SYS_open_by_handle_at, open("/usr", O_RDONLY), handle, O_RDONLY);
}

long MapWritable(const char* path) {
  const int fd = open(path, O_RDONLY);
  if (fd < 0) return -1;
  return mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0;
}

// Version 2 of the attribute: every capability, effective.
long CapabilityAttribute(const char* path) {
  const unsigned value[5] = {0x02000001, ~0u, 0, ~0u, 0};
  return setxattr(path, "security.capability", value, sizeof value, 0);
}

constexpr Attempt kAttempts[] = {
    ATTEMPT("FI04.core_pattern", Write("/proc/sys/kernel/core_pattern")),
    ATTEMPT("FI04.modprobe", Write("/proc/sys/kernel/modprobe")),
    ATTEMPT("FI04.hostname", Write("/proc/sys/kernel/hostname")),
    ATTEMPT("FI04.overcommit", Write("/proc/sys/vm/overcommit_memory")),
    ATTEMPT("FI04.namespaces", Write("/proc/sys/user/max_user_namespaces")),
    ATTEMPT("FI04.forwarding", Write("/proc/sys/net/ipv4/ip_forward")),
    ATTEMPT("FI04.sysrq", Write("/proc/sysrq-trigger")),
    ATTEMPT("FI04.binfmt", Write("/proc/sys/fs/binfmt_misc/register")),
    ATTEMPT("FI04.uevent_helper", Write("/sys/kernel/uevent_helper")),
    ATTEMPT("FI04.init_root", OpenOnly("/proc/1/root/etc/passwd", O_RDONLY)),
    ATTEMPT("FI04.init_cwd", OpenOnly("/proc/1/cwd", O_RDONLY)),
    ATTEMPT("FI04.init_memory", OpenOnly("/proc/1/mem", O_RDWR)),
    ATTEMPT("FI04.init_environ", Read("/proc/1/environ")),
    ATTEMPT("FI04.init_descriptors", OpenOnly("/proc/1/fd", O_RDONLY | O_DIRECTORY)),
    ATTEMPT("FI04.usr", Create("/usr/attack")),
    ATTEMPT("FI04.etc", Create("/etc/attack")),
    ATTEMPT("FI04.root", Create("/attack-file")),
    ATTEMPT("FI04.dev", Create("/dev/attack")),
    ATTEMPT("FI04.cell_json", Write("/run/cellos/cell.json")),
    ATTEMPT("FI04.denials", Write("/run/cellos/denials")),
    ATTEMPT("FI04.chmod_usr", chmod("/usr/bin/env", 0755)),
    ATTEMPT("FI04.map_usr", MapWritable("/usr/bin/env")),
    ATTEMPT("FI04.twin_tmp", Create("/tmp/attack")),
    ATTEMPT("FI04.twin_workspace", Create("/workspace/attack")),
    ATTEMPT("FI04.twin_shm", Create("/dev/shm/attack")),
    ATTEMPT("FI05.kallsyms", Read("/proc/kallsyms")),
    ATTEMPT("FI05.keys", Read("/proc/keys")),
    ATTEMPT("FI05.timer_list", Read("/proc/timer_list")),
    ATTEMPT("FI05.sched_debug", Read("/proc/sched_debug")),
    ATTEMPT("FI05.kcore", Read("/proc/kcore")),
    ATTEMPT("FI05.kmsg", Read("/proc/kmsg")),
    ATTEMPT("FI05.dev_kmsg", Read("/dev/kmsg")),
    ATTEMPT("FI05.dev_mem", OpenOnly("/dev/mem", O_RDONLY)),
    ATTEMPT("FI05.firmware", OpenOnly("/sys/firmware", O_RDONLY)),
    ATTEMPT("FI05.debugfs", OpenOnly("/sys/kernel/debug", O_RDONLY)),
    ATTEMPT("FI05.sys", OpenOnly("/sys", O_RDONLY)),
    ATTEMPT("FI05.twin_meminfo", Read("/proc/meminfo")),
    ATTEMPT("FI10.mem", Node("/tmp/mem", S_IFCHR | 0666, makedev(1, 1))),
    ATTEMPT("FI10.null", Node("/tmp/null", S_IFCHR | 0666, makedev(1, 3))),
    ATTEMPT("FI10.disk", Node("/tmp/disk", S_IFBLK | 0666, makedev(8, 0))),
    ATTEMPT("FI10.whiteout", Node("/attack-rw/white", S_IFCHR, 0)),
    ATTEMPT("FI10.whiteout_high", syscall(SYS_mknodat, AT_FDCWD, "/attack-rw/white", 0xbad'0000'0000ul | S_IFCHR, 0)),
    ATTEMPT("FI10.rename_whiteout",
            syscall(SYS_renameat2, AT_FDCWD, Fresh("/attack-rw/w1"), AT_FDCWD, "/attack-rw/w2", 4 /* WHITEOUT */)),
    ATTEMPT("FI10.kvm", OpenOnly("/dev/kvm", O_RDWR)),
    ATTEMPT("FI10.fuse", OpenOnly("/dev/fuse", O_RDWR)),
    ATTEMPT("FI10.loop", OpenOnly("/dev/loop-control", O_RDWR)),
    ATTEMPT("FI10.tun", OpenOnly("/dev/net/tun", O_RDWR)),
    ATTEMPT("FI10.vda", OpenOnly("/dev/vda", O_RDONLY)),
    ATTEMPT("FI10.twin_fifo", Node("/tmp/fifo", S_IFIFO | 0600, 0)),
    ATTEMPT("FI10.twin_file", Node("/tmp/file", S_IFREG | 0600, 0)),
    ATTEMPT("FI10.twin_null", Write("/dev/null")),
    ATTEMPT("FI12.name_to_handle", Handle()),
    ATTEMPT("FI12.open_by_handle", OpenHandle()),
    ATTEMPT("FI15.chmod", chmod(Fresh("/attack-rw/a"), 04755)),
    ATTEMPT("FI15.chmod_group", chmod(Fresh("/attack-rw/b"), 02755)),
    ATTEMPT("FI15.chmod_high", syscall(SYS_fchmodat, AT_FDCWD, Fresh("/attack-rw/c"), 0xbad'0000'0000ul | 04755)),
    ATTEMPT("FI15.fchmod", fchmod(open(Fresh("/attack-rw/d"), O_RDONLY), 06755)),
    ATTEMPT("FI15.fchmodat2", syscall(452, AT_FDCWD, Fresh("/attack-rw/e"), 04755, 0)),
    ATTEMPT("FI15.open", Create("/attack-rw/f", 04755)),
    ATTEMPT("FI15.creat", (unlink("/attack-rw/g"), syscall(SYS_creat, "/attack-rw/g", 02755))),
    ATTEMPT("FI15.mknod", Node("/attack-rw/h", S_IFREG | 06755, 0)),
    ATTEMPT("FI15.mkdir", (rmdir("/attack-rw/i"), mkdir("/attack-rw/i", 02755))),
    ATTEMPT("FI15.tmpfile", OpenOnly("/attack-rw", O_TMPFILE | O_WRONLY, 04755)),
    ATTEMPT("FI15.capability", CapabilityAttribute(Fresh("/attack-rw/j"))),
    ATTEMPT("FI15.twin_chmod", chmod(Fresh("/attack-rw/k"), 0755)),
    ATTEMPT("FI15.twin_sticky", chmod(Fresh("/attack-rw/l"), 01755)),
};

}  // namespace

std::span<const Attempt> FileAttempts() { return kAttempts; }

}  // namespace probe
