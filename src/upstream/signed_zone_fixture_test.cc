// SPDX-License-Identifier: Apache-2.0
// The signed zone of the tests, made and signed by ldns at run time.
#include "upstream/signed_zone_fixture.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <stdexcept>

#include <stdbool.h>  // keeps ldns from defining true and false as numbers

#include <ldns/ldns.h>

#include "upstream/message.h"

namespace upstream {
namespace {

constexpr const char* kZone = "zone.example.";

std::vector<std::string> ZoneText() {
  std::vector<std::string> lines = {
      "zone.example. 300 IN SOA ns.zone.example. root.zone.example. 1 3600 600 86400 60",
      "zone.example. 300 IN NS ns.zone.example.",
      "ns.zone.example. 300 IN A 192.0.2.1",
      "www.zone.example. 300 IN A 198.51.100.10",
      "www.zone.example. 300 IN AAAA 2001:db8::10",
      "alias.zone.example. 300 IN CNAME www.zone.example.",
      "text.zone.example. 300 IN TXT \"hello\"",
      "mail.zone.example. 300 IN MX 10 www.zone.example.",
      "plain.zone.example. 300 IN NS ns.plain.zone.example.",
  };
  for (int i = 0; i < 25; ++i) {
    lines.push_back("big.zone.example. 300 IN TXT \"" + std::to_string(100 + i) + std::string(237, 'x') + "\"");
  }
  return lines;
}

std::vector<std::string> PlainText() {
  return {"plain.zone.example. 300 IN SOA ns.plain.zone.example. root.plain.zone.example. 1 3600 600 86400 60",
          "host.plain.zone.example. 300 IN A 198.51.100.20"};
}

ldns_rr* ParseRecord(const std::string& line) {
  ldns_rr* rr = nullptr;
  if (ldns_rr_new_frm_str(&rr, line.c_str(), 0, nullptr, nullptr) != LDNS_STATUS_OK) {
    throw std::runtime_error("not a record: " + line);
  }
  return rr;
}

std::string Text(char* owned) {
  std::string text(owned);
  std::free(owned);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string Wire(const ldns_rr* rr) {
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  if (ldns_rr2wire(&bytes, rr, LDNS_SECTION_ANSWER, &size) != LDNS_STATUS_OK) throw std::runtime_error("ldns_rr2wire");
  std::string wire(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return wire;
}

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

int Compare(const std::string& a, const std::string& b) {
  ldns_rdf* left = ldns_dname_new_frm_str(a.c_str());
  ldns_rdf* right = ldns_dname_new_frm_str(b.c_str());
  const int order = ldns_dname_compare(left, right);
  ldns_rdf_deep_free(left);
  ldns_rdf_deep_free(right);
  return order;
}

ldns_key* MakeKey(long from, long until) {
  ldns_key* key = ldns_key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, 256);
  if (key == nullptr) throw std::runtime_error("ldns can't make a key");
  ldns_key_set_pubkey_owner(key, ldns_dname_new_frm_str(kZone));
  ldns_key_set_flags(key, 257);
  const auto now = static_cast<std::uint32_t>(std::time(nullptr));
  ldns_key_set_inception(key, static_cast<std::uint32_t>(now + from));
  ldns_key_set_expiration(key, static_cast<std::uint32_t>(now + until));
  ldns_rr* public_key = ldns_key2rr(key);
  ldns_key_set_keytag(key, ldns_calc_keytag(public_key));
  ldns_rr_free(public_key);
  return key;
}

std::string Sign(ldns_key* key) {
  ldns_dnssec_zone* zone = ldns_dnssec_zone_new();
  for (const std::string& line : ZoneText()) ldns_dnssec_zone_add_rr(zone, ParseRecord(line));
  ldns_rr* public_key = ldns_key2rr(key);
  ldns_rr_set_ttl(public_key, 300);
  ldns_dnssec_zone_add_rr(zone, public_key);
  ldns_dnssec_zone_mark_glue(zone);
  ldns_key_list* keys = ldns_key_list_new();
  ldns_key_list_push_key(keys, key);
  ldns_rr_list* made = ldns_rr_list_new();
  if (ldns_dnssec_zone_sign(zone, made, keys, ldns_dnssec_default_replace_signatures, nullptr) != LDNS_STATUS_OK) {
    throw std::runtime_error("ldns can't sign");
  }
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* out = ::open_memstream(&text, &size);
  ldns_dnssec_zone_print(out, zone);
  std::fclose(out);
  ldns_rr_list_free(made);
  ldns_dnssec_zone_deep_free(zone);
  ldns_key_list_free(keys);  // frees the key
  return Text(text);
}

}  // namespace

SignedZone::SignedZone(long from, long until) {
  ldns_key* key = MakeKey(from, until);
  ldns_rr* public_key = ldns_key2rr(key);
  ldns_rr* ds = ldns_key_rr2ds(public_key, LDNS_SHA256);
  anchor_ = Text(ldns_rr2str(ds));
  anchor_ = anchor_.substr(0, anchor_.find(';'));
  for (char& c : anchor_) c = c == '\t' ? ' ' : c;
  key_tag_ = ldns_calc_keytag(public_key);
  ldns_rr_free(ds);
  ldns_rr_free(public_key);
  const auto add = [](const std::string& line, std::vector<Record>* to) {
    ldns_rr* rr = ParseRecord(line);
    Record record{.owner = Lower(Text(ldns_rdf2str(ldns_rr_owner(rr)))),
                  .type = static_cast<std::uint16_t>(ldns_rr_get_type(rr)), .wire = Wire(rr)};
    if (record.type == kTypeRrsig) {
      record.covered = static_cast<std::uint16_t>(ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(rr)));
    }
    if (record.type == kTypeNsec) record.next = Lower(Text(ldns_rdf2str(ldns_rr_rdf(rr, 0))));
    to->push_back(std::move(record));
    ldns_rr_free(rr);
  };
  const std::string text = Sign(key);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    if (!line.empty() && line[0] != ';') add(line, &records_);
    at = end + 1;
  }
  for (const std::string& line : PlainText()) add(line, &plain_);
}

