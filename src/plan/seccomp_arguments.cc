// SPDX-License-Identifier: Apache-2.0
// The table of calls that depend on their arguments. Arguments that the kernel takes as 32 bits are compared as 32 bits,
// so that a high half can't make a forbidden value look like another.
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "plan/seccomp_table.h"

#define CALL(name) {SYS_##name, #name}

namespace plan {
namespace {

using Is = ArgumentTest::Is;
using Half = ArgumentTest::Half;

constexpr std::uint32_t kAll = 0xffffffff;
constexpr std::uint32_t kSetId = S_ISUID | S_ISGID;
constexpr std::uint32_t kCreates = O_CREAT | 020000000;  // the second: __O_TMPFILE alone, without O_DIRECTORY

constexpr ArgumentTest Equals(std::uint8_t argument, std::uint32_t value, std::uint32_t mask = kAll) {
  return {argument, mask, Is::kEqual, value};
}
constexpr ArgumentTest AnyOf(std::uint8_t argument, std::uint32_t mask) { return {argument, mask, Is::kAnyBit}; }
constexpr ArgumentTest HighAnyOf(std::uint8_t argument) { return {argument, kAll, Is::kAnyBit, 0, Half::kHigh}; }

// --- modes -----------------------------------------------------------------------------------------------------------
constexpr ArgumentTest kSetIdIn1[] = {AnyOf(1, kSetId)};
constexpr ArgumentTest kSetIdIn2[] = {AnyOf(2, kSetId)};
constexpr ArgumentTest kOpenSetId[] = {AnyOf(1, kCreates), AnyOf(2, kSetId)};
constexpr ArgumentTest kOpenatSetId[] = {AnyOf(2, kCreates), AnyOf(3, kSetId)};
constexpr ArgumentTest kCharacter1[] = {Equals(1, S_IFCHR, S_IFMT)}, kBlock1[] = {Equals(1, S_IFBLK, S_IFMT)};
constexpr ArgumentTest kCharacter2[] = {Equals(2, S_IFCHR, S_IFMT)}, kBlock2[] = {Equals(2, S_IFBLK, S_IFMT)};
constexpr ArgumentTest kWhiteout[] = {AnyOf(4, RENAME_WHITEOUT)};

constexpr ArgumentClause kMode1[] = {{kSetIdIn1, EPERM}};
constexpr ArgumentClause kMode2[] = {{kSetIdIn2, EPERM}};
constexpr ArgumentClause kOpen[] = {{kOpenSetId, EPERM}};
constexpr ArgumentClause kOpenat[] = {{kOpenatSetId, EPERM}};
constexpr ArgumentClause kMknod[] = {{kSetIdIn1, EPERM}, {kCharacter1, EPERM}, {kBlock1, EPERM}};
constexpr ArgumentClause kMknodat[] = {{kSetIdIn2, EPERM}, {kCharacter2, EPERM}, {kBlock2, EPERM}};
constexpr ArgumentClause kRename[] = {{kWhiteout, EPERM}};

// --- processes and signals -------------------------------------------------------------------------------------------
// SIGSYS sent by hand would pass for the filter's own; a child may name it as its exit signal.
constexpr ArgumentTest kNamespaceFlags[] = {AnyOf(0, CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                                         CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)};
constexpr ArgumentTest kParentFlag[] = {AnyOf(0, CLONE_PARENT)};
constexpr ArgumentTest kExitSignal[] = {Equals(0, SIGSYS, 0xff)};
constexpr ArgumentClause kClone[] = {{kNamespaceFlags, EPERM}, {kParentFlag, EPERM}, {kExitSignal, EPERM}};
constexpr ArgumentTest kSigsys1[] = {Equals(1, SIGSYS)}, kSigsys2[] = {Equals(2, SIGSYS)};
constexpr ArgumentClause kSignal1[] = {{kSigsys1, EPERM}};
constexpr ArgumentClause kSignal2[] = {{kSigsys2, EPERM}};
constexpr ArgumentTest kOwnerSignal[] = {Equals(1, 10 /* F_SETSIG */), Equals(2, SIGSYS)};
constexpr ArgumentClause kFcntl[] = {{kOwnerSignal, EPERM}};

// --- terminals and files by ioctl ------------------------------------------------------------------------------------
constexpr ArgumentTest kTypeIn[] = {Equals(1, TIOCSTI)}, kSelection[] = {Equals(1, TIOCLINUX)};
constexpr ArgumentTest kDiscipline[] = {Equals(1, TIOCSETD)}, kConsole[] = {Equals(1, TIOCCONS)};
constexpr ArgumentTest kVerity[] = {Equals(1, 0x40806685 /* FS_IOC_ENABLE_VERITY */)};
constexpr ArgumentClause kIoctl[] = {
    {kTypeIn, EPERM}, {kSelection, EPERM}, {kDiscipline, EPERM}, {kConsole, EPERM}, {kVerity, EPERM}};

// --- own process -----------------------------------------------------------------------------------------------------
constexpr ArgumentTest kPrMm[] = {Equals(0, PR_SET_MM)}, kPrTsc[] = {Equals(0, PR_SET_TSC)};
constexpr ArgumentTest kPrDispatch[] = {Equals(0, 59 /* PR_SET_SYSCALL_USER_DISPATCH */)};
constexpr ArgumentTest kPrDeath[] = {Equals(0, PR_SET_PDEATHSIG), Equals(1, SIGSYS)};
constexpr ArgumentTest kPrMce[] = {Equals(0, PR_MCE_KILL)}, kPrCore[] = {Equals(0, PR_SCHED_CORE)};
constexpr ArgumentClause kPrctl[] = {{kPrMm, EPERM},    {kPrTsc, EPERM}, {kPrDispatch, EPERM},
                                     {kPrDeath, EPERM}, {kPrMce, EPERM}, {kPrCore, EPERM}};
constexpr ArgumentTest kListener[] = {Equals(0, SECCOMP_SET_MODE_FILTER), AnyOf(1, SECCOMP_FILTER_FLAG_NEW_LISTENER)};
constexpr ArgumentClause kSeccomp[] = {{kListener, EPERM}};
constexpr ArgumentTest kPerLinux[] = {Equals(0, 0)}, kPer32[] = {Equals(0, PER_LINUX32)}, kPerAsk[] = {Equals(0, kAll)};
constexpr ArgumentTest kPer26[] = {Equals(0, 0x20000 /* UNAME26 */)}, kPer3226[] = {Equals(0, 0x20000 | PER_LINUX32)};
constexpr ArgumentTest kPerFixed[] = {Equals(0, ADDR_NO_RANDOMIZE)};
constexpr ArgumentClause kPersonality[] = {{kPerLinux, 0}, {kPer32, 0},   {kPerAsk, 0},
                                           {kPer26, 0},    {kPer3226, 0}, {kPerFixed, 0}};
constexpr std::uint32_t kPolicy = ~static_cast<std::uint32_t>(SCHED_RESET_ON_FORK);
constexpr ArgumentTest kNormal[] = {Equals(1, SCHED_OTHER, kPolicy)}, kBatch[] = {Equals(1, SCHED_BATCH, kPolicy)};
constexpr ArgumentTest kIdle[] = {Equals(1, SCHED_IDLE, kPolicy)};
constexpr ArgumentClause kScheduler[] = {{kNormal, 0}, {kBatch, 0}, {kIdle, 0}};
// RLIMIT_CORE is 1 for a reason: any other value lets a handler on the host run on a crash.
constexpr ArgumentTest kCore0[] = {Equals(0, RLIMIT_CORE)};
constexpr ArgumentTest kCoreNewLow[] = {Equals(1, RLIMIT_CORE), AnyOf(2, kAll)};
constexpr ArgumentTest kCoreNewHigh[] = {Equals(1, RLIMIT_CORE), HighAnyOf(2)};
constexpr ArgumentClause kSetrlimit[] = {{kCore0, EPERM}};
// PID 1 of the workload's namespace is the reaper. It has the workload's ids, so the kernel would let its limits be changed.
constexpr ArgumentTest kReaperLimits[] = {Equals(0, 1)};
constexpr ArgumentClause kPrlimit[] = {{kReaperLimits, EPERM}, {kCoreNewLow, EPERM}, {kCoreNewHigh, EPERM}};

// --- sockets: UNIX, INET, INET6 (streams and datagrams of TCP and UDP), route netlink ---------------------------------
constexpr std::uint32_t kType = 0xf;  // the rest are SOCK_CLOEXEC and SOCK_NONBLOCK
constexpr ArgumentTest Internet() { return Equals(0, AF_INET, ~static_cast<std::uint32_t>(AF_INET ^ AF_INET6)); }
static_assert((AF_INET & ~(AF_INET ^ AF_INET6)) == AF_INET && (AF_INET6 & ~(AF_INET ^ AF_INET6)) == AF_INET);
constexpr ArgumentTest kUnix[] = {Equals(0, AF_UNIX)};
constexpr ArgumentTest kRoute[] = {Equals(0, AF_NETLINK), Equals(2, 0 /* NETLINK_ROUTE */)};
constexpr ArgumentTest kOtherNetlink[] = {Equals(0, AF_NETLINK)};
constexpr ArgumentTest kStream[] = {Internet(), Equals(1, SOCK_STREAM, kType), Equals(2, 0)};
constexpr ArgumentTest kTcp[] = {Internet(), Equals(1, SOCK_STREAM, kType), Equals(2, 6 /* TCP */)};
constexpr ArgumentTest kDatagram[] = {Internet(), Equals(1, SOCK_DGRAM, kType), Equals(2, 0)};
constexpr ArgumentTest kUdp[] = {Internet(), Equals(1, SOCK_DGRAM, kType), Equals(2, 17 /* UDP */)};
constexpr ArgumentTest kRaw[] = {Internet(), Equals(1, SOCK_RAW, kType)};
constexpr ArgumentTest kPacket[] = {Internet(), Equals(1, SOCK_PACKET, kType)};
constexpr ArgumentTest kOtherInternet[] = {Internet()};
constexpr ArgumentClause kSocket[] = {{kUnix, 0},       {kStream, 0},  {kTcp, 0},      {kDatagram, 0},
                                      {kUdp, 0},        {kRoute, 0},   {kRaw, EPERM},  {kPacket, EPERM},
                                      {kOtherInternet, EPROTONOSUPPORT}, {kOtherNetlink, EPROTONOSUPPORT}};
constexpr ArgumentClause kSocketPair[] = {{kUnix, 0}};

constexpr std::string_view kNoSetId = "set-id bits on a file outlive the cell";
constexpr std::string_view kNoDevice = "set-id bits, devices and whiteouts outlive the cell";
constexpr std::string_view kNoSigsys = "SIGSYS always means this filter";

constexpr ConditionalSyscall kConditional[] = {
#if defined(__x86_64__)
    {CALL(open), "files", kNoSetId, kOpen, 0},
    {CALL(creat), "files", kNoSetId, kMode1, 0},
    {CALL(mkdir), "files", kNoSetId, kMode1, 0},
    {CALL(mknod), "files", kNoDevice, kMknod, 0},
    {CALL(chmod), "files", kNoSetId, kMode1, 0},
#endif
    {CALL(openat), "files", kNoSetId, kOpenat, 0},
    {CALL(mkdirat), "files", kNoSetId, kMode2, 0},
    {CALL(mknodat), "files", kNoDevice, kMknodat, 0},
    {CALL(fchmod), "files", kNoSetId, kMode1, 0},
    {CALL(fchmodat), "files", kNoSetId, kMode2, 0},
    {{452, "fchmodat2"}, "files", kNoSetId, kMode2, 0},
    {CALL(renameat2), "files", "whiteouts outlive the cell", kRename, 0},
    {CALL(clone), "processes", "new namespaces, a foreign parent, or SIGSYS as exit signal", kClone, 0},
    {CALL(kill), "signals", kNoSigsys, kSignal1, 0},
    {CALL(tkill), "signals", kNoSigsys, kSignal1, 0},
    {CALL(tgkill), "signals", kNoSigsys, kSignal2, 0},
    {CALL(rt_sigqueueinfo), "signals", kNoSigsys, kSignal1, 0},
    {CALL(rt_tgsigqueueinfo), "signals", kNoSigsys, kSignal2, 0},
    {CALL(pidfd_send_signal), "signals", kNoSigsys, kSignal1, 0},
    {CALL(fcntl), "files", kNoSigsys, kFcntl, 0},
    {CALL(ioctl), "files", "typing into or re-programming a terminal; sealing a file for good", kIoctl, 0},
    {CALL(prctl), "processes", "memory layout, clock trap, system-call dispatch, core scheduling", kPrctl, 0},
    {CALL(seccomp), "self-restriction", "a listener could answer calls in this filter's place", kSeccomp, 0},
    {CALL(personality), "processes", "personalities that weaken memory protection", kPersonality, EPERM},
    {CALL(sched_setscheduler), "scheduling", "real-time classes", kScheduler, EPERM},
    {CALL(setrlimit), "limits", "the core limit is fixed: a crash must run nothing on the host", kSetrlimit, 0},
    {CALL(prlimit64), "limits", "the core limit is fixed: a crash must run nothing on the host; the reaper keeps its own",
     kPrlimit, 0},
    {CALL(socket), "sockets", "families and protocols other than UNIX, TCP, UDP and route netlink", kSocket,
     EAFNOSUPPORT},
    {CALL(socketpair), "sockets", "families other than UNIX", kSocketPair, EAFNOSUPPORT},
};

}  // namespace

std::span<const ConditionalSyscall> ConditionalCalls() { return kConditional; }

}  // namespace plan
