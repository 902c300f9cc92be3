// SPDX-License-Identifier: Apache-2.0
// What happens to a workload's packets under the rules, over both families.
#include <arpa/inet.h>
#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "net/flow_log.h"
#include "net/namespace_fixture.h"
#include "net/table.h"

namespace net {
namespace {

using plan::NftRowKind;
using testing::InCellNetwork;
using testing::PlanFor;

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
};

Address To(const char* text) {
  const auto endpoint = base::ParseIpEndpoint(text);
  Address to;
  if (endpoint->address.v6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&to.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint->port);
    memcpy(&v6->sin6_addr, endpoint->address.bytes.data(), 16);
    if (endpoint->address.bytes[0] == 0xff) v6->sin6_scope_id = 1;  // lo
    to.size = sizeof *v6;
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&to.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint->port);
    memcpy(&v4->sin_addr, endpoint->address.bytes.data(), 4);
    to.size = sizeof *v4;
  }
  return to;
}

// Braces keep the order in which the texts come into being; a sum would not.
std::string Join(std::initializer_list<std::string> texts) {
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "" : " ") + text;
  return joined;
}

int Open(const Address& to, int type, int protocol = 0) {
  return socket(to.storage.ss_family, type | SOCK_CLOEXEC, protocol);
}

// A listener as the cell's first process makes it.
int Listen(const char* text) {
  const Address at = To(text);
  const int fd = Open(at, SOCK_STREAM);
  const int on = 1;
  if (at.storage.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&at.storage), at.size) != 0 || listen(fd, 16) != 0) return -1;
  return fd;
}

std::string Connect(const char* text) {
  const Address to = To(text);
  const int fd = Open(to, SOCK_STREAM);
  const auto start = std::chrono::steady_clock::now();
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&to.storage), to.size);
  const int error = errno;
  const auto took = std::chrono::steady_clock::now() - start;
  close(fd);
  if (took > std::chrono::milliseconds(900)) return "slow";
  return result == 0 ? "ok" : strerrorname_np(error);
}

// One datagram over a connected socket, then the error that came back for it.
std::string Datagram(const char* text) {
  const Address to = To(text);
  const int fd = Open(to, SOCK_DGRAM);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to.storage), to.size) != 0) return strerrorname_np(errno);
  if (send(fd, "x", 1, 0) != 1) return strerrorname_np(errno);
  pollfd wait = {fd, POLLIN, 0};
  if (poll(&wait, 1, 1000) != 1) return "silence";
  char byte;
  const std::string answer = recv(fd, &byte, 1, 0) == 1 ? "answer" : strerrorname_np(errno);
  close(fd);
  return answer;
}

std::string Raw(const char* text, int protocol, std::string_view bytes) {
  const Address to = To(text);
  const int fd = Open(to, SOCK_RAW, protocol);
  if (fd < 0) return strerrorname_np(errno);
  Address address = to;  // raw sockets of IPv6 want no port
  if (address.storage.ss_family == AF_INET6) reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = 0;
  const ssize_t sent =
      sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  const std::string result = sent >= 0 ? "ok" : strerrorname_np(errno);
  close(fd);
  return result;
}

std::string OriginalDestination(int listener, bool v6) {
  pollfd wait = {listener, POLLIN, 0};
  if (poll(&wait, 1, 1000) != 1) return "nobody";
  const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  sockaddr_storage storage = {};
  socklen_t size = sizeof storage;
  constexpr int kOriginal = 80;  // SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST
  if (getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, kOriginal, &storage, &size) != 0) return strerrorname_np(errno);
  close(fd);
  base::IpEndpoint endpoint;
  endpoint.address.v6 = v6;
  if (v6) {
    const auto& from = reinterpret_cast<const sockaddr_in6&>(storage);
    memcpy(endpoint.address.bytes.data(), &from.sin6_addr, 16);
    endpoint.port = ntohs(from.sin6_port);
  } else {
    const auto& from = reinterpret_cast<const sockaddr_in&>(storage);
    memcpy(endpoint.address.bytes.data(), &from.sin_addr, 4);
    endpoint.port = ntohs(from.sin_port);
  }
  return base::ToString(endpoint);
}

std::uint64_t Packets(const plan::NetworkPlan& network, NftRowKind kind) {
  const int socket = testing::NetfilterSocket();
  const auto reading = ReadTable(socket, network.table);
  close(socket);
  const auto counts = reading ? CountRows(network, *reading) : std::unexpected(reading.error());
  if (!counts) return 1'000'000;
  std::uint64_t packets = 0;
  for (std::size_t i = 0; i < network.rows.size(); ++i) {
    if (network.rows[i].kind == kind) packets += (*counts)[i].packets;
  }
  return packets;
}

std::string Count(const plan::NetworkPlan& network, NftRowKind kind) {
  return std::to_string(Packets(network, kind));
}

const char* const kFar[] = {"203.0.113.9", "[2001:db8::9]"};
const char* const kRelay[] = {"192.0.0.8:40000", "[fd00:ce11::1]:40000"};

std::string At(int family, int port) { return std::string(kFar[family]) + ":" + std::to_string(port); }

