// SPDX-License-Identifier: Apache-2.0
// What libunbound proves over a resolver that tells the truth, and over one that lies.
#include "upstream/validator.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "upstream/service.h"
#include "upstream/signed_zone_fixture.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
using wire::UpstreamOutcome;

// The resolver: answers from a zone, lies as told, or is silent.
class ZoneExchanger final : public Exchanger {
 public:
  ZoneExchanger(Loop& loop, const SignedZone& zone) : loop_(loop), zone_(zone) {}
  void Ask(std::string query, Answer answer) override {
    ++asked;
    if (!silent) loop_.Defer([this, query, answer = std::move(answer)] { answer(zone_.Reply(query, lies)); });
  }
  Lies lies;
  bool silent = false;
  int asked = 0;

 private:
  Loop& loop_;
  const SignedZone& zone_;
};

class ValidatorTest : public testing::Test {
 protected:
  void Begin(const SignedZone& zone, const std::string& anchor) {
    loop_ = *Loop::Create();
    resolver_ = std::make_unique<ZoneExchanger>(*loop_, zone);
    auto made = MakeValidator(*loop_, *resolver_, *ParseTrustAnchors(anchor), 3s);
    ASSERT_TRUE(made) << made.error().message;
    validator_ = std::move(*made);
  }
  Validation Look(const std::string& name, std::uint16_t type) {
    std::optional<Validation> found;
    validator_->Look(*QuestionOf(MakeQuery(name, type)), [&found](Validation validation) { found = std::move(validation); });
    for (int round = 0; round < 2000 && !found; ++round) EXPECT_TRUE(loop_->Round(100ms));
    EXPECT_TRUE(found) << "no answer";
    return found ? *found : Validation{};
  }

  std::unique_ptr<Loop> loop_;
  std::unique_ptr<ZoneExchanger> resolver_;
  std::unique_ptr<Validator> validator_;
};

TEST_F(ValidatorTest, ProvesASignedAnswerAndNamesItsSignature) {
  const SignedZone zone;
  Begin(zone, zone.anchor());
  const Validation found = Look("www.zone.example", kTypeA);
  EXPECT_EQ(found.outcome, UpstreamOutcome::kValidated);
  const SignatureOf signature = FirstSignature(found.packet, kTypeA);
  EXPECT_EQ(signature.algorithm, SignedZone::kAlgorithm);
  EXPECT_EQ(signature.key_tag, zone.key_tag());
  EXPECT_NE(found.packet.find(std::string("\xc6\x33\x64\x0a", 4)), std::string::npos);  // 198.51.100.10
}

TEST_F(ValidatorTest, ProvesEveryValidatedTypeAndAnAlias) {
  const SignedZone zone;
  Begin(zone, zone.anchor());
  for (const auto& [name, type] : {std::pair("www.zone.example", kTypeAaaa), std::pair("text.zone.example", kTypeTxt),
                                   std::pair("mail.zone.example", kTypeMx), std::pair("alias.zone.example", kTypeCname),
                                   std::pair("alias.zone.example", kTypeA), std::pair("big.zone.example", kTypeTxt)}) {
    EXPECT_EQ(Look(name, type).outcome, UpstreamOutcome::kValidated) << name << " " << type;
  }
}

TEST_F(ValidatorTest, AcceptsAProvenDenial) {
  const SignedZone zone;
  Begin(zone, zone.anchor());
  const Validation no_name = Look("nobody.zone.example", kTypeA);
  EXPECT_EQ(no_name.outcome, UpstreamOutcome::kValidated);
  ASSERT_GE(no_name.packet.size(), 12u);
  EXPECT_EQ(no_name.packet[3] & 0x0f, 3);
  const Validation no_data = Look("text.zone.example", kTypeA);
  EXPECT_EQ(no_data.outcome, UpstreamOutcome::kValidated);
  const Validation no_https = Look("www.zone.example", kTypeHttps);
  EXPECT_EQ(no_https.outcome, UpstreamOutcome::kValidated);
}

