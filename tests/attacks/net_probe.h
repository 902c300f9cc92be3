// SPDX-License-Identifier: Apache-2.0
// The attacker inside a cell with a network: sockets and messages of its own making, no resolver, no proxy variables.
//
// `net_probe MNT PID NET LINE…`, the inodes as attack_probe takes them. A line is "NAME VERB WORDS…", or
// "@FILE" for the lines of a file; every line runs in
// a process of its own under a deadline and prints "NAME VERDICT", the verdict without white space. Lines run eight at
// a time, started fifteen a second; the line "--" waits until those before it are done, "-- MS" pauses then too.
//
// Verdicts of streams are parts joined by '+': an errno of connect; data:…, alert:N, serverhello, HTTP statuses; then
// how it ended: reset, closed, silence.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace net_probe {

using Words = std::vector<std::string>;

// "name=value" among the words: the value; or "" and whether the word itself is there.
std::string Option(const Words& words, std::string_view name, std::string_view otherwise = "");
int Number(const Words& words, std::string_view name, int otherwise);
bool Has(const Words& words, std::string_view word);

std::string Percent(std::string_view text);                         // %0d%0a decoded
std::string Shown(std::string_view bytes, std::size_t most = 120);  // no white space, no control
std::string ErrorName(int error);
std::string Big16(unsigned value);

long long NowMs();

struct Endpoint {
  sockaddr_storage address = {};
  socklen_t size = 0;
  int family() const { return address.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};
Endpoint To(const std::string& address, const std::string& port);

// A connected non-blocking socket; negative with `why` an errno's name or "hang".
int Dial(const Endpoint& to, int type, std::string* why, int protocol = 0, int wait_ms = 4000);
bool SendAll(int fd, std::string_view bytes);

struct Got {
  std::string bytes, end;  // end: "reset", "closed", "silence", or "" when `most` bytes came
};
Got ReadFor(int fd, int wait_ms, std::size_t most = 65536);
// A reset that the sending meets is told as such: the kernel tells it once, and reading then says "closed".
Got SendAndRead(int fd, std::string_view bytes, int wait_ms, std::size_t most = 65536);

// Each gives the verdict.
std::string Tcp(
    const Words& words);  // ADDR PORT [send=TEXT] [want=N] [wait=MS] [fastopen|connect-later] [mptcp] [ttl=N]
std::string Http(const Words& words);    // ADDR PORT host=A,B… [path=] [method=] [pipelined] [head=EXTRA] [absolute=]
std::string H2c(const Words& words);     // ADDR PORT authority=A,B…
std::string Bulk(const Words& words);    // ADDR PORT bytes=N: through an echo
std::string Steady(const Words& words);  // ADDR PORT ms=N [send=]: sends until it is told otherwise
std::string Silent(const Words& words);  // ADDR PORT count=N hold=MS [send=] [half-close]
std::string Tls(const Words& words);     // ADDR PORT sni=NAME [shape=…] [split|edge|records=N] [wait=MS]
std::string TlsReal(const Words& words);  // ADDR PORT NAME: OpenSSL with a client certificate, then GET /
std::string Dns(const Words& words);      // SERVER NAME TYPE [tcp] [class=N] [plain] [flags=HEX] [wait=MS]
std::string DnsRaw(const Words& words);   // SERVER HEX [tcp] [wait=MS]
std::string DnsMany(const Words& words);  // SERVER SUFFIX count=N [tcp]: distinct names; counts by answer
std::string DnsSlow(const Words& words);  // SERVER count=N NAME: idle, slow and lying TCP clients while UDP asks NAME
std::string Udp(const Words& words);      // ADDR PORT [send=TEXT|size=N] [wait=MS] [broadcast] [unconnected] [ttl=N]
std::string Own(const Words& words);      // ADDR PORT: a listener of the cell's own, reached there
std::string Listen(const Words& words);   // PORT ms=N: whether anybody came
std::string Try(const Words& words);      // NAME: one of the attempts that end in an errno
std::string Path(const Words& words);     // PATH: connects to a Unix socket
std::string Descriptors(const Words& words);  // PATH count=N: passes descriptors
std::string Storm(const Words& words);        // ADDR PORT SERVER NAME connects=N queries=N: denied ones, counted
std::string Loop(const Words& words);         // ADDR PORT ms=N: connects again and again; counts by verdict

}  // namespace net_probe