TEST(Packets, OfAGrantedTcpPortReachTheRelayWithTheirDestinationAndOthersAreResetAtOnce) {
  const plan::NetworkPlan network = PlanFor({{"a.example", 443, {}, {}}, {"203.0.113.9", 443, "tcp", {}}});
  EXPECT_EQ(InCellNetwork(network,
                          [&] {
                            std::string told;
                            for (int family = 0; family < 2; ++family) {
                              const int relay = Listen(kRelay[family]);
                              told += Join({Connect(At(family, 443).c_str()), OriginalDestination(relay, family == 1),
                                            Connect(At(family, 444).c_str()), Connect(kRelay[family])}) +
                                      "\n";
                            }
                            return told + Join({Count(network, NftRowKind::kLiteralGrant), Count(network, NftRowKind::kPortGrant),
                                                Count(network, NftRowKind::kTcpRefused), Count(network, NftRowKind::kGateListener)});
                          }),
            "ok 203.0.113.9:443 ECONNREFUSED ECONNREFUSED\nok [2001:db8::9]:443 ECONNREFUSED ECONNREFUSED\n1 1 2 2");
}

TEST(Packets, OfAnUngrantedUdpPortAreAnsweredUnreachableAtOnce) {
  const plan::NetworkPlan network = PlanFor({{"a.example", 443, {}, {}}});
  EXPECT_EQ(InCellNetwork(network,
                          [&] {
                            return Join({Datagram(At(0, 443).c_str()), Datagram(At(1, 443).c_str()), Datagram("192.0.0.8:40053"),
                                         Count(network, NftRowKind::kUdpRefused), Count(network, NftRowKind::kInputReject),
                                         Count(network, NftRowKind::kGateListener)});
                          }),
            "ECONNREFUSED ECONNREFUSED ECONNREFUSED 2 3 1");
}

TEST(Packets, OfEveryOtherKindAreDroppedAndCountedByKind) {
  const plan::NetworkPlan network = PlanFor({{"a.example", 443, {}, {}}});
  EXPECT_EQ(InCellNetwork(
                network,
                [&] {
                  const std::string echo("\x08\0\0\0\0\0\0\0", 8), echo6("\x80\0\0\0\0\0\0\0", 8);
                  const std::string ports("\x10\0\x20\0\0\x0c\0\0\0\0\0\0", 12);
                  std::string told = Join({Raw("203.0.113.9:1", IPPROTO_ICMP, echo), Raw("[2001:db8::9]:1", IPPROTO_ICMPV6, echo6)});
                  for (const char* to : {"203.0.113.9:1", "[2001:db8::9]:1"}) {
                    told += "\n" + Join({Raw(to, IPPROTO_SCTP, ports), Raw(to, IPPROTO_UDPLITE, ports), Raw(to, 47, ports)});
                  }
                  told += "\n" + Join({Datagram("224.0.0.251:5353"), Datagram("[ff02::fb]:5353")}) + "\n";
                  for (const NftRowKind kind : {NftRowKind::kIcmp, NftRowKind::kSctp, NftRowKind::kUdpLite,
                                                NftRowKind::kDefaultDrop, NftRowKind::kMulticast}) {
                    told += Count(network, kind) + " ";
                  }
                  return told;
                }),
            "EPERM EPERM\nEPERM EPERM EPERM\nEPERM EPERM EPERM\nEPERM EPERM\n2 2 2 2 2 ");
}

// Fragments that a sender made itself, to a granted port: whole ones are the kernel's own and come after the rules.
TEST(Packets, InFragmentsAreDroppedAndCounted) {
  const plan::NetworkPlan network = PlanFor({{"203.0.113.9", 5000, "udp", {}}, {"2001:db8::9", 5000, "udp", {}}});
  EXPECT_EQ(InCellNetwork(network,
                          [&] {
                            std::string v4(28, '\0');
                            v4[0] = 0x45;
                            v4[6] = 0x20;  // more fragments
                            v4[8] = 64;
                            v4[9] = 17;
                            memcpy(&v4[16], "\xcb\0\x71\x09", 4);
                            std::string v6(56, '\0');
                            v6[0] = 0x60;
                            v6[5] = 16;
                            v6[6] = 44;  // fragment header
                            v6[7] = 64;
                            memcpy(&v6[8], "\xfd\0\xce\x11\0\0\0\0\0\0\0\0\0\0\0\1", 16);
                            memcpy(&v6[24], "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09", 16);
                            v6[40] = 17;
                            v6[43] = 1;  // more fragments
                            return Join({Raw("203.0.113.9:1", IPPROTO_RAW, v4), Raw("[2001:db8::9]:1", IPPROTO_RAW, v6),
                                         Count(network, NftRowKind::kFragment)});
                          }),
            "EPERM EPERM 2");
}

