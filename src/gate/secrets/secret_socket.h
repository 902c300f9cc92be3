// SPDX-License-Identifier: Apache-2.0
// The socket in the cell where the workload asks for its secrets (documents.md §7.3), one request a connection.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "gate/grants.h"
#include "gate/loop.h"
#include "gate/ports.h"
#include "wire/gate_record.h"

namespace gate {

class SecretConnection;

// Asks the supervisor by the index of a key, never by a text of the workload. Refusals of the gate's own (peer, token, key,
// form of the request) are kSecretDenied records; what the supervisor refuses it tells itself. No value is kept longer than
// it takes to hand it over.
class SecretSocket final : private Loop::Watcher {
 public:
  static constexpr std::size_t kConnections = 32;         // at once; more wait in the kernel's queue
  static constexpr std::uint32_t kDenialsPerSecond = 20;  // then the socket rests until the second is over

  // `listener` in the cell and `supervisor` (seqpacket) are not owned. Everything outlives it.
  static base::Result<std::unique_ptr<SecretSocket>> Create(Loop& loop, const Grants& grants, Reporter& reporter,
                                                            int listener, int supervisor);
  ~SecretSocket();

  // Closes every connection; nothing is handed over any more.
  void Revoke();
  std::size_t open() const { return connections_.size(); }

 private:
  friend class SecretConnection;
  SecretSocket(Loop& loop, const Grants& grants, Reporter& reporter, int listener, int supervisor);
  void OnReady(int fd, std::uint32_t events) override;
  bool AcceptOne();
  void TakeReplies();
  bool IsWorkload(int connection) const;
  // Of connections.
  void Deny(wire::SecretFault fault, std::string_view key);
  bool Ask(std::uint32_t index, SecretConnection* asker);
  void Release(SecretConnection* connection);
  void Listen();
  void Rest(base::BootTime until);

  Loop& loop_;
  const Grants& grants_;
  Reporter& reporter_;
  const int listener_, supervisor_;
  std::vector<std::unique_ptr<SecretConnection>> connections_;
  std::unordered_map<std::uint64_t, SecretConnection*> asked_;
  std::vector<char> packet_;  // of the supervisor; wiped after each
  std::uint64_t next_id_ = 1;
  base::BootTime second_{0};
  std::uint32_t denials_ = 0;
  Loop::TimerId rest_ = 0;
  bool listening_ = false, revoked_ = false, broken_ = false;
};

}  // namespace gate
