// SPDX-License-Identifier: Apache-2.0
// Deployment keys: made once, never overwritten, retired but kept, refused where others could have read them.
#include "evidence/keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "event/note.h"
#include "evidence/opened.h"
#include "evidence/verify/leaf_zero.h"
#include "sys/file.h"

namespace evidence {
namespace {

namespace fs = std::filesystem;

class Keys : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "cellos-keys-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }
  std::string path() const { return (root_ / "keys").string(); }
  fs::path File(const std::string& name) const { return root_ / "keys" / name; }
  static std::string Text(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path root_;
};

TEST_F(Keys, AreMadeOnTheFirstRunAndLoadedOnTheNext) {
  const auto first = LoadOrGenerateDeploymentKeys(path());
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_TRUE(first->generated);
  EXPECT_EQ(first->keys.name,
            "cellos.invalid/" + base::HexEncode(base::ByteSpan(first->keys.keys[0].spki.ed25519).first(8)));
  const auto second = LoadOrGenerateDeploymentKeys(path());
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->generated);
  EXPECT_EQ(second->keys.keys[0].spki.key_id, first->keys.keys[0].spki.key_id);
  EXPECT_EQ(fs::status(File("deployment.ed25519.pem")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(fs::status(path()).permissions(), fs::perms::owner_all);
}

TEST_F(Keys, AreNeverOverwritten) {
  ASSERT_TRUE(GenerateDeploymentKeys(path(), {.name = "ci.example/a"}));
  for (const KeygenOptions& options :
       {KeygenOptions{}, KeygenOptions{.name = "ci.example/b"}, KeygenOptions{.name = "ci.example/a", .p256 = true}}) {
    const auto again = GenerateDeploymentKeys(path(), options);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, base::ErrorKind::kExists);
  }
  // Only what is missing is added.
  const auto added = GenerateDeploymentKeys(path(), {.p256 = true});
  ASSERT_TRUE(added) << added.error().message;
  ASSERT_EQ(added->keys.size(), 2u);
  EXPECT_EQ(added->name, "ci.example/a");
  EXPECT_FALSE(GenerateDeploymentKeys(path(), {.p256 = true}));
}

TEST_F(Keys, RefuseNamesThatNotesDoNotAllow) {
  for (const char* name : {"two words", "a+b", "a\tb", "x/runs/y", "x/runs", "\xff", "a\xc2\xa0"}) {
    EXPECT_FALSE(GenerateDeploymentKeys(path(), {.name = name})) << name;
  }
  EXPECT_FALSE(fs::exists(File("deployment.ed25519.pem")));
}

TEST_F(Keys, ThatOthersCanReadAreRefused) {
  ASSERT_TRUE(GenerateDeploymentKeys(path(), {}));
  fs::permissions(File("deployment.ed25519.pem"), fs::perms::group_read, fs::perm_options::add);
  const auto loaded = LoadOrGenerateDeploymentKeys(path());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, base::ErrorKind::kDenied);
}

TEST_F(Keys, WithTheNameOfAnotherKeyAreRefused) {
  ASSERT_TRUE(GenerateDeploymentKeys(path(), {}));
  ASSERT_TRUE(GenerateDeploymentKeys((root_ / "other").string(), {}));
  fs::copy_file(root_ / "other" / "deployment.vkey", File("deployment.vkey"), fs::copy_options::overwrite_existing);
  EXPECT_FALSE(LoadDeploymentKeys(path()));
}

TEST_F(Keys, AreFoundAfterTheyWereRetired) {
  const auto old = GenerateDeploymentKeys(path(), {.name = "ci.example/a", .p256 = true});
  ASSERT_TRUE(old);
  const auto renewed = RotateDeploymentKeys(path(), {});
  ASSERT_TRUE(renewed) << renewed.error().message;
  EXPECT_EQ(renewed->name, "ci.example/a");
  EXPECT_NE(renewed->keys[0].spki.key_id, old->keys[0].spki.key_id);
  const std::vector<std::string> ids = {old->keys[1].spki.key_id, old->keys[0].spki.key_id};
  const auto found = FindSealingKeys(path(), ids);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ((*found)[0].spki.key_id, ids[0]);
  EXPECT_EQ((*found)[1].spki.key_id, ids[1]);
  EXPECT_FALSE(FindSealingKeys(path(), {std::string(64, '0')}));
}

TEST_F(Keys, ThatAreLostAreNotReplacedInSilence) {
  ASSERT_TRUE(GenerateDeploymentKeys(path(), {.name = "ci.example/a"}));
  const auto known = Text(File("deployment.vkey"));
  fs::rename(File("deployment.ed25519.pem"), root_ / "copy");
  const auto run = LoadOrGenerateDeploymentKeys(path());
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().kind, base::ErrorKind::kInvalid);
  EXPECT_NE(run.error().message.find("put the private key back"), std::string::npos) << run.error().message;
  EXPECT_FALSE(GenerateDeploymentKeys(path(), {}));
  EXPECT_FALSE(RotateDeploymentKeys(path(), {}));
  EXPECT_EQ(Text(File("deployment.vkey")), known);
  fs::rename(root_ / "copy", File("deployment.ed25519.pem"));
  EXPECT_TRUE(LoadOrGenerateDeploymentKeys(path()));
  // As the message says.
  fs::remove(File("deployment.ed25519.pem"));
  fs::rename(File("deployment.vkey"), root_ / "old.vkey");
  EXPECT_TRUE(LoadOrGenerateDeploymentKeys(path()));
}

