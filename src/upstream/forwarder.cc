// SPDX-License-Identifier: Apache-2.0
// Between libunbound's sockets and the exchanger.
#include "upstream/forwarder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>

#include "upstream/message.h"

namespace upstream {
namespace {

constexpr std::size_t kMaxUnderWay = 512, kMaxAskers = 64, kMaxLoopbackDatagram = 65507;

std::string ServerFailure(std::string query, const Question& question) {
  query.resize(question.end);
  query[2] = static_cast<char>(static_cast<unsigned char>(query[2]) | 0x80);
  query[3] = static_cast<char>(0x80 | 2);
  for (std::size_t at = 6; at < kDnsHeaderBytes; ++at) query[at] = 0;
  return query;
}

}  // namespace

base::Result<> Forwarder::Start() {
  socket_ = base::UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) return base::FailOs(errno, "making the validator's forwarder: socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return base::FailOs(errno, "making the validator's forwarder on 127.0.0.1: bind");
  }
  const int room = 1 << 20;
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
  port_ = ntohs(address.sin_port);
  return watch_.Start(loop_, socket_.get(), Watch::kRead, this);
}

void Forwarder::OnReady(short) {
  for (int i = 0; i < 64; ++i) {
    char buffer[4096];  // libunbound's queries are one question and an OPT record
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    const ssize_t got =
        ::recvfrom(socket_.get(), buffer, sizeof(buffer), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return;
    Take(std::string(buffer, static_cast<std::size_t>(got)), ntohs(from.sin_port));
  }
}

void Forwarder::Take(std::string query, std::uint16_t port) {
  const std::optional<Question> question = QuestionOf(query);
  if (!question) return;
  const Key key{FoldedName(question->name), static_cast<std::uint32_t>(question->type) << 16 | question->klass};
  const auto [found, fresh] = under_way_.try_emplace(key);
  if (found->second.size() < kMaxAskers) found->second.push_back({IdOf(query), port});
  if (!fresh) return;
  const auto reply = [this, alive = alive_, key, query](const base::Result<std::string>& whole) {
    if (*alive) Reply(key, query, whole);
  };
  if (under_way_.size() > kMaxUnderWay) {
    return loop_.Defer([reply] { reply(base::Fail(base::ErrorKind::kLimit, "too many questions of the validator")); });
  }
  resolver_.Ask(query, reply);
}

void Forwarder::Reply(const Key& key, const std::string& query, const base::Result<std::string>& reply) {
  const auto found = under_way_.find(key);
  if (found == under_way_.end()) return;
  const std::vector<Asker> askers = std::move(found->second);
  under_way_.erase(found);
  std::string packet = reply && reply->size() <= kMaxLoopbackDatagram ? *reply : ServerFailure(query, *QuestionOf(query));
  for (const Asker& asker : askers) {
    SetId(packet, asker.id);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(asker.port);
    // A datagram that finds no room is lost like any other: libunbound asks again.
    ::sendto(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&to),
             sizeof(to));
  }
}

}  // namespace upstream
