// SPDX-License-Identifier: Apache-2.0
// The private root, built by descriptor: every target is opened beneath the new root without following a link, so that
// nothing a grant or the host swaps in the meantime can lead a mount elsewhere.
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>

#include <string_view>

#include "sandbox/child.h"
#include "sys/call.h"
#include "sys/mount.h"

namespace sandbox::internal {
namespace {

using Kind = plan::Mount::Kind;
using wire::StartPhase;

constexpr std::uint64_t kBeneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

void Close(long fd) { sys::Raw("close", SYS_close, fd); }

long OpenBeneath(int directory, const char* path, std::uint64_t flags) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = kBeneath;
  return sys::Raw("openat2", SYS_openat2, directory, path, &how, sizeof how);
}

// "/a/b" -> "a/b"; "/" -> ".".
const char* Relative(const char* target) { return target[0] == 0 || target[1] == 0 ? "." : target + 1; }
const char* Relative(const std::string& target) { return Relative(target.c_str()); }

// The directory that holds a target, opened beneath the root, and the target's last name. Made here, closed by itself.
class Place {
 public:
  Place(const ChildContext& context, int root, const std::string& target) : root_(root) {
    const char* path = Relative(target);
    const char* slash = strrchr(path, '/');
    if (slash == nullptr) {
      directory_ = root;
      name_ = path;
      return;
    }
    const auto length = static_cast<std::size_t>(slash - path);
    if (length >= sizeof parent_) Fail(context, -ENAMETOOLONG, target.c_str());
    memcpy(parent_, path, length);
    parent_[length] = 0;
    name_ = slash + 1;
    directory_ = static_cast<int>(
        Must(context, OpenBeneath(root, parent_, O_PATH | O_DIRECTORY), target.c_str()));
  }
  ~Place() {
    if (directory_ != root_) Close(directory_);
  }
  Place(const Place&) = delete;
  int directory() const { return directory_; }
  const char* name() const { return name_; }