TEST_F(Keys, OfFirstRunsAtOnceAreTheSame) {
  std::vector<std::thread> threads;
  std::vector<std::string> ids(8);
  for (std::string& id : ids) {
    threads.emplace_back([&id, path = path()] {
      if (const auto keys = LoadOrGenerateDeploymentKeys(path)) id = keys->keys.keys[0].spki.key_id;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& id : ids) EXPECT_EQ(id, ids[0]);
  EXPECT_EQ(ids[0].size(), 64u);
}

TEST_F(Keys, CertifyTheRunKeyOfARefusedRunWithDashes) {
  const auto keys = GenerateDeploymentKeys(path(), {});
  ASSERT_TRUE(keys);
  const RunFacts facts{.run_id = "r", .cell_id = "c", .software = {}, .machine = {}};
  const std::string note = RunKeyCertificate(facts, *keys, "vkey", base::WallTime(std::chrono::seconds(1788264000)),
                                             std::chrono::seconds(0));
  const auto certificate = ParseCertificate(note);
  ASSERT_TRUE(certificate) << certificate.error().message;
  EXPECT_EQ(certificate->spec_digest, "-");
  EXPECT_EQ(certificate->plan_digest, "-");
  EXPECT_EQ(certificate->not_before, "2026-09-01T12:00:00Z");
  EXPECT_EQ(certificate->not_after, "2026-09-01T13:00:00Z");
  const std::vector<crypto::Vkey> known{keys->vkey()};
  EXPECT_TRUE(event::OpenNote(note, known));
}

TEST_F(Keys, DigestsOfBinariesAreRememberedUntilTheFileChanges) {
  fs::create_directory(root_ / "cache");
  const auto cache = sys::OpenAt(AT_FDCWD, (root_ / "cache").string(), O_RDONLY | O_DIRECTORY);
  ASSERT_TRUE(cache);
  const fs::path binary = root_ / "binary";
  const auto digest = [&](const std::string& content) {
    std::ofstream(binary) << content;
    const auto fd = sys::OpenAt(AT_FDCWD, binary.string(), O_RDONLY);
    const auto digests = DigestBinaries({{"b", fd->get()}}, cache->get());
    EXPECT_TRUE(digests);
    EXPECT_EQ(DigestBinaries({{"b", fd->get()}}, cache->get())->at("b"), digests->at("b")) << "from the cache";
    return digests->at("b");
  };
  EXPECT_EQ(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace evidence
