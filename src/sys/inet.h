// SPDX-License-Identifier: Apache-2.0
// Internet sockets as the gate uses them: accepted, dialled by somebody else, datagrams with packet information. What is
// called for each packet gives the kernel's own value (negative: -errno) and allocates nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>

#include "base/ip_address.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/call.h"

namespace sys {

// The next connection of a TCP listener, non-blocking, close-on-exec, and who made it; the descriptor, or -errno.
long AcceptInet(int listener, base::IpEndpoint* peer);
// SO_ORIGINAL_DST of the connection's family: where it was going before nftables steered it here. False: nothing steered
// it, or the kernel does not know (any more).
bool OriginalDestination(int socket, bool v6, base::IpEndpoint* destination);
bool LocalAddress(int socket, base::IpEndpoint* local);

base::Result<> SetNoDelay(int socket);
// Closing then resets: the other side gets RST at once and nothing stays in TIME_WAIT.
void SetResetOnClose(int socket);
// SO_ERROR as an errno: 0 when a connect has succeeded.
int TakeSocketError(int socket);
// IP_PKTINFO or IPV6_RECVPKTINFO on: datagrams say where they were sent to.
base::Result<> SetPacketInfo(int socket, bool v6);
base::Result<> SetNonBlocking(int fd);

// recv, send (never SIGPIPE, never to an address), splice and shutdown, none of which waits.
long Receive(int socket, std::span<std::uint8_t> buffer);
long Send(int socket, std::span<const std::uint8_t> bytes);
long Splice(int from, int to, std::size_t bytes);
long ShutdownWrite(int socket);

// One message of a seqpacket socket with at most as many descriptors as `descriptors` has room for, at most
// kMaxReceivedDescriptors; further ones are closed. -EMSGSIZE when it was longer than the buffer, 0 when the other end is
// closed.
inline constexpr std::size_t kMaxReceivedDescriptors = 16;
long ReceiveWithDescriptors(int socket, std::span<std::uint8_t> buffer, std::span<base::UniqueFd> descriptors);

struct SplicePipe {
  base::UniqueFd read, write;
};
// Non-blocking; holds `bytes` where the kernel lets it (F_SETPIPE_SZ), else, and for 0, what is its default.
base::Result<SplicePipe> OpenPipe(std::size_t bytes);

// A datagram's way: who sent it and the address (of ours or anybody's) it was sent to. A reply is sent from there.
struct PacketPath {
  base::IpEndpoint peer;
  base::IpAddress local;
  unsigned interface = 0;
};
// One datagram with its path; -EMSGSIZE when it was longer than the buffer, -EPROTO without packet information.
long ReceivePacket(int socket, std::span<std::uint8_t> buffer, PacketPath* path);
// Answers along `path`: to its peer, from its local address.
long SendPacket(int socket, std::span<const std::uint8_t> bytes, const PacketPath& path);

}  // namespace sys
