// SPDX-License-Identifier: Apache-2.0
// What a deployment demands beside the document: each demand refuses by itself, before any key is loaded.
#include "cell/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cell/run.h"

namespace cell {
namespace {

using testing::HasSubstr;

std::string DocumentWith(const std::string& more = "") {
  return R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"job","authority":{},"lifetime":{"ttlSeconds":60},)"
         R"("run":{"argv":["/usr/bin/true"]})" + more + "}}";
}

class AdmissionTest : public testing::Test {
 protected:
  AdmissionTest() : path_(::mkdtemp(name_)) { request_.document = DocumentWith(); }
  ~AdmissionTest() override { std::filesystem::remove_all(path_); }

  std::string File(const std::string& name, std::string_view text, mode_t mode = 0600) {
    std::ofstream(path_ + "/" + name) << text;
    EXPECT_EQ(::chmod((path_ + "/" + name).c_str(), mode), 0);
    return path_ + "/" + name;
  }
  Settings& settings() { return request_.settings; }
  Admission Judged() { return Admit(request_, base::SystemClock()); }
  // "reason rule", or "" when it is admitted.
  std::string Refusal() {
    const Admission admission = Judged();
    return admission.admitted() ? "" : admission.refusal + " " + admission.violations.at(0).rule;
  }

  char name_[40] = "/tmp/cellos_admission_XXXXXX";
  std::string path_;
  RunRequest request_;
};

TEST_F(AdmissionTest, APlainDocumentIsAdmitted) { EXPECT_EQ(Refusal(), "") << Judged().message; }

TEST_F(AdmissionTest, WhatIsNoDocumentIsRefused) {
  request_.document = "{";
  EXPECT_TRUE(Refusal().starts_with("invalid_document")) << Refusal();
  request_.document = DocumentWith(R"(,"unheardOf":1)");
  EXPECT_TRUE(Refusal().starts_with("invalid_document")) << Refusal();
  request_.document = DocumentWith();
  request_.document.replace(request_.document.find("60"), 2, "0");
  EXPECT_TRUE(Refusal().starts_with("invalid_document")) << Refusal();
  EXPECT_FALSE(Judged().document) << "nothing of it can be relied on";
  request_.document = DocumentWith();
  request_.document_too_large = true;
  EXPECT_EQ(Refusal(), "invalid_document too_large");
}

TEST_F(AdmissionTest, ADeploymentMayDemandAWitness) {
  settings().require_telemetry = true;
  EXPECT_EQ(Refusal(), "policy require.telemetry");
}

TEST_F(AdmissionTest, ANamespaceThatIsNotServedIsRefused) {
  request_.document = DocumentWith(R"(,"placement":{"kubernetesNamespace":"theirs"})");
  EXPECT_EQ(Refusal(), "policy k8s.namespace");
  settings().k8s_namespace = "ours";
  EXPECT_EQ(Refusal(), "policy k8s.namespace");
  settings().k8s_namespace = "theirs";
  EXPECT_EQ(Refusal(), "");
}

TEST_F(AdmissionTest, TheHardenedProfileNeedsWhatItNeeds) {
  settings().profile = Profile::kHardened;
  EXPECT_EQ(Refusal(), "policy require.telemetry");
}

TEST_F(AdmissionTest, AFileThatSettingsNameIsReadOrEndsTheRun) {
  const std::string missing = path_ + "/missing";
  const std::pair<std::string Settings::*, const char*> files[] = {
      {&Settings::authority_keys_path, "derivation authority.keys"},
      {&Settings::trust_verify_keys_path, "policy trust.verifyKeys"},
      {&Settings::policy_pack_path, "policy pack"},
      {&Settings::authz_policy_path, "authz policy"}};
  for (const auto& [member, refusal] : files) {
    settings() = {};
    settings().*member = missing;
    EXPECT_EQ(Refusal(), refusal);
    settings().*member = File("malformed", "no file of this kind");
    EXPECT_NE(Refusal(), "") << refusal;
    settings().*member = File("writable", "{}", 0666);
    EXPECT_EQ(Refusal(), refusal) << "anybody could have written it";
    settings().*member = path_;
    EXPECT_EQ(Refusal(), refusal) << "a directory";
    settings().*member = File("bytes", "\xff\xfe");
    EXPECT_EQ(Refusal(), refusal) << "no text";
  }
}

TEST_F(AdmissionTest, TrustKeysMayBeDemanded) {
  settings().require_trust_verify_keys = true;
  EXPECT_EQ(Refusal(), "policy trust.verifyKeys");
}

TEST_F(AdmissionTest, ADerivationMayBeDemanded) {
  settings().require_derivation = true;
  EXPECT_TRUE(Refusal().starts_with("derivation ")) << Refusal();
}

TEST_F(AdmissionTest, PartsThatThisBuildHasNotAreRefused) {
  settings().backend = "firecracker";
  EXPECT_EQ(Refusal(), "backend backend");
  settings().backend = "native";
  settings().broker = "vault";
  EXPECT_EQ(Refusal(), "backend broker");
}

TEST_F(AdmissionTest, ARunBoundToAPolicyNeedsThatPolicy) {
  settings().if_policy = "sha256:00";
  EXPECT_EQ(Refusal(), "condition ifPolicy");
  EXPECT_THAT(Judged().message, HasSubstr("loaded is none"));
}

TEST_F(AdmissionTest, ADocumentThatClaimsAPolicyNeedsOne) {
  request_.document = DocumentWith(R"(,"policy":{"packId":"p","packVersion":"1.0.0"})");
  EXPECT_TRUE(Refusal().starts_with("policy ")) << Refusal();
}

TEST_F(AdmissionTest, SeveralViolationsAreCountedAndAPointerIsCut) {
  request_.document = DocumentWith(",\"" + std::string(2000, 'x') + "\":1");
  const Admission admission = Judged();
  ASSERT_FALSE(admission.admitted());
  EXPECT_LE(admission.violations.at(0).pointer.size(), 520u);
}

}  // namespace
}  // namespace cell
