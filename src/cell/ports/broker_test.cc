// SPDX-License-Identifier: Apache-2.0
#include "cell/ports/broker.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"

namespace cell {
namespace {

using std::chrono::seconds;

class TemporaryDirectory {
 public:
  TemporaryDirectory() { path_ = ::mkdtemp(name_); }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  char name_[32] = "/tmp/cellos-broker-XXXXXX";
  std::string path_;
};

std::string Write(const std::string& path, std::string_view text) {
  std::ofstream(path) << text;
  return path;
}

BrokerSettings Environment(std::map<std::string, std::string> variables) {
  BrokerSettings settings;
  settings.environment = [variables = std::move(variables)](const char* name) -> const char* {
    const auto place = variables.find(name);
    return place == variables.end() ? nullptr : place->second.c_str();
  };
  return settings;
}

TEST(EnvBroker, MapsUpperCaseAndDashes) {
  auto broker = MakeBroker("env", Environment({{"CELLOS_SECRET_MY_KEY.X", " exact \n"}}));
  ASSERT_TRUE(broker);
  const auto value = (*broker)->Resolve("my-key.x", "cell", seconds(1));
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->view(), " exact \n");
}

TEST(EnvBroker, NamesTheVariableThatIsMissing) {
  auto broker = MakeBroker("env", Environment({}));
  const auto value = (*broker)->Resolve("token", "cell", seconds(1));
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message, "env var CELLOS_SECRET_TOKEN not set (required for secret key \"token\")");
}

TEST(EnvBroker, RefusesEmptyValuesAndUnusableKeys) {
  auto broker = MakeBroker("env", Environment({{"CELLOS_SECRET_A", ""}, {"CELLOS_SECRET_", "x"}}));
  EXPECT_FALSE((*broker)->Resolve("a", "cell", seconds(1)));
  EXPECT_FALSE((*broker)->Resolve("", "cell", seconds(1)));
  EXPECT_FALSE((*broker)->Resolve("a=b", "cell", seconds(1)));
}

TEST(EnvBroker, ForgettingWipesTheProcessEnvironment) {
  ::setenv("CELLOS_SECRET_CANARY", "hunter2hunter2", 1);
  const char* where = std::getenv("CELLOS_SECRET_CANARY");
  auto broker = MakeBroker("env", {});
  ASSERT_TRUE((*broker)->Resolve("canary", "cell", seconds(1)));
  (*broker)->ForgetSources();
  EXPECT_EQ(std::getenv("CELLOS_SECRET_CANARY"), nullptr);
  EXPECT_EQ(where[0], '\0');
}

TEST(FileBroker, RemovesExactlyOneFinalLineFeed) {
  TemporaryDirectory directory;
  auto broker = MakeBroker("file", Environment({{"CELLOS_SECRET_FILE_K", Write(directory / "k", "v\r\n\n")}}));
  const auto value = (*broker)->Resolve("k", "cell", seconds(1));
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->view(), "v\r\n");
}

TEST(FileBroker, RefusesLinksAnywhereOnTheWay) {
  TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "real");
  Write(directory / "real/k", "v");
  std::filesystem::create_symlink("real", directory / "linked");
  std::filesystem::create_symlink("real/k", directory / "k");
  for (const auto* name : {"linked/k", "k"}) {
    auto broker = MakeBroker("file", Environment({{"CELLOS_SECRET_FILE_K", directory / name}}));
    EXPECT_FALSE((*broker)->Resolve("k", "cell", seconds(1))) << name;
  }
}

