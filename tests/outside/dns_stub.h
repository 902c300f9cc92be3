// SPDX-License-Identifier: Apache-2.0
// A resolver of tests: answers from a table, misbehaves where the table says so, and keeps a log of what it was asked.
//
// Lines of the table:
//   NAME TYPE TTL DATA        a record; NAME may be *.x
//   NAME TYPE TTL DATA @N     given with the N-th answer for that name and type only; @N+ from the N-th on
//   NAME !BEHAVIOUR [ARG]     wrong-id, wrong-port, wrong-source, wrong-question, forge N (that many forgeries with
//   wrong
//                             ids before the answer), upper-case, truncate (UDP only), silent, delay MS, garbage,
//                             qr-zero, servfail, extra NAME ADDRESS (a record of another owner), pointer-loop,
//                             long-rdlength
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "dns_message.h"

namespace outside {

struct DnsAsked {
  std::string server;  // the address that was asked
  bool tcp = false;
  std::string name;  // as it was written
  std::uint16_t type = 0;
};

// One message to be sent, and how.
struct DnsReply {
  std::string message;
  int delay_ms = 0;
  enum class From { kAsked, kOtherPort, kOtherAddress } from = From::kAsked;
};

class DnsStub {
 public:
  // Adds lines; a line that is none is told.
  std::string Add(std::string_view table);
  void Clear();

  // What is sent for `message`, in order.
  std::vector<DnsReply> Answer(std::string_view message, const std::string& server, bool tcp);

  std::vector<DnsAsked> Log() const;
  void Forget();  // the log and the counts of answers

 private:
  struct Record {
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;
    std::string data, target;  // target: of a CNAME, lower-case
    unsigned from = 1, to = ~0u;
  };
  struct Behaviour {
    std::string what, argument;
  };

  std::vector<const Record*> Find(const std::string& name, std::uint16_t type, unsigned turn, bool* exists) const;
  std::string Whole(const DnsQuestion& question, unsigned turn) const;
  std::string WithOpt(const DnsQuestion& question, std::string reply) const;
  std::vector<DnsReply> Misbehave(const Behaviour& behaviour, const DnsQuestion& question, std::string right,
                                  bool tcp) const;

  mutable std::mutex mutex_;
  std::map<std::string, std::vector<Record>> records_;
  std::map<std::string, Behaviour> behaviours_;
  std::map<std::pair<std::string, std::uint16_t>, unsigned> turns_;
  std::vector<DnsAsked> log_;
};

}  // namespace outside
