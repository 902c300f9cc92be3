// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include "sockets.h"

namespace outside {
namespace {

using Ports = std::vector<std::uint16_t>;

void ServePort(Connection* connection, DnsStub* dns) {
  switch (connection->seen().port) {
    case 53:
      return ServeDns(connection, dns);
    case 9:
      return ServeDiscard(connection);
    case 19:
      return ServeNothing(connection);
    case 22:
    case 25:
      return ServeBanner(connection);
    case 443:
    case 8443:
      return ServeTls(connection);
    case 80:
    case 8080: {
      PlainStream stream(connection);
      return ServeHttp(connection, &stream);
    }
    default:
      return ServeEcho(connection);
  }
}

const Ports kTcpPorts = {7, 9, 19, 22, 25, 53, 80, 443, 5000, 5432, 8080, 8443}, kUdpPorts = {7, 53, 443, 5000};

}  // namespace

std::string World::ListenTcp(const Ports& ports, std::vector<int>* sockets) {
  for (const std::uint16_t port : ports) {
    for (const int family : {AF_INET, AF_INET6}) {
      sockets->push_back(BoundSocket(family, SOCK_STREAM, port));
      if (sockets->back() < 0) return "listening on port " + std::to_string(port) + ": " + strerror(errno);
    }
  }
  return {};
}

std::string World::BindUdp(const Ports& ports, std::vector<int>* sockets) {
  for (const std::uint16_t port : ports) {
    for (const int family : {AF_INET, AF_INET6}) {
      sockets->push_back(BoundSocket(family, SOCK_DGRAM, port));
      if (sockets->back() < 0) return "UDP port " + std::to_string(port) + ": " + strerror(errno);
    }
  }
  return {};
}

std::string World::Open(int host) {
  std::string why = EnterWorld(host);
  if (why.empty()) why = packets_.Open(kWorldLink);
  if (why.empty()) why = ListenTcp(kTcpPorts, &tcp_);
  if (why.empty()) why = BindUdp(kUdpPorts, &udp_);
  return why;
}

std::unique_ptr<World> World::Create(const std::string& resolv_conf, std::string* why) {
  std::unique_ptr<World> world(new World);
  *why = PrepareTls();
  if (why->empty()) *why = EnterHost(resolv_conf);
  if (why->empty() && ::pipe2(world->stop_, O_CLOEXEC) != 0) *why = "pipe";
  if (!why->empty()) return nullptr;
  std::promise<std::string> opened;
  world->world_ = std::thread([&opened, w = world.get(), host = ::getpid()] {
    const std::string failed = w->Open(host);
    opened.set_value(failed);
    if (failed.empty()) w->Serve();
  });
  *why = opened.get_future().get();
  if (why->empty()) *why = RouteToWorld();
  const Ports host_ports(std::begin(kHostPorts), std::end(kHostPorts));
  if (why->empty()) *why = world->ListenTcp(host_ports, &world->host_tcp_);
  if (why->empty()) *why = world->BindUdp({53, 5000}, &world->host_udp_);
  if (!why->empty()) return nullptr;
  world->host_ = std::thread([w = world.get()] { w->ServeHost(); });
  return world;
}

World::~World() {
  ::close(stop_[1]);
  for (std::thread* thread : {&world_, &host_}) {
    if (thread->joinable()) thread->join();
  }
  EndConnections();
  while (running_ > 0) ::usleep(1000);
  for (const auto* sockets : {&tcp_, &udp_, &host_tcp_, &host_udp_}) {
    for (const int fd : *sockets) ::close(fd);
  }
  ::close(stop_[0]);
}

void World::EndConnections() {
  const std::lock_guard lock(mutex_);
  for (const auto& connection : connections_) {
    if (connection->fd() >= 0) ::shutdown(connection->fd(), SHUT_RDWR);
  }
}

void World::Accept(int listener) {
  Address to = {};
  socklen_t length = sizeof to;
  const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  ::getsockname(fd, &to.any, &length);
  auto connection = std::make_shared<Connection>(fd, TextOf(to), PortOf(to));
  {
    const std::lock_guard lock(mutex_);
    connections_.push_back(connection);
  }
  ++running_;
  std::thread([this, connection] {
    ServePort(connection.get(), &dns_);
    {
      // Closed under the lock: the number may be another connection's the moment after.
      const std::lock_guard lock(mutex_);
      ::close(connection->Release());
    }
    --running_;
  }).detach();
}

void World::Datagram(int socket) {
  std::string bytes;
  for (Way way; Receive(socket, &bytes, &way);) {
    if (PortOf(way.asked) != 53) {
      {
        const std::lock_guard lock(mutex_);
        datagrams_.emplace_back(TextOf(way.asked), bytes);
      }
      SendFrom(socket, bytes, way);
      continue;
    }
    for (const DnsReply& reply : dns_.Answer(bytes, TextOf(way.asked), false)) {
      if (reply.delay_ms == 0) {
        SendReply(socket, reply, way);
        continue;
      }
      ++running_;
      std::thread([this, socket, reply, way] {
        std::this_thread::sleep_for(std::chrono::milliseconds(reply.delay_ms));
        SendReply(socket, reply, way);
        --running_;
      }).detach();
    }
  }
}

void World::Serve() {
  std::vector<pollfd> wait = {{stop_[0], POLLIN, 0}, {packets_.fd(), POLLIN, 0}};
  for (const auto* sockets : {&tcp_, &udp_}) {
    for (const int fd : *sockets) wait.push_back({fd, POLLIN, 0});
  }
  while (::poll(wait.data(), wait.size(), -1) >= 0 && wait[0].revents == 0) {
    if (wait[1].revents != 0) packets_.Drain();
    for (std::size_t i = 2; i < wait.size(); ++i) {
      if (wait[i].revents == 0) continue;
      i < 2 + tcp_.size() ? Accept(wait[i].fd) : Datagram(wait[i].fd);
    }
  }
}

void World::ServeHost() {
  std::vector<pollfd> wait = {{stop_[0], POLLIN, 0}};
  for (const auto* sockets : {&host_tcp_, &host_udp_}) {
    for (const int fd : *sockets) wait.push_back({fd, POLLIN, 0});
  }
  while (::poll(wait.data(), wait.size(), -1) >= 0 && wait[0].revents == 0) {
    for (std::size_t i = 1; i < wait.size(); ++i) {
      if (wait[i].revents == 0) continue;
      ++reached_host_;
      char byte;
      const int fd = i < 1 + host_tcp_.size() ? ::accept4(wait[i].fd, nullptr, nullptr, SOCK_CLOEXEC) : -1;
      if (fd >= 0) ::close(fd);
      if (fd < 0) ::recv(wait[i].fd, &byte, 1, MSG_DONTWAIT);
    }
  }
}

Outcome World::Now() {
  Outcome now{.packets = packets_.Counts(), .packets_lost = packets_.lost(), .asked = dns_.Log()};
  const std::lock_guard lock(mutex_);
  for (const auto& connection : connections_) now.connections.push_back(connection->seen());
  now.datagrams = datagrams_;
  now.reached_host = reached_host_;
  return now;
}

void World::Forget() {
  // The last packets of what ended before may still be on their way, and would be counted as the next one's.
  EndConnections();
  for (int i = 0; i < 2000 && running_ > 0; ++i) ::usleep(1000);
  for (int i = 0; i < 100 && packets_.Quiet() < std::chrono::milliseconds(10); ++i) ::usleep(5000);
  packets_.Forget();
  dns_.Forget();
  const std::lock_guard lock(mutex_);
  std::erase_if(connections_, [](const auto& connection) { return connection->fd() < 0; });
  datagrams_.clear();
  reached_host_ = 0;
}

}  // namespace outside
