// SPDX-License-Identifier: Apache-2.0
// Reads what it is told, takes the cell's sockets, locks itself, says so, serves.
#include "gate/process/process.h"

#include <signal.h>

#include "gate/process/gate.h"
#include "gate/process/lock.h"
#include "gate/process/startup.h"
#include "sys/inet.h"

namespace gate {
namespace {

void TellFailing(const base::Error& error) {
  wire::GateRecord record;
  record.kind = wire::GateRecordKind::kFailing;
  record.code = static_cast<std::uint32_t>(error.os_errno);
  record.at_ns = static_cast<std::uint64_t>(base::SystemClock().Boot().count());
  std::size_t at = 0;
  for (const char c : error.message) {
    if (at + 1 < sizeof record.name && c >= ' ' && c <= '~') record.name[at++] = c;
  }
  sys::Send(wire::kGateRecordsFd, {reinterpret_cast<const std::uint8_t*>(&record), sizeof record});
}

base::Result<> Serve() {
  ::signal(SIGPIPE, SIG_IGN);  // splice(2) knows no MSG_NOSIGNAL
  Configuration configuration = TRY(ReadConfiguration());
  const wire::GateConfigHeader header = configuration.grants.header();
  const CellSockets sockets = TRY(ReceiveCellSockets(header.udp_ports));
  const std::uint32_t lock =
      TRY_WITH("locking the gate", Lock({.descriptors = Gate::DescriptorsFor(header.limits)},
                                        {configuration.filter.data(), configuration.filter.size()}));
  configuration.filter = {};
  const auto gate = TRY_WITH("starting the gate", Gate::Create(base::SystemClock(), std::move(configuration.grants),
                                                               sockets, DescriptorLimit()));
  return gate->Run(lock);
}

}  // namespace

int RunProcess() {
  const auto served = Serve();
  if (served) return 0;
  TellFailing(served.error());
  return 1;
}

}  // namespace gate