TEST(Packets, OfTheCellsOwnServersAreLeftAlone) {
  const plan::NetworkPlan network = PlanFor({{"a.example", 8080, {}, {}}});
  EXPECT_EQ(InCellNetwork(network,
                          [&] {
                            const int own = Listen("127.0.0.1:8080"), own6 = Listen("[::1]:8080");
                            const std::string told =
                                Join({Connect("127.0.0.1:8080"), Connect("[::1]:8080"), Connect("127.0.0.1:8081"),
                                      Connect("0.0.0.0:8080"), Count(network, NftRowKind::kPortGrant)});
                            close(own);
                            close(own6);
                            return told;
                          }),
            "ok ok ECONNREFUSED ok 0");
}

TEST(Packets, ToALoopbackAddressThatIsGrantedLeaveForTheGate) {
  const plan::NetworkPlan network = PlanFor({{"127.0.0.2", 8080, "tcp", {}}});
  EXPECT_EQ(InCellNetwork(network,
                          [&] {
                            const int relay = Listen(kRelay[0]);
                            return Join({Connect("127.0.0.2:8080"), OriginalDestination(relay, false), Connect("127.0.0.1:8080")});
                          }),
            "ok 127.0.0.2:8080 ECONNREFUSED");
}

TEST(Packets, ToPort53GoToTheDnsProxyWhateverTheirAddress) {
  const plan::NetworkPlan network = PlanFor({{"a.example", 443, {}, {}}, {"192.0.2.9", 53, "dns-acknowledged", {}}});
  EXPECT_EQ(InCellNetwork(network,
                          [&] {
                            const int dns = Listen("0.0.0.0:40053"), dns6 = Listen("[::]:40053"), relay = Listen(kRelay[0]);
                            std::string told;
                            for (const char* to : {"203.0.113.9:53", "127.0.0.53:53", "192.0.0.8:53"}) {
                              told += Join({Connect(to), OriginalDestination(dns, false)}) + "\n";
                            }
                            told += Join({Connect("[::1]:53"), OriginalDestination(dns6, true)}) + "\n";
                            // Granted by its own address: the relay's, not the proxy's.
                            return told + Join({Connect("192.0.2.9:53"), OriginalDestination(relay, false)});
                          }),
            "ok 203.0.113.9:53\nok 127.0.0.53:53\nok 192.0.0.8:53\nok [::1]:53\nok 192.0.2.9:53");
}

TEST(Packets, OfBlockedProtocolsAreRefusedByRowsOfTheirOwn) {
  const plan::NetworkPlan network =
      PlanFor({{"203.0.113.9", 853, "udp", {}}, {"203.0.113.9", 443, "udp", {}}}, [](spec::Authority& authority) {
        spec::DnsAuthority dns;
        dns.hostname_allowlist = {"a.example"};
        dns.resolvers = {{"r", "192.0.2.1:53", spec::ResolverProtocol::kDo53Udp, {}, {}}};
        dns.block_direct_workload_dns = dns.block_udp_doq = dns.block_udp_http3 = true;
        authority.dns_authority = dns;
      });
  EXPECT_EQ(InCellNetwork(network,
                          [&] {
                            const int dns = Listen("0.0.0.0:40053");
                            const std::string told =
                                Join({Datagram("203.0.113.9:853"), Datagram("203.0.113.9:443"), Datagram("203.0.113.9:53"),
                                      Connect("203.0.113.9:53"), Connect("192.0.2.1:53"), Connect("127.0.0.53:53"),
                                      Count(network, NftRowKind::kDoqBlock), Count(network, NftRowKind::kHttp3Block),
                                      Count(network, NftRowKind::kWorkloadDnsBlock)});
                            close(dns);
                            return told;
                          }),
            "EPERM EPERM EPERM ECONNREFUSED ok ok 1 1 2");
}

TEST(Packets, ThatAreDeniedAreToldByTheFlowLog) {
  const plan::NetworkPlan network = PlanFor({{"a.example", 443, {}, {}}});
  EXPECT_EQ(InCellNetwork(network,
                          [&]() -> std::string {
                            const int log = testing::NetfilterSocket();
                            const auto open = OpenFlowLog(log);
                            if (!open) return open.error().message;
                            Connect("203.0.113.9:22");
                            Datagram("[2001:db8::9]:4433");
                            for (int i = 0; i < 100; ++i) Connect("203.0.113.9:23");
                            std::string told;
                            std::uint64_t lost = 0;
                            std::size_t count = 0;
                            pollfd wait = {log, POLLIN, 0};
                            // The kernel keeps packets back for up to a second to send several at once.
                            while (count < 3 && poll(&wait, 1, 3000) == 1) {
                              const auto packets = ReadFlowLog(log, 1000, &lost);
                              if (!packets) return packets.error().message;
                              for (const LoggedPacket& packet : *packets) {
                                if (++count > 2) continue;
                                told += packet.prefix + " " + ProtocolName(packet.tuple.protocol) + " " +
                                        base::ToString(base::IpEndpoint{packet.tuple.destination, packet.tuple.destination_port}) + "\n";
                              }
                            }
                            const bool bounded = count >= 3 && count <= 60;
                            return told + (bounded ? "bounded " : "unbounded ") + Count(network, NftRowKind::kTcpRefused);
                          }),
            "cellos-flow drop tcp 203.0.113.9:22\ncellos-flow drop udp [2001:db8::9]:4433\nbounded 101");
}

}  // namespace
}  // namespace net
