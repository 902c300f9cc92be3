// SPDX-License-Identifier: Apache-2.0
// What the parts of the gate ask of each other: narrow interfaces, so that each is tested with a twin.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "wire/gate_record.h"

namespace gate {

// Where decisions go. Records leave in the order of Report; denials beyond the rate are counted and summed up.
class Reporter {
 public:
  virtual ~Reporter() = default;
  // Fills id (when 0) and at_ns; gives the id.
  virtual std::uint64_t Report(wire::GateRecord record) = 0;
  virtual std::uint64_t NewId() = 0;
};

// The supervisor's dialler. One answer for each request, also after the asker is gone (then give a dead callback nothing).
class Dialler {
 public:
  virtual ~Dialler() = default;
  using Answer = std::function<void(base::Result<base::UniqueFd>)>;
  // TCP: the socket may still be connecting. UDP: connected. Both non-blocking. The ticket cancels: no answer comes after.
  using Ticket = std::uint64_t;
  virtual Ticket Dial(wire::DialRequest request, Answer answer) = 0;
  virtual void Cancel(Ticket ticket) = 0;
};

// What a cell's names were answered with: the one source that connects by name are judged by.
struct Credit {
  std::string name;          // canonical; the name asked for, not the end of its CNAME chain
  std::uint64_t query = 0;   // GateRecord id of the kDnsQuery
  base::BootTime until{0};   // last moment of a new connection: TTL, clamped, and grace
};
class CreditSink {
 public:
  virtual ~CreditSink() = default;
  virtual void Remember(const base::IpAddress& address, Credit credit) = 0;
};

}  // namespace gate