TEST_F(ValidatorTest, AnUnsignedZoneIsProvenUnsignedWhateverTheResolverClaims) {
  const SignedZone zone;
  Begin(zone, zone.anchor());
  resolver_->lies.set_ad = true;
  const Validation found = Look("host.plain.zone.example", kTypeA);
  EXPECT_EQ(found.outcome, UpstreamOutcome::kInsecure);
  ASSERT_GE(found.packet.size(), 12u);
  EXPECT_EQ(found.packet[3] & 0x20, 0) << "AD of the resolver came through";
}

TEST_F(ValidatorTest, AStrippedSignatureIsBogus) {
  const SignedZone zone;
  Begin(zone, zone.anchor());
  EXPECT_EQ(Look("www.zone.example", kTypeA).outcome, UpstreamOutcome::kValidated);  // the keys are known
  resolver_->lies.strip_signatures = true;
  const Validation found = Look("mail.zone.example", kTypeMx);
  EXPECT_EQ(found.outcome, UpstreamOutcome::kBogus);
  EXPECT_TRUE(found.packet.empty());
}

TEST_F(ValidatorTest, AnExpiredSignatureIsBogus) {
  const SignedZone zone(-7200, -3600);
  Begin(zone, zone.anchor());
  EXPECT_EQ(Look("www.zone.example", kTypeA).outcome, UpstreamOutcome::kBogus);
}

TEST_F(ValidatorTest, ASignatureOfAnotherKeyIsBogus) {
  const SignedZone zone, other;
  Begin(zone, other.anchor());
  EXPECT_EQ(Look("www.zone.example", kTypeA).outcome, UpstreamOutcome::kBogus);
}

TEST_F(ValidatorTest, AChangedAddressIsBogusAlsoWithAd) {
  const SignedZone zone;
  Begin(zone, zone.anchor());
  resolver_->lies = {.other_address = true, .set_ad = true};
  EXPECT_EQ(Look("www.zone.example", kTypeA).outcome, UpstreamOutcome::kBogus);
}

TEST_F(ValidatorTest, AResolverThatFailsOrIsSilentGivesNoAnswer) {
  const SignedZone zone;
  Begin(zone, zone.anchor());
  resolver_->lies.server_failure = true;
  EXPECT_EQ(Look("www.zone.example", kTypeA).outcome, UpstreamOutcome::kFailed);
  resolver_->silent = true;
  const Moment before = Now();
  EXPECT_EQ(Look("text.zone.example", kTypeTxt).outcome, UpstreamOutcome::kFailed);
  EXPECT_LT(Now() - before, 10s);
}

TEST_F(ValidatorTest, ANameThatNoAnchorStandsAboveIsNotCalledUnsigned) {
  const SignedZone zone;
  Begin(zone, zone.anchor());
  EXPECT_EQ(Look("www.elsewhere.example", kTypeA).outcome, UpstreamOutcome::kFailed);
  EXPECT_EQ(resolver_->asked, 0);
}

TEST_F(ValidatorTest, AnswersNothingFromFilesOrTablesOfItsOwn) {
  const SignedZone zone;
  Begin(zone, IanaRoot().records[0]);
  for (const char* name : {"host.test", "10.in-addr.arpa", "x.home.arpa", "www.zone.example"}) {
    const int before = resolver_->asked;
    Look(name, kTypeA);
    EXPECT_GT(resolver_->asked, before) << name;
  }
}

TEST_F(ValidatorTest, AnAnchorThatCanNotBeReadStopsTheStart) {
  const SignedZone zone;
  loop_ = *Loop::Create();
  ZoneExchanger resolver(*loop_, zone);
  const TrustAnchors broken = *ParseTrustAnchors("zone.example. IN DS 1 13 2 NOTHEX");
  EXPECT_FALSE(MakeValidator(*loop_, resolver, broken, 3s));
}

}  // namespace
}  // namespace upstream
