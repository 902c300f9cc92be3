// SPDX-License-Identifier: Apache-2.0
// What carries questions to one resolver: by datagrams, by a stream, through cellos-upstream. Alike from above.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "wire/gate_record.h"

namespace gate::dns {

// An exchange of the layer above; generations tell a new one in an old slot.
struct Handle {
  std::uint32_t slot = 0, generation = 0;
  bool operator==(const Handle&) const = default;
};

// Where one try of an exchange waits for its answer: a socket and an id that is free on it.
struct Place {
  int fd = -1;
  std::uint16_t id = 0;
};

class TransportSink {
 public:
  // There is a place now: Reserve will give one.
  virtual void OnPlaceFree(Handle handle) = 0;
  // A message under the id of `handle`'s place; with `reply` it came by cellos-upstream. The place is released if it is
  // what was waited for.
  virtual void OnMessage(Handle handle, std::span<const std::uint8_t> message, const wire::UpstreamReply* reply) = 0;
  // Refused, unreachable, closed, or no socket to be had. The place is released already.
  virtual void OnFailure(Handle handle) = 0;
  // A message that nobody waits for.
  virtual void OnStray() = 0;

 protected:
  ~TransportSink() = default;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // A place for `handle`, or nullopt: OnPlaceFree or OnFailure follows, later, unless Forget comes first.
  virtual std::optional<Place> Reserve(Handle handle) = 0;
  // False: it can't leave now. The place stays reserved, a later try may succeed.
  virtual bool Send(Place place, std::span<const std::uint8_t> message) = 0;
  virtual void Release(Place place) = 0;
  virtual void Forget(Handle handle) = 0;  // no place is wanted any more
};

}  // namespace gate::dns
