// SPDX-License-Identifier: Apache-2.0
// One packet a request, one packet an answer; the packet's copy of a value is wiped.
#include "cell/network/secret_service.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <utility>

#include "sys/file.h"
#include "sys/socket.h"

namespace cell {
namespace {

constexpr int kServedAtOnce = 32;

std::string Packet(const wire::SecretReply& reply, std::string_view bytes) {
  std::string packet;
  packet.reserve(sizeof reply + bytes.size());
  packet.append(reinterpret_cast<const char*>(&reply), sizeof reply).append(bytes);
  return packet;
}

}  // namespace

base::Result<SecretService> SecretService::Create(base::UniqueFd socket, const base::Clock& clock) {
  TRY(sys::SetNonblocking(socket.get()));
  return SecretService(std::move(socket), clock);
}

void SecretService::Open(Provider provider, OnDenied on_denied, base::BootTime expires_at) {
  provider_ = std::move(provider);
  on_denied_ = std::move(on_denied);
  expires_at_ = expires_at;
}

bool SecretService::Serve(std::string* why) {
  for (int served = 0; served < kServedAtOnce; ++served) {
    wire::SecretRequest request;
    char bytes[sizeof request + 1];
    const auto received = sys::RecvMsg(socket_.get(), bytes, MSG_DONTWAIT);
    if (!received && received.error().os_errno == EAGAIN) return true;
    if (!received || received->bytes == 0) {
      *why = "its secret socket was closed";
      return false;
    }
    if (received->bytes != sizeof request || received->truncated || !received->fds.empty()) {
      *why = "a secret request that cannot be one";
      return false;
    }
    memcpy(&request, bytes, sizeof request);
    Answer(request);
  }
  return true;
}

void SecretService::Answer(const wire::SecretRequest& request) {
  if (!provider_ || clock_->Boot() >= expires_at_) {
    if (on_denied_) on_denied_(request.index, "secret expired");
    return Refuse(request, wire::SecretFault::kExpired, "secret expired");
  }
  const auto value = provider_(request.index);
  if (!value) {
    const bool unknown = value.error().kind == base::ErrorKind::kNotFound;
    return Refuse(request, unknown ? wire::SecretFault::kUnknownKey : wire::SecretFault::kBroker, value.error().message);
  }
  if (value->view().size() > wire::kMaxSecretBytes) {
    return Refuse(request, wire::SecretFault::kBroker, "the value is too large for the secret socket");
  }
  std::string packet = Packet({.id = request.id, .bytes = static_cast<std::uint32_t>(value->view().size())}, value->view());
  (void)sys::SendMsg(socket_.get(), packet, {}, MSG_DONTWAIT);
  explicit_bzero(packet.data(), packet.size());
}

void SecretService::Refuse(const wire::SecretRequest& request, wire::SecretFault fault, std::string_view text) {
  text = text.substr(0, 1024);
  (void)sys::SendMsg(socket_.get(),
                     Packet({.id = request.id,
                             .status = 1 + static_cast<std::uint32_t>(fault),
                             .bytes = static_cast<std::uint32_t>(text.size())},
                            text),
                     {}, MSG_DONTWAIT);
}

}  // namespace cell
