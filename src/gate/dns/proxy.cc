// SPDX-License-Identifier: Apache-2.0
// The proxy's face.
#include "gate/dns/proxy.h"

#include "gate/dns/proxy_core.h"

namespace gate::dns {

base::Result<std::unique_ptr<Proxy>> Proxy::Create(const ProxyParts& parts, const ProxySockets& sockets) {
  auto core = std::make_unique<Core>(parts, sockets);
  TRY(core->Start());
  return std::unique_ptr<Proxy>(new Proxy(std::move(core)));
}

Proxy::Proxy(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Proxy::~Proxy() = default;

void Proxy::Refresh(std::uint32_t name) { core_->RefreshName(name); }
void Proxy::Revoke() { core_->Revoke(); }
void Proxy::AddTo(wire::GateTotals* totals) const { core_->AddTo(totals); }

}  // namespace gate::dns
