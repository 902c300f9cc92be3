// SPDX-License-Identifier: Apache-2.0
// The one form of a dial to a resolver.
#include "gate/dns/upstream_dials.h"

#include <algorithm>
#include <cstring>

namespace gate::dns {

Dials::Dials(Dialler& dialler, std::uint32_t resolver, const base::IpEndpoint& to, wire::IpProtocol protocol)
    : dialler_(dialler) {
  request_.index = resolver;
  request_.port = to.port;
  request_.purpose = wire::DialPurpose::kResolver;
  request_.protocol = protocol;
  request_.v6 = to.address.v6;
  std::memcpy(request_.address, to.address.bytes.data(), sizeof request_.address);
}

Dials::~Dials() {
  for (const Pending& pending : pending_) dialler_.Cancel(pending.ticket);
}

void Dials::Start(std::function<void(base::Result<base::UniqueFd>)> done) {
  const std::uint64_t number = next_++;
  pending_.push_back({number, 0, std::move(done)});
  const Dialler::Ticket ticket = dialler_.Dial(
      request_, [this, number](base::Result<base::UniqueFd> fd) { Finish(number, std::move(fd)); });
  const auto entry = std::ranges::find(pending_, number, &Pending::number);
  if (entry != pending_.end()) entry->ticket = ticket;
}

void Dials::Finish(std::uint64_t number, base::Result<base::UniqueFd> fd) {
  const auto entry = std::ranges::find(pending_, number, &Pending::number);
  if (entry == pending_.end()) return;
  const auto done = std::move(entry->done);
  pending_.erase(entry);
  done(std::move(fd));
}

}  // namespace gate::dns
