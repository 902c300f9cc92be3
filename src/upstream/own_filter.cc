// SPDX-License-Identifier: Apache-2.0
// A row of the table is a few instructions that begin and end with the call's number in the accumulator or decide.
#include "upstream/own_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <bit>
#include <cerrno>
#include <cstddef>

#include "upstream/config.h"

namespace upstream {
namespace {

static_assert(std::endian::native == std::endian::little);
#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif
constexpr int kFirstLaterFd = kAnchorsFd + 1;

using Program = std::vector<sock_filter>;

void Add(Program* program, std::uint16_t code, std::uint32_t value) { program->push_back(BPF_STMT(code, value)); }
void Load(Program* program, std::size_t offset) {
  Add(program, BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
void Return(Program* program, std::uint32_t action) { Add(program, BPF_RET | BPF_K, action); }
// Unless the accumulator passes the test, the process ends.
void Require(Program* program, std::uint16_t test, std::uint32_t value, bool outcome) {
  program->push_back(BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), value,
                              static_cast<std::uint8_t>(outcome ? 1 : 0), static_cast<std::uint8_t>(outcome ? 0 : 1)));
  Return(program, SECCOMP_RET_KILL_PROCESS);
}

std::size_t Low(int argument) { return offsetof(seccomp_data, args) + static_cast<std::size_t>(argument) * 8; }
std::size_t High(int argument) { return Low(argument) + 4; }

void AddDemand(Program* program, Demand demand) {
  switch (demand) {
    case Demand::kNothing: break;
    case Demand::kAbsent: return Return(program, SECCOMP_RET_ERRNO | ENOENT);
    case Demand::kNoAddress:
      Load(program, Low(4));
      Require(program, BPF_JEQ, 0, true);
      Load(program, High(4));
      Require(program, BPF_JEQ, 0, true);
      break;
    case Demand::kOnPassedDescriptor:
      Load(program, Low(0));
      Require(program, BPF_JGE, kRecordsFd, true);
      Require(program, BPF_JGT, kGateFd, false);
      break;
    case Demand::kOnLaterDescriptor:
      Load(program, Low(0));
      Require(program, BPF_JGE, kFirstLaterFd, true);
      break;
    case Demand::kNotExecutable:
      Load(program, Low(2));
      Require(program, BPF_JSET, PROT_EXEC, false);
      break;
    case Demand::kInternetDatagram:
      Load(program, Low(0));
      Require(program, BPF_JEQ, AF_INET, true);
      Load(program, Low(1));
      Add(program, BPF_ALU | BPF_AND | BPF_K, ~static_cast<std::uint32_t>(SOCK_NONBLOCK | SOCK_CLOEXEC));
      Require(program, BPF_JEQ, SOCK_DGRAM, true);
      break;
  }
  Return(program, SECCOMP_RET_ALLOW);
}

}  // namespace

std::vector<sock_filter> OwnFilter(Part part) {
  Program program;
  Load(&program, offsetof(seccomp_data, arch));
  Require(&program, BPF_JEQ, kArchitecture, true);
  Load(&program, offsetof(seccomp_data, nr));
  for (const SystemCall& call : CallsOf(part)) {
    Program row;
    AddDemand(&row, call.demand);
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call.number), 0,
                               static_cast<std::uint8_t>(row.size())));
    program.insert(program.end(), row.begin(), row.end());
  }
  Return(&program, SECCOMP_RET_KILL_PROCESS);
  return program;
}

}  // namespace upstream
