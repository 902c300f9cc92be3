// SPDX-License-Identifier: Apache-2.0
// The outside of a cell, for tests: a namespace "host" that the calling thread enters, and a "world" in which every
// other address, IPv4 and IPv6, public, private or metadata, leads to servers that count what reaches them.
//
// Services of the world, on every address: 53 DNS, UDP and TCP; 80, 8080 HTTP/1 and a recorder of h2c; 443, 8443 TLS;
// 7, 5432, 5000 echo; 9 discard; 22, 25 speak first; 19 never reads; UDP 7, 443, 5000 echo. Any other port is closed;
// packets to it are counted all the same. The host has listeners of its own that only count, on all its addresses:
// kHostPorts and UDP 53 and 5000.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dns_stub.h"
#include "namespaces.h"
#include "packet_counter.h"
#include "services.h"

namespace outside {

inline constexpr std::uint16_t kHostPorts[] = {53, 80, 443, 6379, 8080, 40000, 40053};

// All that reached the world and the host's services since the last Forget.
struct Outcome {
  PacketCounts packets;
  std::uint64_t packets_lost = 0;
  std::vector<Seen> connections;
  std::vector<std::pair<std::string, std::string>> datagrams;  // destination, bytes
  std::vector<DnsAsked> asked;
  std::uint64_t reached_host = 0;

  // Packets that left the host for `address` and `port` (0: any), whoever sent them.
  std::uint64_t Out(const std::string& address, std::uint16_t port = 0) const;
  std::chrono::steady_clock::time_point LastOut(const std::string& address) const;
  // Connections that were accepted there.
  std::vector<Seen> To(const std::string& address, std::uint16_t port = 0) const;
  // What UDP services got for `address`.
  std::string Datagrams(const std::string& address) const;
  // How often a name was asked, whatever the case; ".x": every name below it. Type "": any.
  std::size_t Asked(std::string_view name, std::string_view type = "") const;
  // Everything that left, but the link's own neighbour discovery.
  std::string Told() const;
};

class World {
 public:
  // Needs root, and a process with one thread. null: `why` says what could not be made. `resolv_conf` is what the
  // host's /etc/resolv.conf holds.
  static std::unique_ptr<World> Create(const std::string& resolv_conf, std::string* why);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  DnsStub& dns() { return dns_; }
  Outcome Now();
  // Ends the connections that are left, then counts, logs and records to nothing; the table of names stays.
  void Forget();

 private:
  World() = default;
  std::string Open(int host);
  std::string ListenTcp(const std::vector<std::uint16_t>& ports, std::vector<int>* sockets);
  std::string BindUdp(const std::vector<std::uint16_t>& ports, std::vector<int>* sockets);
  void Serve();
  void ServeHost();
  void Accept(int listener);
  void Datagram(int socket);
  void EndConnections();

  DnsStub dns_;
  PacketCounter packets_;
  std::vector<int> tcp_, udp_, host_tcp_, host_udp_;
  int stop_[2] = {-1, -1};
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::vector<std::pair<std::string, std::string>> datagrams_;
  std::atomic<std::uint64_t> reached_host_ = 0;
  std::atomic<int> running_ = 0;
  std::thread world_, host_;
};

}  // namespace outside
