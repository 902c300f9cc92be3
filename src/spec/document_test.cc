// SPDX-License-Identifier: Apache-2.0
#include "spec/document.h"

#include <gtest/gtest.h>

namespace spec {
namespace {

constexpr std::string_view kMinimal =
    R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"hello-1","authority":{},"lifetime":{"ttlSeconds":60},)"
    R"("run":{"argv":["/usr/bin/true"],"secretDelivery":"env"}}})";

// The minimal document with `members` added to spec.run.
std::string WithRun(std::string_view members) {
  return R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"a","authority":{},"lifetime":{"ttlSeconds":60},)"
         R"("run":{"argv":["a"])" +
         std::string(members) + "}}}";
}

// One with these members of spec beside id and lifetime.
std::string WithSpec(std::string_view members) {
  return R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"a","lifetime":{"ttlSeconds":60},)" +
         std::string(members) + "}}";
}

std::string ClassOf(std::string_view text) {
  const auto document = ParseCellDocument(text);
  return document ? "accepted" : std::string(document.error().error_class);
}
std::string PointerOf(std::string_view text) {
  const auto document = ParseCellDocument(text);
  return document ? "accepted" : document.error().pointer;
}

TEST(CellDocument, HashesTheMinimalDocumentAsPublished) {
  const auto document = ParseCellDocument(kMinimal);
  ASSERT_TRUE(document);
  EXPECT_EQ(
      SpecDeclarationForm(document->spec),
      R"({"id":"hello-1","correlation":null,"ingress":null,"environment":null,"policy":null,"identity":null,"run":)"
      R"({"argv":["/usr/bin/true"],"workingDirectory":null,"timeoutMs":null,"limits":null,"secretDelivery":"env"},)"
      R"("authority":{"filesystem":null,"network":null,"egressRules":null,"secretRefs":null,"authorityDerivation":null},)"
      R"("lifetime":{"ttlSeconds":60},"export":null})");
  EXPECT_EQ(CanonicalSpecHash(document->spec),
            "sha256:93fc1ce5320ca5a29f231422274f57faa5fe874a095afe4f6b856badb4db7aaf");
}

TEST(CellDocument, DeclarationFormReadsBackAsTheSameDocument) {
  const auto document = ParseCellDocument(WithRun(R"(,"env":{"B":"2","A":"1"},"terminal":true)"));
  ASSERT_TRUE(document);
  const auto again = ParseCellDocument(DocumentDeclarationForm(*document));
  ASSERT_TRUE(again);
  EXPECT_EQ(DocumentDeclarationForm(*again), DocumentDeclarationForm(*document));
}

TEST(CellDocument, WritesExtensionsLastAndOnlyWhereGiven) {
  const auto document = ParseCellDocument(WithRun(
      R"(,"terminal":true,"env":{"B":"2","A":"1"},"limits":{"bestEffort":["cpu"],"scratchBytes":5,"pidsMax":7})"));
  ASSERT_TRUE(document);
  EXPECT_NE(
      SpecDeclarationForm(document->spec)
          .find(R"("limits":{"memoryMaxBytes":null,"cpuMax":null,"pidsMax":7,"scratchBytes":5,"bestEffort":["cpu"]},)"
                R"("secretDelivery":"runtimeLeasedBroker","env":{"A":"1","B":"2"},"terminal":true})"),
      std::string::npos)
      << SpecDeclarationForm(document->spec);
}

TEST(CellDocument, NamesThePlaceOfEveryFaultOfDecoding) {
  EXPECT_EQ(PointerOf(WithRun(R"(,"extra":1)")), "/spec/run/extra");
  EXPECT_EQ(PointerOf(WithRun(R"(,"timeoutMs":"5")")), "/spec/run/timeoutMs");
  EXPECT_EQ(PointerOf(WithSpec(R"("authority":{"egressRules":[{"host":"a.b","port":1},{"host":"a.b","port":65536}]})")),
            "/spec/authority/egressRules/1/port");
  EXPECT_EQ(PointerOf(WithSpec(R"("authority":{"network":{"a":[1,2.5]}})")), "/spec/authority/network/a/1");
  EXPECT_EQ(PointerOf(R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell"})"), "/spec");
  EXPECT_EQ(ClassOf(WithSpec(R"("authority":{},"authority":{})")), "duplicate_field");
}

TEST(CellDocument, RefusesNullWhereItIsNotAbsence) {
  EXPECT_EQ(ClassOf(WithSpec(R"("authority":null)")), "wrong_type");
  EXPECT_EQ(ClassOf(WithRun(R"(,"secretDelivery":null)")), "wrong_type");
  EXPECT_EQ(ClassOf(WithRun(R"(,"terminal":null)")), "wrong_type");
  EXPECT_EQ(ClassOf(WithSpec(R"("authority":{"dnsAuthority":{"resolvers":null}})")), "wrong_type");
  EXPECT_EQ(ClassOf(WithSpec(R"("authority":{"egressRules":null,"secretRefs":null,"dnsAuthority":null})")), "accepted");
}

