// SPDX-License-Identifier: Apache-2.0
// Accepting the workload's requests and carrying the supervisor's answers.
#include "gate/secrets/secret_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include <algorithm>

#include "gate/secrets/secret_connection.h"
#include "sys/inet.h"
#include "sys/socket.h"

namespace gate {
namespace {

const char* DefaultText(std::uint32_t status) {
  switch (static_cast<wire::SecretFault>(status - 1)) {
    case wire::SecretFault::kUnauthorized: return "unauthorized";
    case wire::SecretFault::kExpired: return "secret expired";
    default: return "secret unavailable";
  }
}

}  // namespace

SecretSocket::SecretSocket(Loop& loop, const Grants& grants, Reporter& reporter, int listener, int supervisor)
    : loop_(loop), grants_(grants), reporter_(reporter), listener_(listener), supervisor_(supervisor),
      packet_(sizeof(wire::SecretReply) + wire::kMaxSecretBytes) {}

base::Result<std::unique_ptr<SecretSocket>> SecretSocket::Create(Loop& loop, const Grants& grants, Reporter& reporter,
                                                                 int listener, int supervisor) {
  std::unique_ptr<SecretSocket> made(new SecretSocket(loop, grants, reporter, listener, supervisor));
  TRY(loop.Watch(supervisor, EPOLLIN, made.get()));
  TRY(loop.Watch(listener, EPOLLIN, made.get()));
  made->listening_ = true;
  return made;
}

SecretSocket::~SecretSocket() {
  connections_.clear();
  loop_.Cancel(rest_);
  loop_.Unwatch(listener_);
  loop_.Unwatch(supervisor_);
}

void SecretSocket::OnReady(int fd, std::uint32_t) {
  if (fd == supervisor_) return TakeReplies();
  while (listening_ && AcceptOne()) {
  }
}

bool SecretSocket::IsWorkload(int connection) const {
  const auto peer = sys::PeerCredentials(connection);
  return peer && peer->uid == grants_.header().cell_uid_seen;
}

bool SecretSocket::AcceptOne() {
  if (connections_.size() >= kConnections || broken_) {
    Listen();
    return false;
  }
  const long accepted = sys::Raw("accept4", SYS_accept4, listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted < 0) {
    if (accepted == -EMFILE || accepted == -ENFILE) Rest(loop_.Now() + std::chrono::seconds(1));
    return false;
  }
  base::UniqueFd socket(static_cast<int>(accepted));
  if (revoked_) return true;  // closed
  if (!IsWorkload(socket.get())) {
    Deny(wire::SecretFault::kPeer, {});
    return true;
  }
  auto made = std::make_unique<SecretConnection>(*this, std::move(socket));
  if (made->Start()) connections_.push_back(std::move(made));
  return true;
}

// Watches the listener unless it rests or all connections are in use.
void SecretSocket::Listen() {
  const bool wanted = rest_ == 0 && !broken_ && connections_.size() < kConnections;
  if (wanted == listening_) return;
  listening_ = wanted && loop_.Watch(listener_, EPOLLIN, this).has_value();
  if (!wanted) loop_.Unwatch(listener_);
}

void SecretSocket::Rest(base::BootTime until) {
  if (rest_ != 0) return;
  rest_ = loop_.At(until, [this] {
    rest_ = 0;
    Listen();
  });
  Listen();
}

void SecretSocket::Deny(wire::SecretFault fault, std::string_view key) {
  const base::BootTime now = loop_.Now();
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    denials_ = 0;
  }
  if (++denials_ >= kDenialsPerSecond) Rest(second_ + std::chrono::seconds(1));
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kSecretDenied;
  record.code = static_cast<std::uint32_t>(fault);
  std::size_t at = 0;
  for (const char c : key) {
    if (at + 1 < sizeof record.name && c >= ' ' && c <= '~') record.name[at++] = c;
  }
  reporter_.Report(record);
}

bool SecretSocket::Ask(std::uint32_t index, SecretConnection* asker) {
  const wire::SecretRequest request = {.id = next_id_++, .index = index};
  const long sent = sys::Send(supervisor_, {reinterpret_cast<const std::uint8_t*>(&request), sizeof request});
  if (sent < 0) return false;
  asked_.emplace(request.id, asker);
  return true;
}

void SecretSocket::TakeReplies() {
  for (;;) {
    const long got = sys::Receive(supervisor_, {reinterpret_cast<std::uint8_t*>(packet_.data()), packet_.size()});
    if (got == -EAGAIN) return;
    if (got <= 0) {  // the supervisor's end is closed: no secret is handed over any more
      broken_ = true;
      loop_.Unwatch(supervisor_);
      connections_.clear();
      asked_.clear();
      return Listen();
    }
    wire::SecretReply reply;
    if (static_cast<std::size_t>(got) < sizeof reply) continue;
    memcpy(&reply, packet_.data(), sizeof reply);
    const auto asker = asked_.find(reply.id);
    const auto text = std::string_view(packet_.data(), packet_.size()).substr(sizeof reply, static_cast<std::size_t>(got) - sizeof reply);
    if (asker != asked_.end() && reply.bytes == text.size()) {
      SecretConnection* connection = asker->second;
      asked_.erase(asker);
      if (reply.status == 0) {
        connection->Answer("value", text);
      } else {
        connection->Answer("error", text.empty() ? DefaultText(reply.status) : text);
      }
    }
    ::explicit_bzero(packet_.data(), static_cast<std::size_t>(got));
  }
}

void SecretSocket::Release(SecretConnection* connection) {
  std::erase_if(asked_, [&](const auto& entry) { return entry.second == connection; });
  std::erase_if(connections_, [&](const auto& held) { return held.get() == connection; });
  Listen();
}

void SecretSocket::Revoke() {
  revoked_ = true;
  asked_.clear();
  connections_.clear();
  Listen();
}

}  // namespace gate
