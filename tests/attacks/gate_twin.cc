// SPDX-License-Identifier: Apache-2.0
// A gate that was taken over: it starts and locks itself as the true one does, then does what an attacker would with
// its descriptors. What it does is named by the first name of its configuration: "dial.twin.test", "socket.twin.test",
// …
//
// "dial": asks the dialler for what no rule grants, forges records, and tells whoever connects to its relay what came
// of it, as "attempt=errno;…". "flood": tells of denials without end and hears nothing. Every other attempt is one
// system call that the lock does not allow; a twin that survives it goes on as a quiet gate, so that the cell ends well
// and the test sees it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/clock.h"
#include "base/ip_address.h"
#include "gate/process/lock.h"
#include "gate/process/startup.h"
#include "wire/gate_config.h"
#include "wire/gate_record.h"

namespace {

using wire::DialPurpose;
using wire::GateRecordKind;
using wire::IpProtocol;

std::string g_report;
int g_dialled_udp = -1;

void Say(const std::string& attempt, long result) {
  const char* name = result == 0 ? "0" : strerrorname_np(static_cast<int>(result));
  g_report += attempt + "=" + (name == nullptr ? std::to_string(result) : name) + ";";
}

void Tell(wire::GateRecord record) {
  record.at_ns = static_cast<std::uint64_t>(base::SystemClock().Boot().count());
  ::send(wire::kGateRecordsFd, &record, sizeof record, MSG_NOSIGNAL);
}

void Beat() { Tell({.kind = GateRecordKind::kBeat}); }

wire::DialRequest Request(const char* address, std::uint16_t port, std::uint32_t index = 0,
                          IpProtocol protocol = IpProtocol::kTcp, DialPurpose purpose = DialPurpose::kFlow) {
  const auto parsed = base::ParseIpAddress(address);
  wire::DialRequest request{.index = index, .port = port, .purpose = purpose, .protocol = protocol};
  request.v6 = parsed->v6 ? 1 : 0;
  std::memcpy(request.address, parsed->bytes.data(), sizeof request.address);
  return request;
}

// Asks, waits for the answer, and keeps the descriptor of a datagram socket.
long Dial(wire::DialRequest request) {
  static std::uint64_t next = 1;
  request.id = next++;
  if (::send(wire::kGateDialFd, &request, sizeof request, MSG_NOSIGNAL) < 0) return errno;
  for (int i = 0; i < 20; ++i) {
    Beat();
    pollfd wait = {wire::kGateDialFd, POLLIN, 0};
    if (::poll(&wait, 1, 200) != 1) continue;
    wire::DialReply reply;
    alignas(cmsghdr) char control[64];
    iovec data = {&reply, sizeof reply};
    msghdr message = {nullptr, 0, &data, 1, control, sizeof control, 0};
    if (::recvmsg(wire::kGateDialFd, &message, MSG_CMSG_CLOEXEC) < static_cast<ssize_t>(sizeof reply)) return EPIPE;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (reply.error == 0 && header != nullptr && request.protocol == IpProtocol::kUdp)
      std::memcpy(&g_dialled_udp, CMSG_DATA(header), sizeof g_dialled_udp);
    if (reply.id == request.id) return reply.error;
  }
  return ETIMEDOUT;
}

std::string TextOf(const wire::GateAddress& address) {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(address.v6 != 0 ? AF_INET6 : AF_INET, address.bytes, text, sizeof text);
  return text;
}

void DialEverything(const gate::Grants& grants) {
  // Rule 0 grants one address and port over TCP; the resolver is the document's.
  const std::string granted = TextOf(grants.rules()[0].address), resolver = TextOf(grants.resolvers()[0].address);
  const std::uint16_t port = grants.rules()[0].port;
  Say("metadata4", Dial(Request("169.254.169.254", port)));
  Say("metadata6", Dial(Request("fd00:ec2::254", port)));
  Say("metadata-by-name-rule", Dial(Request("169.254.169.254", 443, 2)));
  Say("host4", Dial(Request("198.18.0.1", 443, 2)));
  Say("host6", Dial(Request("2001:db8:ffff::1", 443, 2)));
  Say("loopback4", Dial(Request("127.0.0.1", 443, 2)));
  Say("loopback6", Dial(Request("::1", 443, 2)));
  Say("mapped", Dial(Request("::ffff:127.0.0.1", 443, 2)));
  Say("private4", Dial(Request("10.0.0.1", 443, 2)));
  Say("private6", Dial(Request("fd12::1", 443, 2)));
  Say("other-port", Dial(Request(granted.c_str(), static_cast<std::uint16_t>(port + 1))));
  Say("other-address", Dial(Request("203.0.113.99", port)));
  Say("wrong-index", Dial(Request(granted.c_str(), port, 1)));
  Say("no-such-index", Dial(Request(granted.c_str(), port, 4000)));
  Say("udp-of-tcp-rule", Dial(Request(granted.c_str(), port, 0, IpProtocol::kUdp)));
  Say("resolver-as-flow", Dial(Request(resolver.c_str(), 53)));
  Say("flow-as-resolver", Dial(Request(granted.c_str(), port, 0, IpProtocol::kTcp, DialPurpose::kResolver)));
  Say("resolver-other-port", Dial(Request(resolver.c_str(), 80, 0, IpProtocol::kTcp, DialPurpose::kResolver)));
  Say("twin-granted", Dial(Request(granted.c_str(), port)));
  Say("twin-resolver", Dial(Request(resolver.c_str(), 53, 0, IpProtocol::kUdp, DialPurpose::kResolver)));
}

// A flow that nobody made, with bytes that nobody sent.
void ForgeRecords() {
  wire::GateRecord flow{.kind = GateRecordKind::kFlow, .reason = wire::GateReason::kGateGrantMatch, .id = 1};
  flow.rule = {wire::RuleKind::kEgressRule, {}, 0};
  flow.address[0] = 203;
  flow.port = 5432;
  Tell(flow);
  for (std::uint64_t id = 2; id < 40; ++id) {
    flow.id = id;
    Tell(flow);
  }
  wire::GateRecord closed{.kind = GateRecordKind::kFlowClosed, .id = 1};
  closed.bytes_out = closed.bytes_in = 1ull << 40;
  Tell(closed);
}

// Denials that nobody tried, as fast as they are taken, until nobody is there to take them.
void Flood() {
  wire::GateRecord packet[wire::kMaxRecordsPerPacket];
  for (std::uint64_t id = 1;;) {
    for (wire::GateRecord& record : packet) {
      record = {.kind = GateRecordKind::kFlow, .reason = wire::GateReason::kGateNotAnswered, .id = id++};
      record.at_ns = static_cast<std::uint64_t>(base::SystemClock().Boot().count());
      record.address[0] = 203;
      record.port = 443;
    }
    if (::send(wire::kGateRecordsFd, packet, sizeof packet, MSG_NOSIGNAL) > 0) continue;
    if (errno != EAGAIN && errno != EINTR) return;
    pollfd room = {wire::kGateRecordsFd, POLLOUT, 0};
    ::poll(&room, 1, 100);
  }
}

// One call; the lock ends the process in it. What is given back matters only where it did not.
void Attempt(const std::string& what) {
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(443);
  to.sin_addr.s_addr = htonl(0xcb007163);  // 203.0.113.99
  if (what == "socket") ::socket(AF_INET, SOCK_STREAM, 0);
  if (what == "netlink") ::socket(AF_NETLINK, SOCK_RAW, 0);
  if (what == "connect") ::connect(g_dialled_udp, reinterpret_cast<sockaddr*>(&to), sizeof to);
  if (what == "bind") ::bind(wire::kGateFirstCellFd, reinterpret_cast<sockaddr*>(&to), sizeof to);
  if (what == "sendto") ::sendto(g_dialled_udp, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  if (what == "sendmsg") {
    char byte = 'x';
    iovec data = {&byte, 1};
    const msghdr message = {&to, sizeof to, &data, 1, nullptr, 0, 0};
    ::sendmsg(g_dialled_udp, &message, 0);
  }
  if (what == "dup") ::dup3(g_dialled_udp, wire::kGateFirstCellFd, 0);
  if (what == "duplicate") ::fcntl(g_dialled_udp, F_DUPFD, wire::kGateFirstCellFd);
  if (what == "fork") ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (what == "execute") ::syscall(SYS_execveat, 0, "", nullptr, nullptr, AT_EMPTY_PATH);
  if (what == "code") ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (what == "trace") ::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr);
  if (what == "unshare") ::unshare(CLONE_NEWUSER);
}

void AnswerClients(const gate::CellSockets& sockets) {
  for (const int listener : {sockets.relay4, sockets.relay6}) {
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) continue;
    ::send(client, g_report.data(), g_report.size(), MSG_NOSIGNAL);
    ::close(client);
  }
}

