// SPDX-License-Identifier: Apache-2.0
// The tally, the words, the file.
#include "cell/network/denials.h"

#include <unistd.h>

#include <algorithm>

#include "json/writer.h"
#include "sys/file.h"

namespace cell {
namespace {

constexpr std::size_t kToldApart = 1000;
constexpr std::size_t kKeptLines = 1000, kMostLines = 1100;

struct Words {
  std::string_view code, words;
};
constexpr Words kWords[] = {
    {"denied_not_in_allowlist", "no rule"},
    {"denied_query_type", "record type not granted"},
    {"malformed_query", "not a DNS query"},
    {"upstream_failure", "the resolver gave no answer"},
    {"denied_dnssec", "DNSSEC validation failed"},
    {"denied_address_class", "its addresses are not open to names"},
    {"denied_cname_chain", "its alias chain does not end in the answer"},
    {"denied_budget", "DNS budget used up"},
    {"denied_doh_host", "a public DNS-over-HTTPS host needs a rule of its own"},
    {"denied_rebind", "the name changed its addresses too often"},
    {"gate_not_answered", "no rule, and no granted name has this address"},
    {"gate_expired", "the answer that named this address is over"},
    {"gate_port", "port not granted"},
    {"gate_protocol", "protocol not granted"},
    {"gate_metadata", "metadata address"},
    {"gate_address_class", "address not open to wide grants"},
    {"gate_not_redirected", "the gate's own port"},
    {"gate_limit", "limit of connections reached"},
    {"gate_budget", "byte or time budget used up"},
    {"gate_revoked", "authority was revoked"},
    {"gate_upstream_failure", "the other side could not be reached"},
    {"l7_sni_allowlist_miss", "no rule for this TLS name"},
    {"l7_sni_missing", "no TLS name given"},
    {"l7_http_host_allowlist_miss", "no rule for this host"},
    {"l7_http_host_missing", "no Host given"},
    {"l7_h2_authority_allowlist_miss", "no rule for this authority"},
    {"l7_h2_authority_missing", "no authority given"},
    {"l7_unknown_protocol", "neither TLS nor HTTP"},
    {"l7_peek_timeout", "nothing was sent in time"},
    {"l7_malformed_hello", "the TLS hello is malformed"},
    {"l7_ech_not_granted", "encrypted hello is not granted"},
    {"l7_host_mismatch", "name and address do not belong to one rule"},
    {"nft_default_drop", "no rule"},
    {"nft_log_drop", "no rule"},
};

std::string LineOf(const Denial& denial, base::WallTime at) {
  std::string line;
  json::Writer w(line);
  w.BeginObject().Member("at", base::FormatMillis(at)).Member("what", denial.what).Member("ruleRef", denial.rule_ref);
  w.Member("reasonCode", denial.reason_code).Member("hint", denial.hint);
  if (denial.count > 1) w.Member("count", denial.count);
  w.EndObject();
  return line.append("\n");
}

}  // namespace

std::string_view ReasonInWords(std::string_view reason_code) {
  for (const Words& row : kWords) {
    if (row.code == reason_code) return row.words;
  }
  return reason_code;
}

void DenialTally::Add(const Denial& denial) {
  total_ += denial.count;
  const auto key = std::tuple(denial.what, denial.rule_ref, denial.reason_code);
  if (const auto known = index_.find(key); known != index_.end()) {
    lines_[known->second].count += denial.count;
    return;
  }
  if (lines_.size() >= kToldApart) return;
  index_.emplace(key, lines_.size());
  lines_.push_back({denial.what, denial.rule_ref, denial.reason_code, std::string(ReasonInWords(denial.reason_code)),
                    denial.hint, denial.count});
}

std::vector<DenialLine> DenialTally::Lines() const {
  std::vector<DenialLine> sorted = lines_;
  std::ranges::stable_sort(sorted, [](const DenialLine& a, const DenialLine& b) { return a.count > b.count; });
  return sorted;
}

void DenialFile::Add(const Denial& denial, base::WallTime at) {
  if (!file_) return;
  lines_.push_back(LineOf(denial, at));
  if (lines_.size() > kKeptLines) lines_.pop_front();
  if (in_file_ >= kMostLines) return Rewrite();
  const std::string& line = lines_.back();
  const ssize_t written = ::pwrite(file_.get(), line.data(), line.size(), static_cast<off_t>(end_));
  if (written != static_cast<ssize_t>(line.size())) {
    (void)sys::Ftruncate(file_.get(), end_);  // no half a line
    return;
  }
  end_ += line.size();
  ++in_file_;
}

void DenialFile::Rewrite() {
  std::string all;
  for (const std::string& line : lines_) all.append(line);
  if (::pwrite(file_.get(), all.data(), all.size(), 0) != static_cast<ssize_t>(all.size())) return;
  (void)sys::Ftruncate(file_.get(), all.size());
  end_ = all.size();
  in_file_ = lines_.size();
}

}  // namespace cell
