// SPDX-License-Identifier: Apache-2.0
// cellos-init: chooses its life by its one argument, and what both lives share.
#include <errno.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "init.h"
#include "kernel.h"

namespace guest {

void Report(const wire::InitReport& report) {
  while (Sys(SYS_sendto, wire::kControlFd, &report, sizeof report, MSG_NOSIGNAL, nullptr, 0) == -EINTR) {
  }
}

void FailStart(wire::StartPhase phase, long negative_errno) {
  wire::InitReport report = {};
  report.kind = wire::ReportKind::kFailed;
  report.phase = phase;
  report.error = static_cast<int>(-negative_errno);
  Report(report);
  Exit(125);
}

void BlockAllSignals() {
  const uint64_t all = ~0ull;
  Sys(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, nullptr, sizeof all);
}

long InstallFilter(wire::Bytes filter) {
  const sock_fprog program = {static_cast<unsigned short>(filter.size / sizeof(sock_filter)),
                              reinterpret_cast<sock_filter*>(const_cast<uint8_t*>(filter.data))};
  return Sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

wire::InitRecord LoadRecord() {
  struct stat status = {};
  long result = Sys(SYS_fstat, wire::kRecordFd, &status);
  if (result < 0) FailStart(wire::StartPhase::kRecord, result);
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0 || size > wire::kMaxInitRecordBytes) FailStart(wire::StartPhase::kRecord, -EFBIG);
  result = Sys(SYS_mmap, nullptr, size, PROT_READ, MAP_PRIVATE, wire::kRecordFd, 0);
  if (result < 0 && result > -4096) FailStart(wire::StartPhase::kRecord, result);
  wire::InitRecord record;
  const auto fault = wire::DecodeInitRecord({reinterpret_cast<const uint8_t*>(result), size}, &record);
  if (fault != wire::InitRecordFault::kNone) FailStart(wire::StartPhase::kRecord, -EBADMSG);
  Sys(SYS_close, wire::kRecordFd);
  return record;
}

}  // namespace guest

extern "C" int main(int argc, char** argv) {
  if (argc != 2) return 125;
  guest::BlockAllSignals();
  guest::Sys(SYS_prctl, PR_SET_NAME, argv[1][0] == 'o' ? "cellos-init" : "cellos-reaper", 0, 0, 0);
  const wire::InitRecord record = guest::LoadRecord();
  if (argv[1][0] == 'o') guest::RunOuter(record);
  guest::RunReaper(record);
}
