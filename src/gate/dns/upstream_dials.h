// SPDX-License-Identifier: Apache-2.0
// Dials that are under way for one owner, which all end with it.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/ip_address.h"
#include "gate/ports.h"

namespace gate::dns {

class Dials {
 public:
  Dials(Dialler& dialler, std::uint32_t resolver, const base::IpEndpoint& to, wire::IpProtocol protocol);
  ~Dials();
  Dials(const Dials&) = delete;
  Dials& operator=(const Dials&) = delete;

  // `done` may be called from within.
  void Start(std::function<void(base::Result<base::UniqueFd>)> done);
  std::size_t pending() const { return pending_.size(); }

 private:
  struct Pending {
    std::uint64_t number;
    Dialler::Ticket ticket;
    std::function<void(base::Result<base::UniqueFd>)> done;
  };
  void Finish(std::uint64_t number, base::Result<base::UniqueFd> fd);

  Dialler& dialler_;
  wire::DialRequest request_;
  std::uint64_t next_ = 1;
  std::vector<Pending> pending_;
};

}  // namespace gate::dns
