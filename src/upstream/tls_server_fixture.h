// SPDX-License-Identifier: Apache-2.0
// For tests: a DoT or DoH server on 127.0.0.1 with a certificate of an authority of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

struct ssl_ctx_st;
struct ssl_st;

namespace upstream {

enum class Speaks : std::uint8_t { kDot, kDoh };

struct TlsServerOptions {
  Speaks speaks = Speaks::kDot;
  std::string alt_names = "DNS:dns.example,IP:127.0.0.1";  // subjectAltName
  long valid_until = 3600;                                 // seconds from now
  int max_version = 0;                                     // OpenSSL's number; 0: any
  int close_after = 0;         // replies on one connection, then it is closed; 0: never
  int cut_at = 0;              // DoT: the query of a connection at which it is closed without a reply; 0: never
  bool silent = false;         // takes queries, never replies
  bool reverse_pairs = false;  // DoT: waits for two queries, answers the second first
  bool answers_http1 = false;  // DoH: no ALPN
  std::string status = "200", content_type = "application/dns-message";
};

class TlsServer {
 public:
  using Handler = std::function<std::string(const std::string& query)>;
  TlsServer(TlsServerOptions options, Handler handler);
  ~TlsServer();

  std::uint16_t port() const { return port_; }
  const std::string& authority() const { return authority_; }  // PEM of the certificate that signed the server's
  int connections() const { return connections_; }
  int ended() const { return ended_; }  // connections that are over
  int requests() const { return requests_; }
  std::string last_headers() const;  // DoH: "name: value\n" of the last request

 private:
  friend class DohSession;
  void Listen();
  void Serve(int socket);
  void ServeDot(ssl_st* ssl);
  void ServeDoh(ssl_st* ssl);

  TlsServerOptions options_;
  Handler handler_;
  ssl_ctx_st* context_ = nullptr;
  std::string authority_;
  base::UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0, ended_ = 0, requests_ = 0;
  mutable std::mutex mutex_;
  std::string last_headers_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace upstream
