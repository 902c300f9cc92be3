// SPDX-License-Identifier: Apache-2.0
#include "spec/controls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/document.h"

namespace spec {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

CellDocument Document(std::string_view members) {
  const auto document = DecodeCellDocument(
      R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"a","lifetime":{"ttlSeconds":60},)" +
      std::string(members) + "}}");
  EXPECT_TRUE(document) << members << (document ? "" : document.error().message);
  return document.value_or(CellDocument());
}

std::vector<std::string> Pointers(std::string_view members, const SupportedFeatures& features = {}) {
  std::vector<std::string> pointers;
  for (const Violation& violation : JudgeControls(Document(members), features)) pointers.push_back(violation.pointer);
  return pointers;
}

std::string Authority(std::string_view members) { return R"("authority":{)" + std::string(members) + "}"; }

TEST(Controls, AdmitWhatThisBuildCanGive) {
  EXPECT_THAT(Pointers(R"("authority":{},"run":{"argv":["a"]})"), IsEmpty());
  EXPECT_THAT(
      Pointers(R"("authority":{"egressRules":[],"secretRefs":[],"network":{"mode":"declared"}},"run":{"argv":["a"]})"),
      IsEmpty());
  EXPECT_THAT(Pointers(R"("authority":{"filesystem":{"readable":["/usr/share/x"],"writable":["/home/me/p"]}})"),
              IsEmpty());
  EXPECT_THAT(Pointers(R"("authority":{"secretRefs":["GIT-TOKEN","B"]},"run":{"argv":["a"],"secretDelivery":"env"})"),
              IsEmpty());
}

constexpr SupportedFeatures kNothing{
    .egress = false, .dns = false, .cdn = false, .telemetry = false, .runtime_secrets = false};

TEST(Controls, AcceptWhatTheGateGrants) {
  EXPECT_THAT(Pointers(Authority(R"("egressRules":[{"host":"a.b","port":443}],"dnsAuthority":{},"secretRefs":["A"],)"
                                 R"("cdnAuthority":{"providers":[{"providerId":"p","hostnamePattern":"a.b"}]})") +
                       R"(,"run":{"argv":["a"],"secretDelivery":"runtimeBroker"})"),
              IsEmpty());
}

TEST(Controls, RefuseEveryMissingPartByPointer) {
  EXPECT_THAT(Pointers(Authority(R"("egressRules":[{"host":"a.b","port":443}],"dnsAuthority":{},)"
                                 R"("cdnAuthority":{"providers":[{"providerId":"p","hostnamePattern":"a.b"}]})") +
                       R"(,"telemetry":{"channel":"vsock-cbor","events":["a"],"agentVersion":"1.0.0"})" +
                       R"(,"export":{"targets":[{"kind":"s3","name":"s","bucket":"buck"}]})",
                       kNothing),
              ElementsAre("/spec/authority/egressRules", "/spec/authority/cdnAuthority/providers",
                          "/spec/authority/dnsAuthority", "/spec/export/targets/0", "/spec/telemetry"));
}

std::string Witness(std::string_view events, std::string_view version, std::string_view more = "") {
  return Authority(R"("egressRules":[{"host":"a.b","port":443}])") + R"(,"telemetry":{"channel":"vsock-cbor","events":[)" +
         std::string(events) + R"(],"agentVersion":")" + std::string(version) + '"' + std::string(more) + "}";
}

TEST(Controls, AcceptWhatTheWitnessCanTell) {
  EXPECT_THAT(Pointers(Witness(R"("process.spawned","process.exited","capability.denied","fs.inotify_fired",)"
                               R"("net.connect_attempted"," Process.Spawn ","net.connect.attempt")",
                               "1.0.0-rc.1", R"(,"rateLimits":{"eventsPerSecond":1})")),
              IsEmpty());
}