 private:
  int root_, directory_ = -1;
  const char* name_ = nullptr;
  char parent_[4096];
};

// "size=123": text of a number without the library.
struct Decimal {
  char text[24];
  explicit Decimal(std::uint64_t value, unsigned base = 10) {
    char reversed[24];
    int digits = 0;
    do {
      reversed[digits++] = static_cast<char>('0' + value % base);
      value /= base;
    } while (value != 0);
    for (int i = 0; i < digits; ++i) text[i] = reversed[digits - 1 - i];
    text[digits] = 0;
  }
};

long Configure(int context, const char* key, const char* value) {
  return sys::Raw("fsconfig", SYS_fsconfig, context, sys::kFsconfigString, key, value, 0);
}

// A detached file system; `configure` sets its options on the context descriptor.
template <class F>
int NewFileSystem(const ChildContext& context, const char* type, std::uint64_t attributes, const char* object,
                  F configure) {
  const int fs = static_cast<int>(Must(context, sys::Raw("fsopen", SYS_fsopen, type, 1), object));
  Must(context, configure(fs), object);
  Must(context, sys::Raw("fsconfig", SYS_fsconfig, fs, sys::kFsconfigCreate, nullptr, nullptr, 0), object);
  const long mount = Must(context, sys::Raw("fsmount", SYS_fsmount, fs, 1, attributes), object);
  Close(fs);
  return static_cast<int>(mount);
}

int NewTmpfs(const ChildContext& context, const plan::Mount& mount) {
  std::uint64_t attributes = sys::kMountNoSuid | sys::kMountNoDev;
  if (mount.no_exec) attributes |= sys::kMountNoExec;
  if (mount.read_only) attributes |= sys::kMountReadOnly;
  return NewFileSystem(context, "tmpfs", attributes, mount.target.c_str(), [&](int fs) {
    long result = Configure(fs, "mode", Decimal(mount.mode != 0 ? mount.mode : 0755, 8).text);
    if (result >= 0 && mount.size_bytes != 0) result = Configure(fs, "size", Decimal(mount.size_bytes).text);
    if (result >= 0 && mount.inodes != 0) result = Configure(fs, "nr_inodes", Decimal(mount.inodes).text);
    return result;
  });
}

// Attaches detached mount `tree` on `target` and closes it.
void Attach(const ChildContext& context, int tree, int root, const std::string& target) {
  const long place = Must(context, OpenBeneath(root, Relative(target), O_PATH), target.c_str());
  Must(context,
       sys::Raw("move_mount", SYS_move_mount, tree, "", place, "", sys::kMoveEmptySource | sys::kMoveEmptyTarget),
       target.c_str());
  Close(place);
  Close(tree);
}

void Restrict(const ChildContext& context, int tree, std::uint64_t attributes, const char* object) {
  const sys::MountAttributes wanted = {.set = attributes};
  Must(context,
       sys::Raw("mount_setattr", SYS_mount_setattr, tree, "", sys::kAtEmptyPath | sys::kAtRecursive, &wanted,
                sizeof wanted),
       object);
}

long CloneTree(int directory, const char* path) {
  return sys::Raw("open_tree", SYS_open_tree, directory, path,
                  sys::kOpenTreeClone | sys::kOpenTreeCloexec | sys::kAtEmptyPath | sys::kAtRecursive);
}

// A host path of the plan's own table (/usr, a certificate directory, a device node), not of the document.
void BindHost(const ChildContext& context, const plan::Mount& mount, int root) {
  const long tree = CloneTree(AT_FDCWD, mount.source.c_str());
  if (tree == -ENOENT && mount.optional) return;
  Must(context, tree, mount.source.c_str());
  std::uint64_t attributes = sys::kMountNoSuid;
  if (mount.kind == Kind::kDevice) {
    attributes |= sys::kMountNoExec | sys::kMountReadOnly;  // a device takes writes on a read-only mount all the same
  } else {
    attributes |= sys::kMountNoDev;
    if (mount.read_only) attributes |= sys::kMountReadOnly;
    if (mount.no_exec) attributes |= sys::kMountNoExec;
  }
  Restrict(context, static_cast<int>(tree), attributes, mount.target.c_str());
  Attach(context, static_cast<int>(tree), root, mount.target);
}

bool SameFile(const struct stat& status, const base::ResolvedPath& expected) {
  const mode_t type = status.st_mode & S_IFMT;
  const bool kind = expected.kind == base::FileKind::kDirectory ? type == S_IFDIR
                    : expected.kind == base::FileKind::kRegular ? type == S_IFREG
                                                                : type != S_IFDIR && type != S_IFREG && type != S_IFLNK;
  return kind && status.st_dev == expected.device && status.st_ino == expected.inode;
}

// As an ordinary user: the canonical path, compared with what was resolved when the plan was made, and that very
// descriptor cloned.
int CloneGrant(const ChildContext& context, const base::ResolvedPath& grant) {
  const char* object = grant.canonical.c_str();
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long source = Must(context, sys::Raw("openat2", SYS_openat2, AT_FDCWD, object, &how, sizeof how), object);
  struct stat status;
  Must(context, sys::Raw("newfstatat", SYS_newfstatat, source, "", &status, AT_EMPTY_PATH), object);
  if (!SameFile(status, grant)) Fail(context, -ESTALE, object);
  const long tree = Must(context, CloneTree(static_cast<int>(source), ""), object);
  Close(source);
  return static_cast<int>(tree);
}

void BindGrant(const ChildContext& context, const plan::Mount& mount, int root) {
  if (mount.grant >= context.grant_trees.size()) Fail(context, -EINVAL, mount.target.c_str());
  int tree = context.grant_trees[mount.grant];
  if (tree < 0) tree = CloneGrant(context, context.plan->facts.grants[mount.grant]);
  std::uint64_t attributes = sys::kMountNoSuid | sys::kMountNoDev;
  if (mount.read_only) attributes |= sys::kMountReadOnly;
  if (mount.no_exec) attributes |= sys::kMountNoExec;
  Restrict(context, tree, attributes, mount.target.c_str());
  Attach(context, tree, root, mount.target);
}

void MakeDirectory(const ChildContext& context, const plan::Mount& mount, int root) {
  if (mount.target == "/") return;
  const Place place(context, root, mount.target);
  const mode_t mode = mount.mode != 0 ? mount.mode : 0755;
  const long result = sys::Raw("mkdirat", SYS_mkdirat, place.directory(), place.name(), mode);
  if (result != -EEXIST) Must(context, result, mount.target.c_str());
}

void MakeFile(const ChildContext& context, const plan::Mount& mount, int root) {
  const Place place(context, root, mount.target);
  const long fd = Must(context,
                       sys::Raw("openat", SYS_openat, place.directory(), place.name(),
                                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mount.mode),
                       mount.target.c_str());
  const char* at = mount.content.data();
  for (std::size_t left = mount.content.size(); left > 0;) {
    const long count = Must(context, sys::Raw("write", SYS_write, fd, at, left), mount.target.c_str());
    at += count;
    left -= static_cast<std::size_t>(count);
  }
  Close(fd);
}

void MakeLink(const ChildContext& context, const plan::Mount& mount, int root) {
  const Place place(context, root, mount.target);
  Must(context, sys::Raw("symlinkat", SYS_symlinkat, mount.source.c_str(), place.directory(), place.name()),
       mount.target.c_str());
}

// Read-only in place: the root itself by an attribute, anything else by a read-only bind of itself. A pin is that bind
// without the attribute: what is a mount point can't be renamed or removed.
void MakeReadOnly(const ChildContext& context, const plan::Mount& mount, int root) {
  const char* object = mount.target.c_str();
  if (mount.target == "/") {
    const sys::MountAttributes wanted = {.set = sys::kMountReadOnly};
    Must(context,
         sys::Raw("mount_setattr", SYS_mount_setattr, root, "", sys::kAtEmptyPath, &wanted, sizeof wanted), object);
    return;
  }
  const long source = OpenBeneath(root, Relative(mount.target), O_PATH);
  if (source == -ENOENT && mount.optional) return;
  Must(context, source, object);
  const long tree = Must(context, CloneTree(static_cast<int>(source), ""), object);
  Close(source);
  const std::uint64_t read_only = mount.kind == Kind::kPin ? 0 : sys::kMountReadOnly;
  Restrict(context, static_cast<int>(tree), read_only | sys::kMountNoSuid | sys::kMountNoDev, object);
  Attach(context, static_cast<int>(tree), root, mount.target);
}

// Hides a file behind the cell's /dev/null, a directory behind an empty one.
void Mask(const ChildContext& context, const plan::Mount& mount, int root) {
  const char* object = mount.target.c_str();
  struct stat status;
  const long target = OpenBeneath(root, Relative(mount.target), O_PATH);
  if ((target == -ENOENT || target == -ENOTDIR) && mount.optional) return;
  Must(context, target, object);
  Must(context, sys::Raw("newfstatat", SYS_newfstatat, target, "", &status, AT_EMPTY_PATH), object);
  Close(target);
  int tree;
  if (S_ISDIR(status.st_mode)) {
    tree = NewFileSystem(context, "tmpfs", sys::kMountReadOnly | sys::kMountNoSuid | sys::kMountNoDev | sys::kMountNoExec,
                         object, [](int fs) {
                           const long result = Configure(fs, "size", "4096");
                           return result < 0 ? result : Configure(fs, "nr_inodes", "2");
                         });
  } else {
    const long null = Must(context, OpenBeneath(root, "dev/null", O_PATH), "/dev/null");
    tree = static_cast<int>(Must(context, CloneTree(static_cast<int>(null), ""), object));
    Close(null);
  }
  Attach(context, tree, root, mount.target);
}

void MountDevpts(const ChildContext& context, const plan::Mount& mount, int root) {
  const int tree = NewFileSystem(context, "devpts", sys::kMountNoSuid | sys::kMountNoExec, mount.target.c_str(),
                                 [](int fs) {
                                   long result = Configure(fs, "ptmxmode", "0666");
                                   if (result >= 0) result = Configure(fs, "mode", "0600");
                                   return result < 0 ? result : Configure(fs, "max", "64");
                                 });
  Attach(context, tree, root, mount.target);
}

// A limit of the cell's user namespace.
void LimitOfUser(const ChildContext& context, int proc, const char* file, std::string_view value) {
  const long limit = Must(context, sys::Raw("openat", SYS_openat, proc, file, O_WRONLY | O_CLOEXEC, 0), file);
  Must(context, sys::Raw("write", SYS_write, limit, value.data(), value.size()), file);
  Close(limit);
}

void MountProcItself(const ChildContext& context, const plan::Mount& mount, int root) {
  const int tree =
      NewFileSystem(context, "proc", sys::kMountNoSuid | sys::kMountNoDev | sys::kMountNoExec, mount.target.c_str(),
                    [](int) { return 0L; });
  // Nobody in the cell makes another user namespace, whatever the filter thinks of it.
  LimitOfUser(context, tree, "sys/user/max_user_namespaces", "0");
  // What the cell uses counts for the caller on the host as well, who commonly has 128: for other cells, too.
  LimitOfUser(context, tree, "sys/user/max_inotify_instances", "32");
  if (context.plan->network && context.plan->network->network) TuneNetwork(context, tree);
  Attach(context, tree, root, mount.target);
}

void Apply(const ChildContext& context, const plan::Mount& mount, int root) {
  switch (mount.kind) {
    case Kind::kTmpfs: return Attach(context, NewTmpfs(context, mount), root, mount.target);
    case Kind::kBind:
    case Kind::kDevice: return BindHost(context, mount, root);
    case Kind::kGrant: return BindGrant(context, mount, root);
    case Kind::kProc: return MountProcItself(context, mount, root);
    case Kind::kMask: return Mask(context, mount, root);
    case Kind::kPin:
    case Kind::kReadOnly: return MakeReadOnly(context, mount, root);
    case Kind::kDevpts: return MountDevpts(context, mount, root);
    case Kind::kDirectory: return MakeDirectory(context, mount, root);
    case Kind::kFile: return MakeFile(context, mount, root);
    case Kind::kLink: return MakeLink(context, mount, root);
  }
  Fail(context, -EINVAL, mount.target.c_str());
}

// The mount that takes the parent's writes lies below the one that the cell sees.
void PassDenials(const ChildContext& context, int root) {
  const int fd = static_cast<int>(
      Must(context, OpenBeneath(root, Relative(plan::kDenialsFile), O_WRONLY), plan::kDenialsFile));
  PassUp(context, wire::ReportKind::kDenials, &fd, 1, plan::kDenialsFile);
  Close(fd);
}

bool IsDenials(const plan::Mount& mount) {
  return mount.kind == Kind::kPin && mount.target == plan::kDenialsFile;
}

bool IsSecretDirectory(const plan::Mount& mount) {
  const std::size_t length = mount.target.size();
  return mount.kind == Kind::kDirectory && strncmp(plan::kSecretSocket, mount.target.c_str(), length) == 0 &&
         strcmp(plan::kSecretSocket + length, "/broker.sock") == 0;
}

bool IsProc(const plan::Mount& mount) {
  const std::string& target = mount.target;
  return mount.kind == Kind::kProc || target.compare(0, 6, "/proc/") == 0;
}

}  // namespace

