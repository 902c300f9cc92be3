// SPDX-License-Identifier: Apache-2.0
// NETLINK_CONNECTOR, CN_IDX_PROC.
#include "sys/process_connector.h"

#include <linux/connector.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "sys/call.h"

namespace sys {
namespace {

// linux/cn_proc.h names these inside a structure before Linux 6.6 and outside it since.
constexpr std::uint32_t kWhatNone = 0, kWhatFork = 1, kWhatExec = 2, kWhatExit = 0x80000000;
constexpr std::uint32_t kListen = 1, kIgnore = 2;
// struct proc_event: what, cpu, timestamp_ns, then by kind.
constexpr std::size_t kAtCpu = 4, kAtTime = 8, kAtPayload = 16, kMinEvent = kAtPayload + 4, kMaxDatagram = 256;
// struct cn_msg ends in an array of no size, which C++ does not know.
struct ConnectorHead {
  std::uint32_t index, value, sequence, acknowledged;
  std::uint16_t size, flags;
};
static_assert(sizeof(ConnectorHead) == 20 && sizeof(ConnectorHead) == sizeof(cn_msg));
constexpr std::size_t kAtEvent = sizeof(nlmsghdr) + sizeof(ConnectorHead);
constexpr int kReceiveRoom = 8 << 20;
constexpr std::size_t kMaxBeforeAnswer = 65536;

template <class T>
T Take(std::span<const std::uint8_t> bytes, std::size_t at) {
  T value;
  memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct Datagram {
  ConnectorHead head;
  std::span<const std::uint8_t> event;  // at least kMinEvent
  std::uint32_t what;
};

std::optional<Datagram> Split(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < kAtEvent + kMinEvent) return std::nullopt;
  const auto header = Take<nlmsghdr>(bytes, 0);
  const auto head = Take<ConnectorHead>(bytes, sizeof(nlmsghdr));
  if (header.nlmsg_len < kAtEvent || header.nlmsg_len > bytes.size()) return std::nullopt;
  if (head.index != CN_IDX_PROC || head.value != CN_VAL_PROC) return std::nullopt;
  if (head.size < kMinEvent || head.size > header.nlmsg_len - kAtEvent) return std::nullopt;
  const auto event = bytes.subspan(kAtEvent, head.size);
  return Datagram{head, event, Take<std::uint32_t>(event, 0)};
}

base::Error Refused(std::string why) {
  return {.kind = base::ErrorKind::kUnavailable,
          .message = "the kernel's process connector can't be used: " + std::move(why)};
}

base::Error Refused(long negative_errno, const char* call) {
  base::Error error = CallError(negative_errno, call);
  std::string hint;
  if (negative_errno == -ECONNREFUSED) hint = "; it is there only in the machine's first network namespace";
  if (negative_errno == -EPERM) hint = "; before Linux 6.6 it is for root alone";
  base::Error refused = Refused(std::move(error.message) + hint);
  refused.os_errno = error.os_errno;
  return refused;
}

struct Request {
  nlmsghdr header;
  ConnectorHead head;
  std::uint32_t operation;
};
static_assert(sizeof(Request) == kAtEvent + 4);

long Send(int socket, std::uint32_t operation, std::uint32_t number) {
  Request request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = NLMSG_DONE;
  request.head = {.index = CN_IDX_PROC,
                  .value = CN_VAL_PROC,
                  .sequence = number,
                  .acknowledged = number,
                  .size = sizeof request.operation,
                  .flags = 0};
  request.operation = operation;
  return Raw("sendto", SYS_sendto, socket, &request, sizeof request, MSG_NOSIGNAL, nullptr, 0);
}

// Every listener sees every answer: ours has our number.
std::uint32_t NewNumber() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint32_t>(now.tv_nsec) ^ (static_cast<std::uint32_t>(getpid()) << 8);
}

// The kernel answers while it takes the request, or not at all.
base::Result<> AwaitAnswer(int socket, std::uint32_t number) {
  std::array<std::uint8_t, kMaxDatagram> buffer;
  for (std::size_t i = 0; i < kMaxBeforeAnswer; ++i) {
    const long got =
        Raw("recvfrom", SYS_recvfrom, socket, buffer.data(), buffer.size(), MSG_DONTWAIT, nullptr, nullptr);
    if (got == -EAGAIN) {
      return std::unexpected(Refused("it gives no answer; it serves only the machine's first pid and user namespace"));
    }
    if (got == -ENOBUFS) continue;
    if (got < 0) return std::unexpected(Refused(got, "recvfrom"));
    const auto datagram = Split({buffer.data(), static_cast<std::size_t>(got)});
    if (!datagram || datagram->what != kWhatNone || datagram->head.acknowledged != number + 1) continue;
    const auto refusal = Take<std::uint32_t>(datagram->event, kAtPayload);
    if (refusal != 0) return std::unexpected(Refused(-static_cast<long>(refusal), "PROC_CN_MCAST_LISTEN"));
    return {};
  }
  return std::unexpected(Refused("its answer is not among the first events"));
}

}  // namespace

