// SPDX-License-Identifier: Apache-2.0
// What one accepted connection gets: the service of its port. Each runs on a thread of its own until its peer is done.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "dns_stub.h"

namespace outside {

struct Seen {
  std::string address;  // of the destination, as inet_ntop writes it
  std::uint16_t port = 0;
  std::string bytes;  // received, the first 256 KiB of them; inside TLS the first flight of the connection
  std::uint64_t count = 0;
  std::vector<std::string> requests;  // HTTP/1: "GET / host"
  std::string sni;                    // TLS
  std::string client;                 // common name of the client's certificate
  bool handshake = false;
};

// One connection's record, written by its service and read by the test.
class Connection {
 public:
  Connection(int fd, std::string address, std::uint16_t port) : fd_(fd) {
    seen_.address = std::move(address);
    seen_.port = port;
  }
  int fd() const { return fd_; }
  int Release() { return fd_.exchange(-1); }  // done with; the caller closes it
  Seen seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  void Got(const char* bytes, std::size_t size) {
    const std::lock_guard lock(mutex_);
    if (seen_.bytes.size() < kKept) seen_.bytes.append(bytes, std::min(size, kKept - seen_.bytes.size()));
    seen_.count += size;
  }
  template <typename Change>
  void Note(Change change) {
    const std::lock_guard lock(mutex_);
    change(seen_);
  }

 private:
  static constexpr std::size_t kKept = 256 << 10;
  std::atomic<int> fd_;
  mutable std::mutex mutex_;
  Seen seen_;
};

// Bytes of a connection, plain or inside TLS. Read: 0 at the end, negative on error or after ten silent seconds.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual long Read(char* buffer, std::size_t size) = 0;
  virtual bool Write(const std::string& bytes) = 0;
};
class PlainStream final : public Stream {
 public:
  explicit PlainStream(Connection* connection) : connection_(connection) {}
  long Read(char* buffer, std::size_t size) override;
  bool Write(const std::string& bytes) override;

 private:
  Connection* connection_;
};

void ServeEcho(Connection* connection);
void ServeDiscard(Connection* connection);
void ServeBanner(Connection* connection);   // speaks first, then echoes
void ServeNothing(Connection* connection);  // never reads
void ServeDns(Connection* connection, DnsStub* stub);
// HTTP/1: /chunked, /redirect?HOST, /upgrade (101, then an echo), /stream (events until the peer is gone); anything
// else gives 200. With the HTTP/2 preface first: answers with SETTINGS and keeps what comes.
void ServeHttp(Connection* connection, Stream* stream);
// TLS by a certificate made at start, asking for one of the client's without judging it, then HTTP/1.
void ServeTls(Connection* connection);
std::string PrepareTls();  // once, before the first; empty or why not

}  // namespace outside
