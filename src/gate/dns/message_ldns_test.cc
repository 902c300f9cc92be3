// SPDX-License-Identifier: Apache-2.0
// Differential test: answers that ldns writes and reads are read alike here, section by section and name by name.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

#include "gate/dns/message_fixture.h"

#include <ldns/ldns.h>  // last: it defines true and false
#undef true
#undef false

namespace gate::dns {
namespace {

using namespace testing;

struct FreePacket {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, FreePacket>;

const char* const kRecords[] = {
    "a.example.org. 300 IN CNAME b.example.org.",
    "b.example.org. 60 IN CNAME edge.cdn.test.",
    "edge.cdn.test. 20 IN A 192.0.2.1",
    "edge.cdn.test. 20 IN A 10.0.0.1",
    "edge.cdn.test. 20 IN AAAA 2001:db8::1",
    "a.example.org. 5 IN A 198.51.100.7",
    "a.example.org. 5 IN TXT \"hello\" \"world\"",
    "example.org. 3600 IN MX 10 mail.example.org.",
    "example.org. 3600 IN NS ns1.example.org.",
    "example.org. 3600 IN SOA ns1.example.org. root.example.org. 1 7200 900 1209600 300",
    "_https._tcp.example.org. 60 IN SRV 1 2 443 a.example.org.",
    "example.org. 60 IN DNAME example.net.",
    "1.2.0.192.in-addr.arpa. 60 IN PTR a.example.org.",
    "a.example.org. 60 IN RRSIG A 8 3 60 20300101000000 20200101000000 12345 example.org. AAAAAAAAAAAAAAAA",
    "example.org. 60 IN NAPTR 100 10 \"u\" \"E2U+sip\" \"!^.*$!x!\" a.example.org.",
    "*.example.org. 60 IN CAA 0 issue \"ca.example\"",
};

// An answer for a.example.org with records of the list, as ldns writes it: with compression.
Octets RandomAnswer(std::mt19937& random, std::uint16_t* id) {
  ldns_pkt* raw = ldns_pkt_query_new(ldns_dname_new_frm_str("a.Example.org."), LDNS_RR_TYPE_A, LDNS_RR_CLASS_IN,
                                     LDNS_RD);
  const Packet packet(raw);
  *id = static_cast<std::uint16_t>(random());
  ldns_pkt_set_id(raw, *id);
  ldns_pkt_set_qr(raw, true);
  const std::size_t count = random() % 12;
  std::size_t section = LDNS_SECTION_ANSWER;
  for (std::size_t i = 0; i < count; ++i) {
    if (random() % 5 == 0 && section < LDNS_SECTION_ADDITIONAL) ++section;
    ldns_rr* record = nullptr;
    EXPECT_EQ(ldns_rr_new_frm_str(&record, kRecords[random() % std::size(kRecords)], 0, nullptr, nullptr),
              LDNS_STATUS_OK);
    ldns_pkt_push_rr(raw, static_cast<ldns_pkt_section>(section), record);
  }
  if (random() % 2 == 0) ldns_pkt_set_edns_udp_size(raw, 1232);
  std::uint8_t* wire = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(ldns_pkt2wire(&wire, raw, &size), LDNS_STATUS_OK);
  Octets bytes(wire, wire + size);
  free(wire);
  return bytes;
}

Packet ReadByLdns(const Octets& bytes) {
  ldns_pkt* packet = nullptr;
  return ldns_wire2pkt(&packet, bytes.data(), bytes.size()) == LDNS_STATUS_OK ? Packet(packet) : nullptr;
}

std::string LdnsOwner(const ldns_rr* record) {
  const ldns_rdf* owner = ldns_rr_owner(record);
  std::string wire(reinterpret_cast<const char*>(ldns_rdf_data(owner)), ldns_rdf_size(owner));
  for (char& byte : wire) byte = static_cast<char>(LowerCase(static_cast<std::uint8_t>(byte)));
  return wire;
}

// ldns goes on where its own idea of a record's data ends, whatever the length says; such a message it reads in a way
// of its own.
bool LengthsAgree(const Answer& answer) {
  for (const Record& record : answer.records) {
    ldns_rr* read = nullptr;
    std::size_t at = record.start;
    const auto status =
        ldns_wire2rr(&read, answer.message.data(), answer.message.size(), &at, LDNS_SECTION_ANSWER);
    if (status != LDNS_STATUS_OK) return false;
    ldns_rr_free(read);
    if (at != record.end()) return false;
  }
  return true;
}

// ldns keeps OPT apart from the other records.
void ExpectSame(const Answer& answer, const ldns_pkt* packet) {
  const ldns_rr_list* lists[] = {ldns_pkt_answer(packet), ldns_pkt_authority(packet), ldns_pkt_additional(packet)};
  std::size_t positions[3] = {};
  for (const Record& record : answer.records) {
    if (record.type == kTypeOpt) {
      EXPECT_TRUE(ldns_pkt_edns(packet));
      EXPECT_EQ(ldns_pkt_edns_udp_size(packet), record.record_class);
      continue;
    }
    const auto section = static_cast<std::size_t>(record.section);
    ASSERT_LT(positions[section], ldns_rr_list_rr_count(lists[section]));
    const ldns_rr* other = ldns_rr_list_rr(lists[section], positions[section]++);
    EXPECT_EQ(record.type, static_cast<std::uint16_t>(ldns_rr_get_type(other)));
    EXPECT_EQ(record.record_class, static_cast<std::uint16_t>(ldns_rr_get_class(other)));
    EXPECT_EQ(record.ttl, ldns_rr_ttl(other));
    Name owner;
    ASSERT_NE(ReadName(answer.message, record.start, &owner), 0u);
    EXPECT_EQ(base::AsText(owner.bytes()), LdnsOwner(other));
  }
  for (std::size_t section = 0; section < 3; ++section) {
    EXPECT_EQ(positions[section], ldns_rr_list_rr_count(lists[section]));
  }
}

class Everything final : public AnswerPolicy {
 public:
  Refusal WhyRefused(const base::IpAddress& address) const override {
    return address.bytes[0] == 10 ? Refusal{wire::GateReason::kDeniedAddressClass, {}} : Refusal{};
  }
  bool MayLeadTo(std::string_view) const override { return true; }
};

TEST(DnsLdns, WhatItWritesIsReadAlikeAndWhatIsRewrittenItReads) {
  std::mt19937 random(20250101);
  const Octets section = Joined({WireName("a.Example.org"), U16(kTypeA), U16(kClassIn)});
  const Octets query = Query("a.Example.org").bytes;
  Question question;
  ASSERT_EQ(ParseQuestion(query, &question), QuestionFault::kNone);
  int rewritten = 0;
  for (int round = 0; round < 2000; ++round) {
    std::uint16_t id = 0;
    const Octets bytes = RandomAnswer(random, &id);
    Answer answer;
    ASSERT_EQ(ParseAnswer(bytes, id, section, &answer), AnswerFault::kNone) << ToHex(bytes);
    EXPECT_EQ(answer.end, bytes.size());
    const Packet packet = ReadByLdns(bytes);
    ASSERT_TRUE(packet);
    ExpectSame(answer, packet.get());

    Judgement judgement;
    JudgeAnswer(answer, question, Everything(), &judgement);
    Octets reply;
    const auto relayed = RelayAnswer(answer, question, judgement, {}, &reply);
    ASSERT_TRUE(relayed);
    const Packet again = ReadByLdns(reply);
    ASSERT_TRUE(again) << ToHex(reply);
    ASSERT_EQ(ParseAnswer(reply, question.id, section, &answer), AnswerFault::kNone);
    ExpectSame(answer, again.get());
    rewritten += relayed->changed ? 1 : 0;
  }
  EXPECT_GT(rewritten, 100);
}

TEST(DnsLdns, CutAnswersAreRefusedByBoth) {
  std::mt19937 random(7);
  const Octets section = Joined({WireName("a.Example.org"), U16(kTypeA), U16(kClassIn)});
  for (int round = 0; round < 50; ++round) {
    std::uint16_t id = 0;
    const Octets bytes = RandomAnswer(random, &id);
    for (std::size_t size = kHeaderBytes; size < bytes.size(); ++size) {
      const Octets cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      Answer answer;
      EXPECT_FALSE(ReadByLdns(cut));
      EXPECT_EQ(ParseAnswer(cut, id, section, &answer), AnswerFault::kMalformed);
    }
  }
}

TEST(DnsLdns, ChangedAnswersThatBothReadAreReadAlike) {
  std::mt19937 random(99);
  const Octets section = Joined({WireName("a.Example.org"), U16(kTypeA), U16(kClassIn)});
  int both = 0;
  for (int round = 0; round < 6000; ++round) {
    std::uint16_t id = 0;
    Octets bytes = RandomAnswer(random, &id);
    const std::size_t start = kHeaderBytes + section.size();
    if (bytes.size() == start) continue;
    for (int i = 0; i < 2; ++i) {
      bytes[start + random() % (bytes.size() - start)] ^= static_cast<std::uint8_t>(1u << random() % 8);
    }
    Answer answer;
    const Packet packet = ReadByLdns(bytes);
    if (!packet || ParseAnswer(bytes, id, section, &answer) != AnswerFault::kNone) continue;
    if (!LengthsAgree(answer)) continue;
    ++both;
    ExpectSame(answer, packet.get());
    if (::testing::Test::HasFailure()) FAIL() << ToHex(bytes);
  }
  EXPECT_GT(both, 1500);
}

}  // namespace
}  // namespace gate::dns
