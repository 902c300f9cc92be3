// SPDX-License-Identifier: Apache-2.0
// What the two parts of cellos-upstream need of the kernel once they are locked; everything else ends the process.
//
// They lie on top of the filter that the plan gives: a call must pass both. The relay holds dialled sockets, whose other
// end is the world, so it can make no socket, connect none and send to no address of its own choice; the validator makes
// sockets, but holds none that leads out of the empty network namespace, and no way to be given one.
#pragma once

#include <cstdint>
#include <span>

namespace upstream {

enum class Part : std::uint8_t { kRelay, kValidator };

// What the arguments must be for a call to be allowed.
enum class Demand : std::uint8_t {
  kNothing,
  kNoAddress,           // sendto: as send
  kOnPassedDescriptor,  // the first argument is one of kRecordsFd … kGateFd
  kOnLaterDescriptor,   // the first argument is none of the descriptors at the start, whose numbers so stay taken
  kNotExecutable,       // mmap, mprotect: without PROT_EXEC
  kInternetDatagram,    // socket: AF_INET, SOCK_DGRAM
  kAbsent,              // answered with ENOENT instead
};

struct SystemCall {
  long number;
  Demand demand;
  const char* why;
};
std::span<const SystemCall> CallsOf(Part part);

}  // namespace upstream