std::optional<ProcessEvent> ParseProcessEvent(std::span<const std::uint8_t> bytes) {
  const auto datagram = Split(bytes);
  if (!datagram) return std::nullopt;
  const auto number = [&](std::size_t index) { return Take<std::uint32_t>(datagram->event, kAtPayload + 4 * index); };
  const auto pid = [&](std::size_t index) { return static_cast<pid_t>(number(index)); };
  const std::size_t numbers = (datagram->event.size() - kAtPayload) / 4;
  ProcessEvent event{.cpu = Take<std::uint32_t>(datagram->event, kAtCpu),
                     .sequence = datagram->head.sequence,
                     .at_ns = Take<std::uint64_t>(datagram->event, kAtTime)};
  // Older kernels do not number their answers.
  if (datagram->what == kWhatNone && event.cpu == ~0u) return std::nullopt;
  if (datagram->what == kWhatFork) {
    if (numbers < 4) return std::nullopt;
    event.kind = ProcessEvent::Kind::kFork;
    event.parent_process = pid(1);
    event.thread = pid(2);
    event.process = pid(3);
  } else if (datagram->what == kWhatExec || datagram->what == kWhatExit) {
    const bool exit = datagram->what == kWhatExit;
    if (numbers < (exit ? 3u : 2u)) return std::nullopt;
    event.kind = exit ? ProcessEvent::Kind::kExit : ProcessEvent::Kind::kExec;
    event.thread = pid(0);
    event.process = pid(1);
    if (exit) event.status = number(2);
  }
  return event;
}

base::Result<ProcessConnector> ProcessConnector::Open() {
  const long made = Raw("socket", SYS_socket, AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
  if (made < 0) return std::unexpected(Refused(made, "socket"));
  base::UniqueFd socket(static_cast<int>(made));
  // As much as an ordinary user may have when we may not have it all: what finds no room is counted.
  if (Raw("setsockopt", SYS_setsockopt, made, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveRoom, sizeof kReceiveRoom) < 0) {
    (void)Raw("setsockopt", SYS_setsockopt, made, SOL_SOCKET, SO_RCVBUF, &kReceiveRoom, sizeof kReceiveRoom);
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = CN_IDX_PROC;
  const long bound = Raw("bind", SYS_bind, made, &address, sizeof address);
  if (bound < 0) return std::unexpected(Refused(bound, "bind"));
  const std::uint32_t number = NewNumber();
  const long sent = Send(socket.get(), kListen, number);
  if (sent < 0) return std::unexpected(Refused(sent, "sendto"));
  ProcessConnector connector(std::move(socket));
  if (auto answered = AwaitAnswer(connector.fd(), number); !answered)
    return std::unexpected(std::move(answered).error());
  return connector;
}

// Kernels before 6.6 go on making events for nobody until they are told.
ProcessConnector::~ProcessConnector() {
  if (socket_) (void)Send(socket_.get(), kIgnore, NewNumber());
}

base::Result<ProcessConnector::Batch> ProcessConnector::Read(const std::function<void(const ProcessEvent&)>& see) {
  std::array<std::array<std::uint8_t, kMaxDatagram>, kMaxBatch> buffers;
  std::array<sockaddr_nl, kMaxBatch> senders;
  std::array<iovec, kMaxBatch> pieces;
  std::array<mmsghdr, kMaxBatch> messages{};
  for (std::size_t i = 0; i < kMaxBatch; ++i) {
    pieces[i] = {buffers[i].data(), buffers[i].size()};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = &senders[i];
    messages[i].msg_hdr.msg_namelen = sizeof senders[i];
  }
  const auto receive = [&] {
    return Raw("recvmmsg", SYS_recvmmsg, socket_.get(), messages.data(), messages.size(), MSG_DONTWAIT, nullptr);
  };
  Batch batch;
  long got = receive();
  while (got == -ENOBUFS) {
    batch.overrun = true;
    got = receive();
  }
  if (got == -EAGAIN) return batch;
  if (got < 0) return std::unexpected(CallError(got, "recvmmsg", "process connector"));
  batch.datagrams = static_cast<std::size_t>(got);
  for (std::size_t i = 0; i < batch.datagrams; ++i) {
    // Whoever may administer the network can write to this socket; the kernel's own port is 0.
    if (messages[i].msg_hdr.msg_namelen != sizeof(sockaddr_nl) || senders[i].nl_pid != 0) continue;
    if (const auto event = ParseProcessEvent({buffers[i].data(), messages[i].msg_len})) see(*event);
  }
  return batch;
}

base::Result<std::uint64_t> ProcessConnector::Dropped() const {
  std::array<std::uint32_t, SK_MEMINFO_VARS> values{};
  socklen_t size = sizeof values;
  const long got = Raw("getsockopt", SYS_getsockopt, socket_.get(), SOL_SOCKET, SO_MEMINFO, values.data(), &size);
  if (got < 0) return std::unexpected(CallError(got, "getsockopt SO_MEMINFO", "process connector"));
  return values[SK_MEMINFO_DROPS];
}

}  // namespace sys
