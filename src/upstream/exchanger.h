// SPDX-License-Identifier: Apache-2.0
// One resolver as a function from a query to its reply.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "upstream/dialler.h"
#include "upstream/framing.h"
#include "upstream/loop.h"
#include "upstream/stream.h"
#include "upstream/tls.h"

namespace upstream {

class Exchanger {
 public:
  virtual ~Exchanger() = default;
  using Answer = std::function<void(base::Result<std::string>)>;
  // `query` has one question. The reply has the query's id and question, at most 65,535 bytes, and came from the resolver over
  // a connection as the plan wants it. `answer` comes once, never from within this call, also when time is up.
  virtual void Ask(std::string query, Answer answer) = 0;
};

struct ExchangeLimits {
  std::chrono::milliseconds exchange{400};  // from a standing connection to the reply
  std::chrono::milliseconds connect{1600};  // dial, TCP, TLS
  std::chrono::milliseconds idle{10'000};   // a connection without question is closed then
};

// How a connection becomes able to carry queries.
struct Carrier {
  std::function<base::Result<std::unique_ptr<Stream>>(base::UniqueFd)> stream;
  std::function<std::unique_ptr<Framing>(Framing::OnReply)> framing;
};
Carrier PlainTcpCarrier();
// `context` outlives the carrier.
Carrier DotCarrier(const TlsContext& context, TlsIdentity identity);
Carrier DohCarrier(const TlsContext& context, TlsIdentity identity, HttpTarget target);

// At most one connection at a time, made when it is needed, kept while it is used, many queries under way. What was under
// way on a used connection that breaks is asked once more over a new one; on a fresh connection it fails.
std::unique_ptr<Exchanger> MakeStreamExchanger(Loop& loop, Dialler& dialler, std::uint32_t resolver, Carrier carrier,
                                               ExchangeLimits limits);

// Do53-UDP: a socket of its own, hence a random port, and a random id per query; replies that do not fit are ignored; sent
// again once; a truncated reply is asked again over `tcp`. Without letter-case randomisation.
std::unique_ptr<Exchanger> MakeUdpExchanger(Loop& loop, Dialler& dialler, std::uint32_t resolver,
                                            std::unique_ptr<Exchanger> tcp, ExchangeLimits limits);

}  // namespace upstream
