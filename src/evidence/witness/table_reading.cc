// SPDX-License-Identifier: Apache-2.0
// Rows of the table told apart by chain, place and the part of their text that the probe keeps.
#include "evidence/witness/table_reading.h"

#include <algorithm>

#include "evidence/verify/jcs_scan.h"
#include "evidence/witness/leaf.h"

namespace evidence {
namespace {

struct Row {
  std::string_view chain, text;
  std::uint64_t packets = 0, bytes = 0;
};

Row ReadRow(std::string_view object) {
  Row row;
  JsonObject members(object);
  for (JsonMember member; members.Next(member);) {
    if (member.name == "bytes") row.bytes = UintOf(member.value).value_or(0);
    if (member.name == "packets") row.packets = UintOf(member.value).value_or(0);
    if (member.name == "chain") row.chain = PlainStringOf(member.value).value_or(std::string_view());
    if (member.name == "ruleRepr") row.text = PlainStringOf(member.value).value_or(std::string_view());
  }
  return row;
}

class Reader {
 public:
  void Take(const Row& row) {
    if (row.chain == "steer") Steer(row);
    if (row.chain == "output") Output(row);
  }
  TableReading Finish() {
    // The rows of maps have no text: TCP in two families, then UDP.
    reading_.udp_steered |= maps_ == 1 || maps_ == 3;
    reading_.whole = output_ > 3 && !log_row_ && in_order_;
    return reading_;
  }

 private:
  void Steer(const Row& row) {
    if (row.text.ends_with("accept")) return;
    if (row.text.empty()) {
      ++maps_;
    } else if (row.text.ends_with("dport 53")) {
      reading_.dns_sockets = AddUp(reading_.dns_sockets, row.packets);
    } else if (row.text.contains("udp dport")) {
      reading_.udp_steered = true;
    }
  }

  // Replies, TCP and UDP of connections that stand; then grants and local traffic, which accept, and refusals in pairs: a
  // row that logs some of them, a row that counts all.
  void Output(const Row& row) {
    const std::uint64_t place = output_++;
    if (log_row_) {
      log_row_ = false;
      reading_.refused = AddUp(reading_.refused, row.packets);
      return;
    }
    const bool accepts = row.text.ends_with("accept");
    if (place == 0) {
      after_accept_ = true;
      reading_.bytes_in = row.bytes;
      reading_.packets_in = row.packets;
      in_order_ = row.text == "accept";
      return;
    }
    if (place <= 2) in_order_ &= row.text == "accept";
    if (!accepts) {
      refusals_ += after_accept_ ? 1 : 0;
      after_accept_ = false;
      log_row_ = true;
      reading_.logged = AddUp(reading_.logged, row.packets);
      return;
    }
    after_accept_ = true;
    reading_.bytes_out = AddUp(reading_.bytes_out, row.bytes);
    reading_.packets_out = AddUp(reading_.packets_out, row.packets);
    // Steered packets are let through between the first refusals and the next; behind those it is local traffic.
    if (refusals_ == 1 && row.text == "accept") reading_.granted = AddUp(reading_.granted, row.packets);
  }

  TableReading reading_;
  std::uint64_t output_ = 0, maps_ = 0, refusals_ = 0;  // refusals_: groups of them so far
  bool log_row_ = false, in_order_ = false, after_accept_ = false;
};

}  // namespace

TableReading ReadTableRows(std::string_view rows) {
  Reader reader;
  JsonArray array(rows);
  for (std::string_view row; array.Next(row);) reader.Take(ReadRow(row));
  return reader.Finish();
}

}  // namespace evidence