int BuildRoot(const ChildContext& context, int* secrets) {
  Enter(context, StartPhase::kMount);
  const auto& mounts = context.plan->mounts;
  if (mounts.empty() || mounts[0].kind != Kind::kTmpfs || mounts[0].target != "/") {
    Fail(context, -EINVAL, "the plan has no root");
  }
  const int root = NewTmpfs(context, mounts[0]);
  Must(context, sys::Raw("move_mount", SYS_move_mount, root, "", AT_FDCWD, "/", sys::kMoveEmptySource), "/");
  Must(context, sys::Raw("fchdir", SYS_fchdir, root), "/");
  for (std::size_t i = 1; i < mounts.size(); ++i) {
    if (IsProc(mounts[i])) continue;
    Apply(context, mounts[i], root);
    if (IsDenials(mounts[i])) PassDenials(context, root);
    if (IsSecretDirectory(mounts[i])) *secrets = ListenForSecrets(context);
  }
  return root;
}

int BuildEmptyRoot(const ChildContext& context) {
  Enter(context, StartPhase::kMount);
  const int root = NewFileSystem(context, "tmpfs",
                                 sys::kMountReadOnly | sys::kMountNoSuid | sys::kMountNoDev | sys::kMountNoExec, "/",
                                 [](int fs) {
                                   long result = Configure(fs, "mode", "0555");
                                   if (result >= 0) result = Configure(fs, "size", "4096");
                                   return result < 0 ? result : Configure(fs, "nr_inodes", "2");
                                 });
  Must(context, sys::Raw("move_mount", SYS_move_mount, root, "", AT_FDCWD, "/", sys::kMoveEmptySource), "/");
  return root;
}

