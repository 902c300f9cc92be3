// SPDX-License-Identifier: Apache-2.0
// TLS towards a resolver: TLS 1.2 or newer, the peer's certificate checked against given authorities and one identity.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "upstream/stream.h"

struct ssl_ctx_st;

namespace upstream {

// Who the peer has to prove to be: `name` as a DNS name of the certificate (RFC 6125, no partial wildcard), or where it is
// empty `address` (text of an IP address) as an IP address of it.
struct TlsIdentity {
  std::string name, address;
  const char* alpn = "";  // one protocol to offer; with "h2" the peer must choose it
};

class TlsContext {
 public:
  // `certificates`: PEM, the trusted authorities; kInvalid when there is none in it. What can't be parsed is left out.
  static base::Result<TlsContext> Create(std::string_view certificates);
  TlsContext(TlsContext&& other) noexcept;
  ~TlsContext();
  // A stream over a connected socket; its Handshake fails unless the identity is proven.
  base::Result<std::unique_ptr<Stream>> Connect(base::UniqueFd socket, const TlsIdentity& identity) const;

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

}  // namespace upstream