TEST(Controls, RefuseWhatNoSourceTellsAndALaterWitnessByPointer) {
  EXPECT_THAT(Pointers(Witness(R"("process.spawned","a","process.spawnedx","agent.heartbeat")", "1.0.1",
                               R"(,"rateLimits":{"eventsPerSecond":0,"bytesPerSecond":0})")),
              ElementsAre("/spec/telemetry/events/1", "/spec/telemetry/events/2", "/spec/telemetry/events/3",
                          "/spec/telemetry/agentVersion", "/spec/telemetry/rateLimits/eventsPerSecond",
                          "/spec/telemetry/rateLimits/bytesPerSecond"));
  for (const auto* later : {"1.1.0", "2.0.0", "1.0.1-rc.1"}) {
    EXPECT_THAT(Pointers(Witness(R"("process.spawned")", later)), ElementsAre("/spec/telemetry/agentVersion")) << later;
  }
}

TEST(Controls, RefuseSocketDeliveriesOnlyWhereASecretIsAskedFor) {
  EXPECT_THAT(Pointers(R"("authority":{"secretRefs":["A"]},"run":{"argv":["a"]})", kNothing),
              ElementsAre("/spec/run/secretDelivery"));
  EXPECT_THAT(Pointers(R"("authority":{"secretRefs":["A"]},"run":{"argv":["a"],"secretDelivery":"runtimeBroker"})", kNothing),
              ElementsAre("/spec/run/secretDelivery"));
  EXPECT_THAT(Pointers(R"("authority":{},"run":{"argv":["a"],"secretDelivery":"runtimeBroker"})"), IsEmpty());
}

TEST(Controls, RefuseOpaqueShapesThatAreNotUnderstood) {
  EXPECT_THAT(Pointers(Authority(R"("filesystem":{"mounts":["/w"]})")), ElementsAre("/spec/authority/filesystem"));
  EXPECT_THAT(Pointers(Authority(R"("network":{"mode":"none"})")), ElementsAre("/spec/authority/network"));
}

TEST(Controls, RefusePathsThatCarryAControl) {
  for (const auto* path : {"/proc", "/proc/1/root", "/sys/fs", "/dev/sda", "/run/cellos/uid", "/a/../etc", "/a/./b",
                           "/a//b", "/a/", "/", "/a\\u0000", "/a\\u202eb"}) {
    EXPECT_THAT(Pointers(Authority(std::string(R"("filesystem":{"readable":["/ok",")") + path + R"("]})")),
                ElementsAre("/spec/authority/filesystem/readable/1"))
        << path;
  }
  for (const auto* target : {"/", "/proc/self", "/dev", "/run", "/run/cellos/x", "/etc", "/sys"}) {
    EXPECT_THAT(
        Pointers(Authority(std::string(R"("filesystem":{"writable":[{"source":"/a","target":")") + target + R"("}]})")),
        ElementsAre("/spec/authority/filesystem/writable/0"))
        << target;
  }
  EXPECT_THAT(Pointers(Authority(R"("filesystem":{"readable":["/a"],"writable":["/a"]})")),
              ElementsAre("/spec/authority/filesystem"));
  EXPECT_THAT(Pointers(Authority(R"("filesystem":{"readable":["/device","/process","/run/cellosx"]})")), IsEmpty());
}

TEST(Controls, RefuseHostsInAnyOtherForm) {
  const SupportedFeatures gate{.egress = true};
  for (const auto* host :
       {"*", "http://x.y", "x:0", "x.y:65536", "[::1]", "[::1%lo]:80", "::1%lo", "010.0.0.1", "1.2.3", "localhost",
        "10.0.0.1/8", "10.0.0.0/33", "a.b.", "*.*.a", "b\\u00fccher.example", "a_b.c", "0x7f.1", "10.0.0.0/08"}) {
    EXPECT_THAT(Pointers(Authority(std::string(R"("egressRules":[{"host":")") + host + R"(","port":443}])"), gate),
                ElementsAre("/spec/authority/egressRules/0/host"))
        << host;
  }
  for (const auto* host :
       {"a.b", "*.a.b", "*.com", "10.0.0.1", "::1", "2001:db8::/32", "10.0.0.0/8", "0.0.0.0/0", "::ffff:1.2.3.4"}) {
    EXPECT_THAT(Pointers(Authority(std::string(R"("egressRules":[{"host":")") + host + R"(","port":443}])"), gate),
                IsEmpty())
        << host;
  }
  EXPECT_THAT(Pointers(Authority(R"("egressRules":[{"host":"a.b","port":53,"protocol":"dns-acknowledged"}])"), gate),
              ElementsAre("/spec/authority/egressRules/0/protocol"));
}

TEST(Controls, RefuseUrlsThatNeedRepair) {
  const SupportedFeatures http{.http_export = true};
  for (const auto* url : {"https://b\\u00fccher.example", "http://0x7f.1", "https://a.b/\\u00e9", "https://a.b/%zz",
                          "https://%61.b", "https://a.b:0", "https://a.b:", "https://.", "https://a"}) {
    EXPECT_THAT(Pointers(R"("authority":{},"export":{"targets":[{"kind":"http","name":"t","baseUrl":")" +
                             std::string(url) + R"("}]})",
                         http),
                ElementsAre("/spec/export/targets/0/baseUrl"))
        << url;
  }
  EXPECT_THAT(
      Pointers(R"("authority":{},"export":{"targets":[{"kind":"http","name":"t","baseUrl":"https://a.b:8443/x%20y"}]})",
               http),
      IsEmpty());
}