void MountProc(const ChildContext& context, int root) {
  Enter(context, StartPhase::kProc);
  for (const plan::Mount& mount : context.plan->mounts) {
    if (IsProc(mount)) Apply(context, mount, root);
  }
}

void EnterRoot(const ChildContext& context, int root) {
  Enter(context, StartPhase::kRoot);
  // pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one and is taken off. It moves outer
  // init too, whose root and directory are the same.
  Must(context, sys::Raw("fchdir", SYS_fchdir, root), "/");
  Must(context, sys::Raw("pivot_root", SYS_pivot_root, ".", "."), "pivot_root");
  Must(context, sys::Raw("umount2", SYS_umount2, ".", MNT_DETACH), "umount of the old root");
  Must(context, sys::Raw("chdir", SYS_chdir, "/"), "/");
}

int OpenTerminal(const ChildContext& context, int root) {
  Enter(context, StartPhase::kTerminal);
  const long master = Must(context, OpenBeneath(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY), "/dev/pts/ptmx");
  const int unlock = 0;
  Must(context, sys::Raw("ioctl", SYS_ioctl, master, TIOCSPTLCK, &unlock), "/dev/pts/ptmx");
  // Without O_CLOEXEC: here the kernel keeps it as a flag of the file, and /proc would show it on every copy. The
  // descriptor itself doesn't outlive the fork: all that isn't copied to its place is closed.
  const long slave = Must(context, sys::Raw("ioctl", SYS_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY), "pty");
  const int passed = static_cast<int>(master);
  PassUp(context, wire::ReportKind::kTerminal, &passed, 1, "pty");
  Close(master);
  return static_cast<int>(slave);
}

}  // namespace sandbox::internal
