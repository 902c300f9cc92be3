// SPDX-License-Identifier: Apache-2.0
#include "cli/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

Environment From(const Variables& variables) {
  return [&variables](const char* name) -> const char* {
    const auto place = variables.find(name);
    return place == variables.end() ? nullptr : place->second.c_str();
  };
}

base::Result<AllSettings> Load(Variables variables, const Options& options = {}) {
  variables.emplace("XDG_CONFIG_HOME", "/nonexistent");
  return LoadSettings(options, 1000, From(variables));
}

TEST(Settings, WithoutAnythingAreTheDefaults) {
  const auto settings = Load({});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->cell.broker, "env");
  EXPECT_TRUE(settings->cell.require_scoped_tokens);
  EXPECT_TRUE(settings->cell.trust_plane_events);
  EXPECT_EQ(settings->cell.uid_base, 0x70000000u);
}

TEST(Settings, FollowTheStyleOfEachSwitch) {
  for (const auto* on : {"1", "true", " YES ", "On"}) EXPECT_TRUE(Load({{"CELLOS_STRICT_CONFIG", on}})->cell.strict_config) << on;
  for (const auto* off : {"0", "false", "No", " off ", ""}) {
    EXPECT_FALSE(Load({{"CELLOS_STRICT_CONFIG", off}})->cell.strict_config) << off;
  }
  EXPECT_FALSE(Load({{"CELLOS_STRICT_CONFIG", "maybe"}}));
  EXPECT_FALSE(Load({{"CELLOS_REQUIRE_SCOPED_DERIVATION_TOKENS", "off"}})->cell.require_scoped_tokens);
  EXPECT_TRUE(Load({{"CELLOS_REQUIRE_SCOPED_DERIVATION_TOKENS", ""}})->cell.require_scoped_tokens);
  EXPECT_TRUE(Load({{"CELLOS_REQUIRE_TELEMETRY_DECLARED", "anything"}})->cell.require_telemetry);
  for (const auto* unclear : {"", "0", "false", "no", "OFF"}) {
    EXPECT_FALSE(Load({{"CELLOS_REQUIRE_TELEMETRY_DECLARED", unclear}})) << unclear;
  }
}

TEST(Settings, ListsAndNumbersAreStrict) {
  EXPECT_THAT(Load({{"CELLOS_RUN_ARGV0_ALLOW_PREFIXES", "/usr/bin, /opt ,"}})->cell.argv0_prefixes,
              ElementsAre("/usr/bin", "/opt"));
  EXPECT_THAT(Load({{"CELLOS_TRUST_KEYSET_CHAIN_PATH", "/a\n/b,/c"}})->cell.trust_keyset_chain_paths,
              ElementsAre("/a", "/b", "/c"));
  EXPECT_EQ(Load({{"CELLOS_RUN_TIMEOUT_MS", "5000"}})->cell.run_timeout_ms, 5000u);
  for (const auto* bad : {"0", "-1", "1s", "1.5", "99999999999999999999"}) EXPECT_FALSE(Load({{"CELLOS_RUN_TIMEOUT_MS", bad}})) << bad;
  EXPECT_FALSE(Load({{"CELLOS_UID_BASE", "4294967296"}}));
}

TEST(Settings, UnknownBrokersAndBackendsAreErrors) {
  for (const auto* bad : {"memory", "vault-approle", "ENV"}) EXPECT_FALSE(Load({{"CELLOS_BROKER", bad}})) << bad;
  for (const auto* bad : {"stub", "x"}) EXPECT_FALSE(Load({{"CELLOS_CELL_BACKEND", bad}})) << bad;
  // A backend that exists elsewhere is a matter of admission: refused with evidence.
  EXPECT_EQ(Load({{"CELLOS_CELL_BACKEND", "gvisor"}})->cell.backend, "gvisor");
  EXPECT_EQ(Load({{"CELLOS_BROKER", "file"}})->cell.broker, "file");
}

TEST(Settings, DemandsThatCannotBeMetAreErrors) {
  const auto settings = Load({{"CELL_OS_REQUIRE_JETSTREAM", "1"}});
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error().message, HasSubstr("CELL_OS_REQUIRE_JETSTREAM"));
  EXPECT_TRUE(Load({{"CELL_OS_AUDIT_CHAIN", "0"}}));
}

TEST(Settings, AnotherUpstreamThanTheDocumentsIsRefusedNotIgnored) {
  for (const char* variable :
       {"CELLOS_DNS_UPSTREAM_PROTOCOL", "CELLOS_DNS_UPSTREAM_DOH_URL", "CELLOS_DNS_PROXY_UPSTREAM_OVERRIDE"}) {
    EXPECT_FALSE(Load({{variable, "dot"}})) << variable;
  }
}