TEST(FileBroker, NeverBlocksOnWhatIsNoRegularFile) {
  TemporaryDirectory directory;
  const auto fifo = directory / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  // Held open for reading, it keeps what a writer left in it, as a file would.
  const base::UniqueFd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  base::UniqueFd writer(::open(fifo.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::write(writer.get(), "value", 5), 5);
  writer.Reset();
  for (const auto& path : {fifo, std::string("/dev/zero"), std::string("/tmp")}) {
    auto broker = MakeBroker("file", Environment({{"CELLOS_SECRET_FILE_K", path}}));
    EXPECT_FALSE((*broker)->Resolve("k", "cell", seconds(1))) << path;
  }
}

TEST(FileBroker, TakesOneMebibyteAndNotAByteMore) {
  TemporaryDirectory directory;
  for (const auto& [size, taken] : {std::pair(kMaxSecretBytes, true), std::pair(kMaxSecretBytes + 1, false)}) {
    auto broker =
        MakeBroker("file", Environment({{"CELLOS_SECRET_FILE_K", Write(directory / "k", std::string(size, 'x'))}}));
    const auto value = (*broker)->Resolve("k", "cell", seconds(1));
    EXPECT_EQ(value.has_value(), taken);
    if (!value) { EXPECT_EQ(value.error().kind, base::ErrorKind::kLimit); }
  }
}

TEST(FileBroker, RefusesBytesThatNoEnvironmentCarries) {
  TemporaryDirectory directory;
  for (const auto text : {std::string_view("a\0b", 3), std::string_view("\xff\xfe"), std::string_view("\n")}) {
    auto broker = MakeBroker("file", Environment({{"CELLOS_SECRET_FILE_K", Write(directory / "k", text)}}));
    EXPECT_FALSE((*broker)->Resolve("k", "cell", seconds(1)));
  }
}

TEST(Broker, OwnSourceGoesBeforeTheMapping) {
  TemporaryDirectory directory;
  auto settings = Environment({{"CELLOS_SECRET_A", "mapped"}, {"OTHER", "named"}});
  settings.sources["A"] = {"env", "OTHER"};
  settings.sources["B"] = {"file", Write(directory / "b", "filed\n")};
  EXPECT_EQ(BrokerOf("B", "env", settings), "file");
  EXPECT_EQ(BrokerOf("C", "env", settings), "env");
  auto broker = MakeBroker("env", settings);
  EXPECT_EQ((*broker)->Resolve("A", "cell", seconds(1))->view(), "named");
  EXPECT_EQ((*broker)->Resolve("B", "cell", seconds(1))->view(), "filed");
}

TEST(Broker, UnknownNamesAreErrors) {
  for (const auto* name : {"", "memory", "ENV", "vault-approle", "github-oidc"}) {
    EXPECT_FALSE(MakeBroker(name, {})) << name;
  }
}

TEST(Broker, SourcesAreParsedStrictly) {
  EXPECT_EQ(ParseSecretSource("env:A")->key, "A");
  EXPECT_EQ(ParseSecretSource("file:/a:b")->key, "/a:b");
  for (const auto* text : {"", "env", "env:", "file:", "A", "ENV:A", "env:A=B", "http:x"}) {
    EXPECT_FALSE(ParseSecretSource(text)) << text;
  }
}

TEST(Broker, NamesThatFoldToOneVariableAreRefused) {
  const std::vector<std::string> alike = {"my-key", "MY_KEY"}, twice = {"a", "a"}, fine = {"a", "b.c"}, odd = {"a=b"};
  EXPECT_FALSE(CheckSecretNames(alike));
  EXPECT_FALSE(CheckSecretNames(twice));
  EXPECT_FALSE(CheckSecretNames(odd));  // the variable would be another one, its value of the document's choice
  EXPECT_TRUE(CheckSecretNames(fine));
}

std::string LockedMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmLck:")) return line;
  }
  return {};
}

TEST(SecretValue, LeavesNoPageBehind) {
  const auto before = LockedMemory();
  {
    auto value = SecretValue::Copy("one").value();
    EXPECT_NE(LockedMemory(), before);
    value = SecretValue::Copy("another").value();
    EXPECT_EQ(value.view(), "another");
  }
  EXPECT_EQ(LockedMemory(), before);
}

TEST(SecretValue, IsLockedAndEmptyInAChild) {
  const auto value = SecretValue::Copy("hunter2");
  ASSERT_TRUE(value);
  std::ifstream smaps("/proc/self/smaps");
  std::string line, flags;
  bool in_range = false;
  while (std::getline(smaps, line)) {
    std::uintptr_t from = 0, to = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2) {
      in_range = from <= reinterpret_cast<std::uintptr_t>(value->view().data()) &&
                 reinterpret_cast<std::uintptr_t>(value->view().data()) < to;
    } else if (in_range && line.starts_with("VmFlags:")) {
      flags = line;
    }
  }
  EXPECT_NE(flags.find(" lo"), flags.npos) << flags;  // locked
  EXPECT_NE(flags.find(" dd"), flags.npos) << flags;  // left out of dumps
  EXPECT_NE(flags.find(" wf"), flags.npos) << flags;  // wiped on fork
  const pid_t child = ::fork();
  if (child == 0) ::_exit(value->view()[0] == '\0' ? 0 : 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace cell