int Run() {
  auto configuration = gate::ReadConfiguration();
  if (!configuration) return 2;
  const auto sockets = gate::ReceiveCellSockets(configuration->grants.header().udp_ports);
  if (!sockets) return 3;
  const auto lock = gate::Lock({}, {configuration->filter.data(), configuration->filter.size()});
  if (!lock) return 4;
  Tell({.kind = GateRecordKind::kReady, .count = *lock});
  const gate::Grants& grants = configuration->grants;
  const std::string pattern = grants.names().empty() ? "" : grants.names()[0].pattern;
  const std::string what = pattern.substr(0, pattern.find('.'));
  if (what == "dial") {
    DialEverything(grants);
    ForgeRecords();
  } else {
    Dial(Request(TextOf(grants.resolvers()[0].address).c_str(), 53, 0, IpProtocol::kUdp, DialPurpose::kResolver));
    // The workload shall run when it happens.
    pollfd wait[] = {{sockets->relay4, POLLIN, 0}, {sockets->relay6, POLLIN, 0}};
    for (int i = 0; i < 20 && ::poll(wait, 2, 100) == 0; ++i) Beat();
    if (what == "flood") Flood();
    Attempt(what);
  }
  for (;;) {
    Beat();
    AnswerClients(*sockets);
    pollfd wait = {wire::kGateRecordsFd, POLLIN, 0};
    if (::poll(&wait, 1, 50) != 1) continue;
    wire::GateCommand command;
    if (::recv(wire::kGateRecordsFd, &command, sizeof command, 0) <= 0) return 0;
    if (command.kind != wire::GateCommandKind::kStop) continue;
    Tell({.kind = GateRecordKind::kTotals});
    return 0;
  }
}

}  // namespace

int main() { return Run(); }
