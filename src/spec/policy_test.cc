// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/authorization.h"
#include "spec/document.h"
#include "spec/policy_pack.h"

namespace spec {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

PolicyPack Pack(std::string_view spec_members) {
  const auto pack =
      ParsePolicyPack(R"({"apiVersion":"cellos.io/v1","kind":"PolicyPack","spec":{"id":"p","version":"1.2.0",)" +
                      std::string(spec_members) + "}}");
  EXPECT_TRUE(pack) << spec_members;
  return pack.value_or(PolicyPack());
}

CellDocument Document(std::string_view members) {
  const auto document = ParseCellDocument(
      R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"a","lifetime":{"ttlSeconds":600},)" +
      std::string(members) + "}}");
  EXPECT_TRUE(document) << members;
  return document.value_or(CellDocument());
}

std::vector<std::string> Rules(const std::vector<Violation>& violations) {
  std::vector<std::string> rules;
  for (const Violation& violation : violations) rules.push_back(violation.rule);
  return rules;
}

TEST(PolicyPack, TellsAllViolationsAtOnceInTheOrderOfItsMembers) {
  const auto pack = Pack(R"("rules":{"requireResourceLimits":true,"maxRunTimeoutMs":1,"allowedEgressHosts":["x.y"],)"
                         R"("maxMemoryMaxBytes":1,"maxLifetimeTtlSeconds":1,"requireRuntimeSecretDelivery":true,)"
                         R"("flagDnsEgressWithoutAcknowledgment":true,"secretRefAllowlist":{"bob":[]}})");
  const auto document = Document(R"("authority":{"egressRules":[{"host":"a.b","port":853},{"host":"c.d","port":1}]},)"
                                 R"("run":{"argv":["a"],"secretDelivery":"env"})");
  EXPECT_THAT(Rules(EvaluatePolicy(pack, document, {})),
              ElementsAre("maxLifetimeTtlSeconds", "maxMemoryMaxBytes", "maxRunTimeoutMs", "allowedEgressHosts",
                          "allowedEgressHosts", "requireRuntimeSecretDelivery", "requireResourceLimits",
                          "flagDnsEgressWithoutAcknowledgment", "secretRefAllowlist"));
}

TEST(PolicyPack, ComparesHostsWithoutRegardToCase) {
  const auto pack = Pack(R"("rules":{"allowedEgressHosts":["*.Example.com"]})");
  EXPECT_THAT(EvaluatePolicy(pack, Document(R"("authority":{"egressRules":[{"host":"A.eXample.COM","port":1}]})"), {}),
              IsEmpty());
}

TEST(PolicyPack, ScopeIsTheHostsNotTheDocuments) {
  const auto pack = Pack(R"("placement":{"poolId":"secure"},"rules":{"maxLifetimeTtlSeconds":1})");
  const auto document = Document(R"("authority":{})");
  PolicyContext context;
  EXPECT_THAT(EvaluatePolicy(pack, document, context), IsEmpty());
  context.host_placement.pool_id = "secure";
  EXPECT_EQ(EvaluatePolicy(pack, document, context).size(), 1u);
  EXPECT_EQ(EvaluatePolicy(pack, Document(R"("authority":{},"placement":{"poolId":"other"})"), context).size(), 1u);
}

TEST(PolicyPack, LiftingTheFloorSkipsNothingElse) {
  const auto text =
      R"({"apiVersion":"cellos.io/v1","kind":"PolicyPack","spec":{"id":"p","version":"0.9.0","rules":{"maxRunTimeoutMs":0}}})";
  EXPECT_EQ(ParsePolicyPack(text).error().error_class, "version_too_old");
  EXPECT_EQ(ParsePolicyPack(text, PackFloor::kLifted).error().error_class, "zero_limit");
}

TEST(PolicyClaim, MustBeThatOfTheLoadedPack) {
  const auto pack = Pack(R"("rules":{})");
  const auto document =
      Document(R"("authority":{},"policy":{"packId":"p","packVersion":"1.2.0","bundleDigest":"sha256:00"})");
  EXPECT_THAT(JudgePolicyClaim(document, &pack, "sha256:00"), IsEmpty());
  EXPECT_EQ(JudgePolicyClaim(document, &pack, "sha256:11").front().pointer, "/spec/policy/bundleDigest");
  EXPECT_EQ(JudgePolicyClaim(document, nullptr, "").size(), 3u);
  EXPECT_THAT(JudgePolicyClaim(Document(R"("authority":{})"), nullptr, ""), IsEmpty());
}

TEST(Authorization, JudgesSubjectPoolPackAndRateInOrder) {
  const auto policy = ParseAuthorizationPolicy(
      R"({"apiVersion":"cellos.io/v1","kind":"AuthorizationPolicy","spec":{"subjects":["acme"],"allowedPools":["p"],)"
      R"("allowedPolicyPacks":["k"],"maxCellsPerHour":2}})");
  ASSERT_TRUE(policy);
  const auto reason = [&](std::string_view members, const AuthorizationContext& context = {}) {
    const auto refused = EvaluateAuthorization(*policy, Document(members), context);
    return std::string(refused ? refused->reason : "");
  };
  EXPECT_EQ(reason(R"("authority":{})"), "subject_not_authorized");
  EXPECT_EQ(reason(R"("authority":{},"correlation":{"tenantId":"Acme"})"), "subject_not_authorized");
  EXPECT_EQ(reason(R"("authority":{},"correlation":{"tenantId":"acme"})"), "pool_not_allowed");
  EXPECT_EQ(reason(R"("authority":{},"correlation":{"tenantId":"acme"},"placement":{"poolId":"p"})"),
            "policy_pack_not_allowed");
  constexpr auto kAll =
      R"("authority":{},"correlation":{"tenantId":"acme"},"placement":{"poolId":"p"},"policy":{"packId":"k"})";
  EXPECT_EQ(reason(kAll), "");
  EXPECT_EQ(reason(kAll, {.starts_in_last_hour = 1}), "");
  EXPECT_EQ(reason(kAll, {.starts_in_last_hour = 2}), "rate_limit_exceeded");
  EXPECT_EQ(reason(kAll, {.subject = "other"}), "subject_not_authorized");
}

}  // namespace
}  // namespace spec