TEST(Settings, HardenedNeedsKeysAndRequiresWhatItPromises) {
  EXPECT_FALSE(Load({{"CELLOS_DEPLOYMENT_PROFILE", "hardened"}}));
  const auto settings = Load({{"CELLOS_DEPLOYMENT_PROFILE", "HARDENED"},
                              {"CELLOS_AUTHORITY_KEYS_PATH", "/k"},
                              {"CELLOS_REQUIRE_SCOPED_DERIVATION_TOKENS", "0"}});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_TRUE(settings->cell.require_derivation && settings->cell.require_telemetry && settings->cell.strict_config);
  EXPECT_TRUE(settings->cell.require_scoped_tokens);
  EXPECT_FALSE(Load({{"CELLOS_DEPLOYMENT_PROFILE", "paranoid"}}));
}

class ConfigurationFile : public testing::Test {
 protected:
  ConfigurationFile() {
    top_ = ::mkdtemp(name_);
    path_ = top_ + "/config.json";
  }
  ~ConfigurationFile() override { std::filesystem::remove_all(top_); }
  base::Result<AllSettings> With(std::string_view text, Variables variables = {}, const Options& options = {}) {
    std::ofstream(path_) << text;
    ::chmod(path_.c_str(), 0600);
    variables["CELLOS_CONFIG"] = path_;
    return Load(variables, options);
  }
  char name_[32] = "/tmp/cellos-config-XXXXXX";
  std::string top_, path_;
};

TEST_F(ConfigurationFile, LosesAgainstVariablesAndThoseAgainstOptions) {
  const auto* file = R"({"CELLOS_POLICY_PACK_PATH":"/file","CELLOS_STATE_DIR":"/file","CELLOS_STRICT_CONFIG":true,
                         "CELLOS_RUN_TIMEOUT_MS":7,"CELLOS_REQUIRE_TELEMETRY_DECLARED":false})";
  Options options;
  options.policy = "/option";
  const auto settings = With(file, {{"CELLOS_POLICY_PACK_PATH", "/variable"}, {"CELLOS_STATE_DIR", "/variable"}}, options);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->cell.policy_pack_path, "/option");
  EXPECT_EQ(settings->state_dir, "/variable");
  EXPECT_TRUE(settings->cell.strict_config);
  EXPECT_EQ(settings->cell.run_timeout_ms, 7u);
  EXPECT_FALSE(settings->cell.require_telemetry);
}

TEST_F(ConfigurationFile, IsStrict) {
  for (const auto* bad : {"", "[]", "{", R"({"NOPE":"x"})", R"({"CELLOS_BROKER":"env","CELLOS_BROKER":"file"})",
                          R"({"CELLOS_BROKER":["env"]})", R"({"CELLOS_BROKER":null})"}) {
    EXPECT_FALSE(With(bad)) << bad;
  }
}

TEST_F(ConfigurationFile, ThatWasNamedMustBeThere) { EXPECT_FALSE(Load({{"CELLOS_CONFIG", top_ + "/none"}})); }

TEST_F(ConfigurationFile, ThatOthersCanWriteIsRefused) {
  std::ofstream(path_) << "{}";
  ASSERT_EQ(::chmod(path_.c_str(), 0622), 0);
  EXPECT_FALSE(Load({{"CELLOS_CONFIG", path_}}));
}

TEST(Settings, OptionsAreJudged) {
  Options options;
  options.if_policy = "sha256:" + std::string(64, 'a');
  EXPECT_TRUE(Load({}, options));
  for (const auto& bad : {std::string(64, 'a'), "sha256:" + std::string(64, 'A'), std::string("sha256:ab")}) {
    options.if_policy = bad;
    EXPECT_FALSE(Load({}, options)) << bad;
  }
  options = {};
  options.events_form = "raw";
  EXPECT_FALSE(Load({}, options));
  options.events_form = "log";
  EXPECT_EQ(Load({}, options)->cell.events_form, cell::EventsForm::kLog);
  options = {};
  options.sign_events = true;
  EXPECT_FALSE(Load({}, options));
}

// With CELLOS_UPDATE_REFERENCE set the page is written instead of compared.
TEST(SettingsReference, IsCurrentAndSaysWhatEachSettingMeans) {
  const std::string path = CELLOS_SOURCE_DIR "/docs/reference/settings.md", page = SettingsPage();
  if (std::getenv("CELLOS_UPDATE_REFERENCE") != nullptr) std::ofstream(path, std::ios::binary) << page;
  std::ifstream file(path, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), page)
      << path << " is not what the table says: run this test once with CELLOS_UPDATE_REFERENCE=1";
  for (const auto& row : SettingTable()) EXPECT_FALSE(row.meaning.empty()) << row.variable;
}

}  // namespace
}  // namespace cli
