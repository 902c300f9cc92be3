// SPDX-License-Identifier: Apache-2.0
#include "cli/build_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "spec/document.h"

namespace cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

spec::CellDocument Built(const Options& options) {
  const auto text = BuildDocument(options);
  EXPECT_TRUE(text) << text.error().message;
  auto document = spec::ParseCellDocument(*text);
  EXPECT_TRUE(document) << document.error().pointer << document.error().message << *text;
  return *document;
}

TEST(BuildDocument, OfACommandAloneHasTheDefaults) {
  Options options;
  options.argv = {"/bin/echo", "a \"b\" \\ \n {}[],:", "ä"};
  const auto document = Built(options);
  EXPECT_EQ(document.spec.id, "cell");
  EXPECT_EQ(document.spec.lifetime.ttl_seconds, 3600u);
  EXPECT_EQ(document.spec.run->argv, options.argv);
  EXPECT_EQ(document.spec.run->secret_delivery, spec::SecretDelivery::kEnv);
  EXPECT_FALSE(document.spec.authority.filesystem);
  EXPECT_FALSE(document.spec.authority.egress_rules);
}

TEST(BuildDocument, HoldsEveryDocumentOption) {
  Options options;
  options.argv = {"x"};
  options.id = "job.7";
  options.ttl = "2h";
  options.timeout = "1500ms";
  options.memory = "512M";
  options.cpus = "1.5";
  options.pids = "64";
  options.scratch = "2G";
  options.env = {"A=1=2", "B="};
  options.workdir = "/workspace/x";
  options.terminal = true;
  options.secrets = {"TOKEN", "OTHER=env:X"};
  options.exports = {"junit.xml=/workspace/j"};
  options.read_only = {"/usr/share:/data"};
  const auto spec = Built(options).spec;
  EXPECT_EQ(spec.id, "job.7");
  EXPECT_EQ(spec.lifetime.ttl_seconds, 7200u);
  EXPECT_EQ(spec.run->timeout_ms, 1500u);
  EXPECT_EQ(spec.run->limits->memory_max_bytes, 512u << 20);
  EXPECT_EQ(spec.run->limits->cpu_max->quota_micros, 150'000u);
  EXPECT_EQ(spec.run->limits->pids_max, 64u);
  EXPECT_EQ(spec.run->limits->scratch_bytes, 2ull << 30);
  EXPECT_THAT(*spec.run->env, ElementsAre(std::pair("A", "1=2"), std::pair("B", "")));
  EXPECT_EQ(spec.run->working_directory, "/workspace/x");
  EXPECT_TRUE(spec.run->WantsTerminal());
  EXPECT_THAT(*spec.authority.secret_refs, ElementsAre("TOKEN", "OTHER"));
  ASSERT_EQ(spec.exports->artifacts->size(), 1u);
  EXPECT_EQ(spec.exports->artifacts->at(0).path, "/workspace/j");
  const auto& readable = spec.authority.filesystem->grant->readable;
  ASSERT_EQ(readable.size(), 1u);
  EXPECT_EQ(readable[0].source, "/usr/share");
  EXPECT_EQ(readable[0].target, "/data");
}

TEST(BuildDocument, AWitnessTellsOfConnectsOnlyWhereThereIsEgress) {
  Options options;
  options.argv = {"x"};
  options.telemetry = true;
  const auto quiet = Built(options);
  EXPECT_THAT(quiet.spec.telemetry->events, ElementsAre("process.spawned", "process.exited", "capability.denied"));
  options.allow = {"192.0.2.1:443"};
  const auto networked = Built(options);
  EXPECT_THAT(networked.spec.telemetry->events, Contains("net.connect_attempted"));
}

TEST(BuildDocument, ResolvesGrantsOnceAgainstTheCallersDirectory) {
  char name[] = "/tmp/cellos-document-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const std::string top = name;
  ASSERT_EQ(::symlink(".", (top + "/link").c_str()), 0);
  char* before = ::get_current_dir_name();
  ASSERT_EQ(::chdir(name), 0);
  Options options;
  options.argv = {"x"};
  options.read_write = {"link/."};
  const auto document = Built(options);
  ASSERT_EQ(::chdir(before), 0);
  ::free(before);
  const auto& writable = document.spec.authority.filesystem->grant->writable;
  ASSERT_EQ(writable.size(), 1u);
  EXPECT_EQ(writable[0].source, top);
  EXPECT_EQ(writable[0].target, top);
  ::unlink((top + "/link").c_str());
  ::rmdir(name);
}

TEST(BuildDocument, NamesTheOptionAtFault) {
  const auto error_of = [](auto change) {
    Options options;
    options.argv = {"x"};
    change(options);
    const auto text = BuildDocument(options);
    return text ? std::string("none") : text.error().message;
  };
  EXPECT_THAT(error_of([](Options& o) { o.ttl = "soon"; }), HasSubstr("--ttl"));
  EXPECT_THAT(error_of([](Options& o) { o.ttl = "1ms"; }), HasSubstr("--ttl"));
  EXPECT_THAT(error_of([](Options& o) { o.memory = "-1"; }), HasSubstr("--memory"));
  EXPECT_THAT(error_of([](Options& o) { o.env = {"A"}; }), HasSubstr("--env \"A\""));
  EXPECT_THAT(error_of([](Options& o) { o.env = {"=A"}; }), HasSubstr("--env"));
  EXPECT_THAT(error_of([](Options& o) { o.exports = {"a=rel"}; }), HasSubstr("absolute"));
  EXPECT_THAT(error_of([](Options& o) { o.read_only = {"/no/such/path"}; }), HasSubstr("--ro"));
  EXPECT_THAT(error_of([](Options& o) { o.read_only = {":/x"}; }), HasSubstr("--ro"));
  EXPECT_THAT(error_of([](Options& o) { o.argv = {"x", "\xff"}; }), HasSubstr("argument 1"));
  EXPECT_THAT(error_of([](Options& o) { o.id = "\xff"; }), HasSubstr("--id"));
}

TEST(BuildDocument, KnowsWhichOptionsExcludeASpec) {
  Options options;
  std::string name;
  EXPECT_FALSE(HasDocumentOption(options, name));
  options.policy = "p";
  options.secrets = {"A=env:B"};
  options.no_stdin = true;
  EXPECT_FALSE(HasDocumentOption(options, name)) << name;
  options.memory = "1G";
  EXPECT_TRUE(HasDocumentOption(options, name));
  EXPECT_EQ(name, "--memory");
}

TEST(SecretSources, AreTakenFromTheOption) {
  Options options;
  options.secrets = {"A", "B=env:X", "C=file:/k"};
  const auto sources = SecretSources(options);
  ASSERT_TRUE(sources);
  EXPECT_EQ(sources->size(), 2u);
  EXPECT_EQ(sources->at("C").broker, "file");
  for (const auto* bad : {"A=", "A=x", "=env:X", "A=http:x"}) {
    options.secrets = {bad};
    EXPECT_FALSE(SecretSources(options)) << bad;
  }
  options.secrets = {"A=env:X", "A=env:Y"};
  EXPECT_FALSE(SecretSources(options));
  options.secrets = {"A"};
  options.spec = "file";
  EXPECT_FALSE(SecretSources(options));
}

}  // namespace
}  // namespace cli
