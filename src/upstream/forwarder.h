// SPDX-License-Identifier: Apache-2.0
// A DNS server on the loopback of an otherwise empty network namespace: the only one that libunbound can reach.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "upstream/exchanger.h"
#include "upstream/loop.h"

namespace upstream {

// Relays each datagram to `resolver` and its reply back whole, whatever its size up to what a datagram holds: loopback
// carries 64 KiB, so truncation and a TCP listener are not needed. Equal questions under way are asked once. A failure
// is answered at once with SERVFAIL, so that the client waits for nothing.
class Forwarder final : private Handler {
 public:
  Forwarder(Loop& loop, Exchanger& resolver) : loop_(loop), resolver_(resolver) {}
  ~Forwarder() { *alive_ = false; }
  base::Result<> Start();
  std::uint16_t port() const { return port_; }  // on 127.0.0.1

 private:
  struct Asker {
    std::uint16_t id = 0, port = 0;
  };
  using Key = std::pair<std::string, std::uint32_t>;  // name, type and class

  void OnReady(short what) override;
  void OnTimer() override {}
  void Take(std::string query, std::uint16_t port);
  void Reply(const Key& key, const std::string& query, const base::Result<std::string>& reply);

  Loop& loop_;
  Exchanger& resolver_;
  base::UniqueFd socket_;
  Watch watch_;  // after socket_: ends before it is closed
  std::uint16_t port_ = 0;
  std::map<Key, std::vector<Asker>> under_way_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace upstream