TEST(Controls, RefuseSecretNamesThatWouldBeHooksOrOneVariable) {
  for (const auto* name : {"LD_PRELOAD", "PATH", "HOME", "TMPDIR", "BASH_ENV", "ENV", "CELLOS_RUN_ID", "A=B"}) {
    EXPECT_THAT(Pointers(R"("authority":{"secretRefs":["OK",")" + std::string(name) +
                         R"("]},"run":{"argv":["a"],"secretDelivery":"env"})"),
                ElementsAre("/spec/authority/secretRefs/1"))
        << name;
  }
  EXPECT_THAT(
      Pointers(
          R"("authority":{"secretRefs":["git-token","X","GIT_TOKEN"]},"run":{"argv":["a"],"secretDelivery":"env"})"),
      ElementsAre("/spec/authority/secretRefs/2"));
  EXPECT_THAT(
      Pointers(R"("authority":{"secretRefs":["A"]},"run":{"argv":["a"],"secretDelivery":"env","env":{"A":"1"}})"),
      ElementsAre("/spec/authority/secretRefs/0"));
}

TEST(Controls, RefuseDnsOverQuicByItsResolver) {
  EXPECT_THAT(
      Pointers(Authority(R"("dnsAuthority":{"resolvers":[{"resolverId":"r","endpoint":"a.b:853","protocol":"doq"}]})"),
               {.dns = true}),
      ElementsAre("/spec/authority/dnsAuthority/resolvers/0/protocol"));
}

TEST(Warnings, NameRulesThatCanNeverBeAsked) {
  const auto warnings = AdmissionWarnings(Document(Authority(
      R"("egressRules":[{"host":"a.b","port":1},{"host":"c.d","port":1},{"host":"x.e.f","port":1},{"host":"10.0.0.1","port":1},)"
      R"({"host":"*.e.f","port":1},{"host":"*.g.h","port":1}],"dnsAuthority":{"hostnameAllowlist":["a.b","*.e.f"]})")));
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_TRUE(warnings[0].starts_with("/spec/authority/egressRules/1/host: "));
  EXPECT_TRUE(warnings[1].starts_with("/spec/authority/egressRules/5/host: "));
}

TEST(Controls, WarnOfPatternsThatGrantATopLevelDomain) {
  const auto warnings = AdmissionWarnings(Document(Authority(
      R"("egressRules":[{"host":"*.com","port":443},{"host":"*.b.com","port":443}],)"
      R"("dnsAuthority":{"hostnameAllowlist":["*.b.com","*.com"]})")));
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_TRUE(warnings[0].starts_with("/spec/authority/egressRules/0/host: "));
  EXPECT_TRUE(warnings[1].starts_with("/spec/authority/dnsAuthority/hostnameAllowlist/1: "));
}

}  // namespace
}  // namespace spec