TEST(CellDocument, LimitsSizeAndDepthBeforeAnythingElse) {
  EXPECT_EQ(ClassOf(std::string(kMaxDocumentBytes + 1, ' ')), "too_large");
  EXPECT_EQ(ClassOf(std::string(100'000, '[')), "too_deep");
  std::string padded(kMinimal);
  padded.resize(kMaxDocumentBytes, ' ');
  EXPECT_EQ(ClassOf(padded), "accepted");
}

TEST(CellDocument, RefusesControlsAndHiddenCharactersWhereTheyDeceive) {
  EXPECT_EQ(ClassOf(WithRun(R"(,"workingDirectory":"/a\u0000b")")), "bad_working_directory");
  EXPECT_EQ(ClassOf(WithRun(R"(,"workingDirectory":"/a\u202eb")")), "bad_working_directory");
  EXPECT_EQ(ClassOf(WithRun(R"(,"workingDirectory":"")")), "bad_working_directory");
  EXPECT_EQ(ClassOf(WithRun(R"(,"env":{"A":"b\u0000"})")), "bad_environment_value");
  EXPECT_EQ(ClassOf(WithSpec(R"("authority":{"egressRules":[{"host":"a\u200b.b","port":1}]})")), "bad_egress_host");
  EXPECT_EQ(ClassOf(WithSpec(R"("authority":{"egressRules":[{"host":"a.b;drop","port":1}]})")), "bad_egress_host");
  EXPECT_EQ(ClassOf(WithSpec(R"("authority":{"egressRules":[{"host":"a\u00a0.b","port":1}]})")), "bad_egress_host");
}

TEST(CellDocument, RefusesVariablesThatLoadCode) {
  for (const auto* name : {"LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "GCONV_PATH", "CELLOS_RUN_ID", "BASH_FUNC_ls",
                           "PYTHONPATH", "1A", "", "A-B", "A=B", "Ä"}) {
    EXPECT_EQ(ClassOf(WithRun(std::string(R"(,"env":{")") + name + R"(":"x"})")), "bad_environment_name") << name;
  }
  EXPECT_EQ(ClassOf(WithRun(R"(,"env":{"CC":"gcc","LDFLAGS":"","_x":"","PATH":"/usr/bin"})")), "accepted");
}

TEST(CellDocument, LimitsTheEnvironment) {
  std::string many = R"(,"env":{)";
  for (int i = 0; i < 257; ++i) many += (i == 0 ? "\"V" : ",\"V") + std::to_string(i) + "\":\"\"";
  EXPECT_EQ(ClassOf(WithRun(many + "}")), "environment_too_large");
  EXPECT_EQ(ClassOf(WithRun(R"(,"env":{"A":")" + std::string(32 * 1024, 'x') + "\"}")), "environment_too_large");
}

TEST(CellDocument, RefusesZeroWhereItMeansNothing) {
  EXPECT_EQ(ClassOf(WithRun(R"(,"limits":{"pidsMax":0})")), "zero_limit");
  EXPECT_EQ(ClassOf(WithRun(R"(,"limits":{"scratchBytes":0})")), "zero_limit");
  EXPECT_EQ(ClassOf(WithRun(R"(,"limits":{"gracefulShutdownSeconds":121})")), "grace_out_of_range");
  EXPECT_EQ(ClassOf(WithSpec(R"("authority":{"dnsAuthority":{"budget":{"namesPerMinute":0}}})")), "zero_limit");
  EXPECT_EQ(ClassOf(WithSpec(R"("authority":{"egressRules":[{"host":"a.b","port":0}]})")), "zero_port");
}

TEST(CellDocument, EscapesAndCapsWhatItShows) {
  const auto hostile = ParseCellDocument(
      WithSpec("\"authority\":{},\"placement\":{\"poolId\":\"\\u001b[31m\\n" + std::string(100'000, 'x') + "\"}"));
  ASSERT_FALSE(hostile);
  const std::string message = hostile.error().ToError("spec.json").message;
  EXPECT_LT(message.size(), 600u);
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(CellDocument, ShapesOfGrantsAreReadAndOthersKept) {
  const auto document = ParseCellDocument(WithSpec(
      R"("authority":{"filesystem":{"writable":["/w",{"source":"/s","target":"/t"}],"readable":[]},"network":{"mode":"declared"}})"));
  ASSERT_TRUE(document);
  const auto& filesystem = *document->spec.authority.filesystem;
  ASSERT_TRUE(filesystem.grant);
  EXPECT_EQ(filesystem.grant->writable[1].target, "/t");
  EXPECT_EQ(filesystem.canonical, R"({"readable":[],"writable":["/w",{"source":"/s","target":"/t"}]})");
  EXPECT_TRUE(document->spec.authority.network->declared);
  for (const auto* other : {R"({"mounts":[]})", R"({"readable":["relative"]})", R"({"readable":[{"source":"/a"}]})",
                            "5", R"({"readable":[{"source":"/a","target":"/b","x":1}]})", R"({"readable":"/a"})"}) {
    const auto opaque = ParseCellDocument(WithSpec(std::string(R"("authority":{"filesystem":)") + other + "}"));
    ASSERT_TRUE(opaque) << other;
    EXPECT_FALSE(opaque->spec.authority.filesystem->grant) << other;
  }
}

}  // namespace
}  // namespace spec