void SignedZone::AddSet(const std::string& owner, std::uint16_t type, Section* section) const {
  for (const Record& record : records_) {
    const bool signature = record.type == kTypeRrsig && record.covered == type;
    if (record.owner == owner && (record.type == type || signature)) section->push_back(&record);
  }
}

bool SignedZone::Exists(const std::string& owner) const {
  for (const Record& record : records_) {
    if (record.owner == owner) return true;
  }
  return false;
}

// SOA, the NSEC at or around the name, and the one around the wildcard.
void SignedZone::AddDenial(const std::string& owner, Section* authority) const {
  AddSet(kZone, 6, authority);
  for (const std::string& name : {owner, std::string("*.") + kZone}) {
    if (Exists(owner) && name != owner) continue;
    for (const Record& record : records_) {
      if (record.type != kTypeNsec) continue;
      const bool last = record.next == kZone;
      const bool around = record.owner == name || (Compare(record.owner, name) < 0 && (last || Compare(name, record.next) < 0));
      if (around) AddSet(record.owner, kTypeNsec, authority);
    }
  }
}

std::string SignedZone::Reply(std::string_view query, const Lies& lies) const {
  const std::optional<Question> question = QuestionOf(query);
  if (!question) throw std::runtime_error("not a query");
  const std::string name = Lower(NameText(question->name));
  Section answer, authority;
  int rcode = 0;
  const bool below_plain = name == "plain.zone.example." || name.ends_with(".plain.zone.example.");
  if (below_plain && !(name == "plain.zone.example." && question->type == kTypeDs)) {
    for (const Record& record : plain_) {
      if (record.owner == name && record.type == question->type) answer.push_back(&record);
    }
    if (answer.empty()) authority.push_back(&plain_[0]);
  } else if (!name.ends_with(kZone)) {
    rcode = 5;
  } else {
    AddSet(name, question->type, &answer);
    if (answer.empty()) AddSet(name, kTypeCname, &answer);
    if (!answer.empty() && answer[0]->type == kTypeCname && question->type != kTypeCname) {
      AddSet("www.zone.example.", question->type, &answer);
    }
    if (answer.empty()) {
      AddDenial(name, &authority);
      rcode = Exists(name) ? 0 : 3;
    }
  }
  if (lies.server_failure) {
    answer.clear();
    authority.clear();
    rcode = 2;
  }
  std::string reply(query.substr(0, question->end));
  reply[2] = static_cast<char>(reply[2] | 0x80);
  reply[3] = static_cast<char>(0x80 | (lies.set_ad ? 0x20 : 0) | rcode);
  int counts[2] = {0, 0};
  for (const int part : {0, 1}) {
    for (const Record* record : part == 0 ? answer : authority) {
      if (lies.strip_signatures && (record->type == kTypeRrsig || record->type == kTypeNsec)) continue;
      std::string wire = record->wire;
      if (lies.other_address && record->type == kTypeA) wire.back() = static_cast<char>(wire.back() ^ 1);
      reply += wire;
      ++counts[part];
    }
  }
  for (const int part : {0, 1}) {
    reply[6 + 2 * part] = 0;
    reply[7 + 2 * part] = static_cast<char>(counts[part]);
  }
  reply[10] = reply[11] = 0;
  return reply;
}

std::string MakeQuery(std::string_view name, std::uint16_t type, bool edns, bool dnssec_ok) {
  std::string query("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  query[11] = edns || dnssec_ok ? 1 : 0;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    query += static_cast<char>(label.size());
    query += label;
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  query += '\0';
  query += static_cast<char>(type >> 8);
  query += static_cast<char>(type);
  query += std::string("\0\1", 2);
  if (edns || dnssec_ok) {
    query += std::string("\0\0\x29\x10\0\0\0", 7);
    query += dnssec_ok ? '\x80' : '\0';
    query += std::string("\0\0\0", 3);
  }
  return query;
}

}  // namespace upstream
