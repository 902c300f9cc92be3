// SPDX-License-Identifier: Apache-2.0
// For tests: the zone zone.example with keys and signatures of its own, and a server for it that can lie.
//
// Names: www (A, AAAA), alias (CNAME to www), text (TXT), mail (MX), big (TXT of 6,000 bytes), ns (A); below the delegation
// plain, which is proven to be unsigned, host.plain (A).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace upstream {

struct Lies {
  bool strip_signatures = false;  // answers without RRSIG, NSEC
  bool other_address = false;     // A records with another address under the true signature
  bool set_ad = false;
  bool server_failure = false;
};

class SignedZone {
 public:
  // Signatures hold from `from` to `until` seconds relative to now.
  explicit SignedZone(long from = -3600, long until = 3600);
  const std::string& anchor() const { return anchor_; }  // a DS record on one line
  std::uint16_t key_tag() const { return key_tag_; }
  static constexpr std::uint16_t kAlgorithm = 13;        // ECDSAP256SHA256
  // The whole reply to a query of one question.
  std::string Reply(std::string_view query, const Lies& lies = {}) const;

 private:
  struct Record {
    std::string owner;  // text, lower-case
    std::uint16_t type = 0, covered = 0;
    std::string wire;
    std::string next;   // NSEC
  };
  using Section = std::vector<const Record*>;
  void AddSet(const std::string& owner, std::uint16_t type, Section* section) const;
  bool Exists(const std::string& owner) const;
  void AddDenial(const std::string& owner, Section* authority) const;
  std::string anchor_;
  std::uint16_t key_tag_ = 0;
  std::vector<Record> records_;
  std::vector<Record> plain_;
};

// A query with random id 0x1234, RD, and an OPT record where `edns`; DO where `dnssec_ok`.
std::string MakeQuery(std::string_view name, std::uint16_t type, bool edns = false, bool dnssec_ok = false);

}  // namespace upstream
