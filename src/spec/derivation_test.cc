// SPDX-License-Identifier: Apache-2.0
#include "spec/derivation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/document.h"

namespace spec {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kKeys = R"({"role-ci-runner":"IVL40Zt5HSRFMkLhXy6rbLfP+ntqXtMAl5YOBpiB2xI="})";

CellDocument Document(std::string_view steps, std::string_view more = "") {
  const std::string leaf =
      R"({"egressRules":[{"host":"artifacts.example.com","port":443,"protocol":"https"}],"secretRefs":["UPLOAD_TOKEN"]})";
  const auto document = DecodeCellDocument(
      R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"a","lifetime":{"ttlSeconds":60},"authority":{)"
      R"("egressRules":[{"host":"10.20.0.7","port":443},{"host":"artifacts.example.com","port":443,"protocol":"https"}],)"
      R"("secretRefs":["GIT_TOKEN","UPLOAD_TOKEN"],"authorityDerivation":{"roleRoot":"role-ci-runner",)"
      R"("parentRunId":"run-parent-1","derivationSteps":[)" +
      std::string(steps) + R"(],"leafCapability":)" + leaf +
      R"(,"grantorSignature":{"algorithm":"ed25519","bytes":)"
      R"("1imIn13tstpbPjX2uBddvujfkA3Lasndq/d3mpA8s00mH56LMpR2grZMoEeCVvvq++TcLGEPIhSw8Q+yrD4ACQ=="}}})" +
      std::string(more) + "}}");
  EXPECT_TRUE(document) << (document ? "" : document.error().message);
  return document.value_or(CellDocument());
}

std::string ClassOf(const CellDocument& document) {
  return std::string(JudgeDerivation(document, *ParseAuthorityKeysFile(kKeys), true).error.error_class);
}

TEST(Derivation, VerifiesThePublishedToken) {
  const auto document = Document("");
  EXPECT_EQ(DerivationPayload(*document.spec.authority.authority_derivation),
            R"({"leafCapability":{"egressRules":[{"host":"artifacts.example.com","port":443,"protocol":"https"}],)"
            R"("secretRefs":["UPLOAD_TOKEN"]},"parentRunId":"run-parent-1","roleRoot":"role-ci-runner"})");
  EXPECT_EQ(ClassOf(document), "");
}

TEST(Derivation, DemandsThatEveryStepNarrowsDownToTheLeaf) {
  constexpr auto kLeaf =
      R"({"egressRules":[{"host":"artifacts.example.com","port":443,"protocol":"https"}],"secretRefs":["UPLOAD_TOKEN"]})";
  constexpr auto kWide =
      R"({"egressRules":[{"host":"artifacts.example.com","port":443,"protocol":"https"}],"secretRefs":["UPLOAD_TOKEN","GIT_TOKEN"]})";
  const auto step = [](std::string_view from, std::string_view to) {
    return R"({"fromCapability":)" + std::string(from) + R"(,"toCapability":)" + std::string(to) + "}";
  };
  EXPECT_EQ(ClassOf(Document(step(kWide, kLeaf))), "");
  EXPECT_EQ(ClassOf(Document(step(kWide, kWide) + "," + step(kWide, kLeaf))), "");
  EXPECT_EQ(ClassOf(Document(step(kLeaf, kWide))), "step_not_narrowing");
  EXPECT_EQ(ClassOf(Document(step(kWide, kWide))), "step_not_narrowing");
  EXPECT_EQ(ClassOf(Document(step(kWide, kLeaf) + "," + step(kWide, kLeaf))), "step_not_narrowing");
  EXPECT_EQ(ClassOf(Document(step(kWide, "{}"))), "step_not_narrowing");
}

TEST(Derivation, RefusesEveryChangeOfWhatIsSigned) {
  auto document = Document("");
  AuthorityDerivation& token = *document.spec.authority.authority_derivation;
  token.parent_run_id = "run-parent-2";
  EXPECT_EQ(ClassOf(document), "signature_mismatch");
  token.parent_run_id.reset();
  EXPECT_EQ(ClassOf(document), "signature_mismatch");
  EXPECT_EQ(JudgeScope(token, ScopedTokens::kRequired)->error_class, "unscoped_token");
  EXPECT_FALSE(JudgeScope(token, ScopedTokens::kOptional));
}

TEST(Derivation, SaysWhenOneIsMissing) {
  auto document = Document("");
  document.spec.authority.authority_derivation.reset();
  EXPECT_EQ(JudgeDerivation(document, {}, true).result, DerivationResult::kMissingToken);
  EXPECT_EQ(JudgeDerivation(document, {}, false).result, DerivationResult::kValid);
}

TEST(Derivation, BoundsTheCellToItsLeaf) {
  const auto document =
      Document("", R"(,"identity":{"kind":"federatedOidc","provider":"p","audience":"a","secretRef":"GIT_TOKEN"})");
  EXPECT_THAT(BeyondLeaf(document),
              ElementsAre("/spec/authority/egressRules/0", "/spec/authority/secretRefs/0", "/spec/identity/secretRef"));
  const auto bounded = BoundByLeaf(document);
  ASSERT_EQ(bounded.spec.authority.egress_rules->size(), 1u);
  EXPECT_EQ(bounded.spec.authority.egress_rules->front().host, "artifacts.example.com");
  EXPECT_THAT(*bounded.spec.authority.secret_refs, ElementsAre("UPLOAD_TOKEN"));
  EXPECT_THAT(BeyondLeaf(bounded), ElementsAre("/spec/identity/secretRef"));
}

TEST(Derivation, BindsToOneSpecAndEndsWhereItSays) {
  const base::Bytes seed(32, 0x42);
  const auto key = crypto::SigningKey::FromSeed(seed);
  ASSERT_TRUE(key);
  auto document = Document("");
  AuthorityDerivation& token = *document.spec.authority.authority_derivation;
  const auto sign = [&] { token.grantor_signature.bytes = base::Base64Encode(key->Sign(DerivationPayload(token))); };
  const auto judge = [&](std::string_view now) {
    return JudgeDerivation(document, *ParseAuthorityKeysFile(kKeys), true, ParseTime(now));
  };
  token.spec_hash = SpecHashWithoutToken(document.spec);
  token.not_after = "2031-01-01T00:00:00Z";
  EXPECT_EQ(judge("2030-01-01T00:00:00Z").error.error_class, "signature_mismatch");
  sign();
  EXPECT_EQ(judge("2030-01-01T00:00:00Z").result, DerivationResult::kValid);
  EXPECT_EQ(judge("2031-01-01T00:00:01Z").result, DerivationResult::kExpiredToken);
  EXPECT_EQ(JudgeDerivation(document, *ParseAuthorityKeysFile(kKeys), true).result, DerivationResult::kExpiredToken);
  document.spec.id = "b";
  EXPECT_EQ(judge("2030-01-01T00:00:00Z").error.error_class, "other_spec");
}

TEST(AuthorityKeys, AreStandardBase64WithPadding) {
  EXPECT_TRUE(ParseAuthorityKeysFile(kKeys));
  EXPECT_EQ(ParseAuthorityKeysFile(R"({"r":"IVL40Zt5HSRFMkLhXy6rbLfP-ntqXtMAl5YOBpiB2xI"})").error().error_class,
            "bad_base64");
  EXPECT_EQ(ParseAuthorityKeysFile(R"({"r":"AA==","\u0072":"AA=="})").error().error_class, "duplicate_kid");
  EXPECT_EQ(ParseAuthorityKeysFile("[]").error().error_class, "not_an_object");
  EXPECT_EQ(ParseAuthorityKeysFile(R"({"a/b":5})").error().pointer, "/a~1b");
}

}  // namespace
}  // namespace spec
