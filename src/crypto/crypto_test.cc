// SPDX-License-Identifier: Apache-2.0
// Digests, signatures, random ids and key files, against vectors of others where there are any.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include "base/unique_fd.h"
#include "crypto/ed25519.h"
#include "crypto/key_file.h"
#include "crypto/p256.h"
#include "crypto/random.h"
#include "crypto/sha256.h"
#include "crypto/spki.h"
#include "crypto/vkey.h"

namespace crypto {
namespace {

// Member `name` of a one-line record whose strings have no escapes.
std::string Field(const std::string& line, const std::string& name) {
  const std::string key = "\"" + name + "\":\"";
  const std::size_t at = line.find(key);
  if (at == std::string::npos) return {};
  const std::size_t start = at + key.size();
  return line.substr(start, line.find('"', start) - start);
}

base::Bytes FromHex(const std::string& hex) { return base::HexDecode(hex).value(); }

TEST(Sha256, MatchesFips180Examples) {
  EXPECT_EQ(Hex(Sha256Of(std::string_view(""))), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(PrefixedHex(Sha256Of(std::string_view("abc"))),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256().Update(std::string_view("a")).Update(std::string_view("bc")).Finish(),
            Sha256Of(std::string_view("abc")));
}

TEST(HmacSha256, MatchesRfc4231) {
  const base::Bytes short_key(20, 0x0b);
  EXPECT_EQ(Hex(HmacSha256(short_key, base::AsBytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  const base::Bytes long_key(131, 0xaa);
  EXPECT_EQ(Hex(HmacSha256(long_key, base::AsBytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(ConstantTimeEqual, ComparesSizesAndBytes) {
  EXPECT_TRUE(ConstantTimeEqual(base::AsBytes("abc"), base::AsBytes("abc")));
  EXPECT_FALSE(ConstantTimeEqual(base::AsBytes("abc"), base::AsBytes("abd")));
  EXPECT_FALSE(ConstantTimeEqual(base::AsBytes("abc"), base::AsBytes("ab")));
}

TEST(Ed25519, JudgesEveryStrictVector) {
  std::ifstream file(CELLOS_SOURCE_DIR "/tests/vectors/data/evidence/ed25519_strict.jsonl");
  ASSERT_TRUE(file) << "the vectors are missing";
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const base::Bytes pub = FromHex(Field(line, "pub_hex"));
    const bool accept = line.find("\"accept\":true") != std::string::npos;
    const auto key = CheckedPublicKey(pub);
    const bool got = key && VerifyEd25519(*key, FromHex(Field(line, "msg_hex")), FromHex(Field(line, "sig_hex")));
    EXPECT_EQ(got, accept) << line;
    if (pub.size() == 32) {
      PublicKey raw;
      std::copy(pub.begin(), pub.end(), raw.begin());
      EXPECT_EQ(VerifyEd25519(raw, FromHex(Field(line, "msg_hex")), FromHex(Field(line, "sig_hex"))), accept)
          << "without CheckedPublicKey: " << line;
    }
  }
  EXPECT_GE(count, 91);
}

TEST(SigningKey, SignsAsRfc8032Does) {
  auto key = SigningKey::FromSeed(FromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  ASSERT_TRUE(key);
  EXPECT_EQ(base::HexEncode(key->public_key()), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  const Signature signature = key->Sign(std::string_view(""));
  EXPECT_EQ(base::HexEncode(signature),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b");
  EXPECT_FALSE(SigningKey::FromSeed(base::AsBytes("short")));
}

TEST(SigningKey, IsWipedInAChild) {
  auto key = SigningKey::Generate();
  ASSERT_TRUE(key);
  const Signature before = key->Sign(std::string_view("x"));
  const pid_t child = fork();
  if (child == 0) _exit(key->Sign(std::string_view("x")) == before ? 1 : 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "a child of fork could sign";
  EXPECT_EQ(key->Sign(std::string_view("x")), before);
}

TEST(NewUuid, IsVersion4AndNeverShared) {
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    const std::string id = NewUuid();
    ASSERT_EQ(id.size(), 36u);
    EXPECT_EQ(id[14], '4');
    EXPECT_NE(std::string_view("89ab").find(id[19]), std::string_view::npos);
    EXPECT_TRUE(seen.insert(id).second);
  }
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string id = NewUuid();
    _exit(write(pipes[1], id.data(), id.size()) == 36 ? 0 : 1);
  }
  char text[36];
  ASSERT_EQ(read(pipes[0], text, 36), 36);
  waitpid(child, nullptr, 0);
  EXPECT_NE(std::string(text, 36), NewUuid()) << "parent and child drew the same id";
  close(pipes[0]);
  close(pipes[1]);
}

TEST(P256, SignsWhatItVerifiesAndRefusesLooseDer) {
  auto key = P256SigningKey::Generate();
  ASSERT_TRUE(key);
  const auto signature = key->Sign(base::AsBytes("text"));
  ASSERT_TRUE(signature);
  EXPECT_TRUE(VerifyP256(key->spki(), base::AsBytes("text"), *signature));
  EXPECT_FALSE(VerifyP256(key->spki(), base::AsBytes("texu"), *signature));
  base::Bytes trailing = *signature;
  trailing.push_back(0);
  EXPECT_FALSE(VerifyP256(key->spki(), base::AsBytes("text"), trailing));
  EXPECT_FALSE(VerifyP256(key->spki(), base::AsBytes("text"), {}));
  base::Bytes off_curve = key->spki();
  off_curve[60] ^= 1;
  EXPECT_FALSE(IsP256Spki(off_curve));
  base::Bytes longer = key->spki();
  longer.push_back(0);
  EXPECT_FALSE(IsP256Spki(longer));
}

TEST(Vkey, RoundTripsAndRefusesEveryOtherForm) {
  const std::string text = "ci.example.org/cellos+1ca9cdc8+ATaQ8dI1KIkU6IhFvqVAe1UPtzlMSZiLtZma3zlkRZz1";
  const auto key = ParseVkey(text);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->ToString(), text);
  for (const char* bad : {"", "a", "a+b", "+1ca9cdc8+ATaQ8dI1KIkU6IhFvqVAe1UPtzlMSZiLtZma3zlkRZz1",
                          "ci.example.org/cellos+1CA9CDC8+ATaQ8dI1KIkU6IhFvqVAe1UPtzlMSZiLtZma3zlkRZz1",
                          "ci.example.org/cellos+1ca9cdc9+ATaQ8dI1KIkU6IhFvqVAe1UPtzlMSZiLtZma3zlkRZz1",
                          "ci.example.org/cellos+1ca9cdc8+ATaQ8dI1KIkU6IhFvqVAe1UPtzlMSZiLtZma3zlkRZz1 ",
                          "ci.example.org/cellos+1ca9cdc8+ATaQ8dI1KIkU6IhFvqVAe1UPtzlMSZiLtZma3zlkRZz",
                          "ci.example.org/other+1ca9cdc8+ATaQ8dI1KIkU6IhFvqVAe1UPtzlMSZiLtZma3zlkRZz1"}) {
    EXPECT_FALSE(ParseVkey(bad)) << bad;
  }
  for (const char* bad : {"", "a b", "a+b", "a\xc2\xa0",
                          "a\xe3\x80\x80"
                          "b",
                          "a\n", "\xff"})
    EXPECT_FALSE(IsNoteKeyName(bad));
  for (const char* good : {"x", "a/b?c", "\xe6\x97\xa5", "bom\xef\xbb\xbf"}) EXPECT_TRUE(IsNoteKeyName(good));
}

class KeyFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(path_), nullptr);
    directory_ = base::UniqueFd(open(path_, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(directory_);
  }
  void TearDown() override { ASSERT_EQ(std::system(("rm -rf " + std::string(path_)).c_str()), 0); }
  std::string Path(const std::string& name) const { return std::string(path_) + "/" + name; }

  char path_[32] = "/tmp/cellos-keyfile-XXXXXX";
  base::UniqueFd directory_;
};

TEST_F(KeyFiles, ComeBackAsTheyWere) {
  auto key = SigningKey::Generate();
  auto p256 = P256SigningKey::Generate();
  ASSERT_TRUE(key && p256);
  ASSERT_TRUE(KeyFile::StoreEd25519(directory_.get(), "ed.pem", *key));
  ASSERT_TRUE(KeyFile::StoreP256(directory_.get(), "p256.pem", *p256));
  auto loaded = KeyFile::LoadEd25519(directory_.get(), "ed.pem");
  auto loaded_p256 = KeyFile::LoadP256(directory_.get(), "p256.pem");
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_TRUE(loaded_p256) << loaded_p256.error().message;
  EXPECT_EQ(loaded->public_key(), key->public_key());
  EXPECT_EQ(loaded->Sign(std::string_view("x")), key->Sign(std::string_view("x")));
  EXPECT_EQ(loaded_p256->spki(), p256->spki());
  struct stat status;
  ASSERT_EQ(stat(Path("ed.pem").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(KeyFiles, AreReadByOtherTools) {
  auto key = SigningKey::Generate();
  ASSERT_TRUE(key && KeyFile::StoreEd25519(directory_.get(), "ed.pem", *key));
  if (std::system("command -v openssl >/dev/null") != 0) GTEST_SKIP() << "no openssl command to compare with";
  ASSERT_EQ(std::system(("openssl pkey -in " + Path("ed.pem") + " -pubout -out " + Path("pub.pem")).c_str()), 0);
  std::ifstream file(Path("pub.pem"));
  const std::string pem((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(pem, ToPem(SpkiOf(key->public_key())));
  EXPECT_TRUE(ParseSpkiPem(pem));
}

TEST_F(KeyFiles, AreNeverOverwritten) {
  auto key = SigningKey::Generate();
  ASSERT_TRUE(key && KeyFile::StoreEd25519(directory_.get(), "ed.pem", *key));
  const auto again = KeyFile::StoreEd25519(directory_.get(), "ed.pem", *key);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, base::ErrorKind::kExists);
}

TEST_F(KeyFiles, ThatOthersMayReachAreRefused) {
  auto key = SigningKey::Generate();
  ASSERT_TRUE(key && KeyFile::StoreEd25519(directory_.get(), "ed.pem", *key));
  for (const mode_t mode : {0640, 0604, 0620, 0602, 0610}) {
    ASSERT_EQ(chmod(Path("ed.pem").c_str(), mode), 0);
    const auto loaded = KeyFile::LoadEd25519(directory_.get(), "ed.pem");
    ASSERT_FALSE(loaded) << std::oct << mode;
    EXPECT_EQ(loaded.error().kind, base::ErrorKind::kDenied);
  }
}

TEST_F(KeyFiles, OfAnotherOwnerAreRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  auto key = SigningKey::Generate();
  ASSERT_TRUE(key && KeyFile::StoreEd25519(directory_.get(), "ed.pem", *key));
  ASSERT_EQ(chown(Path("ed.pem").c_str(), 12345, 12345), 0);
  const auto loaded = KeyFile::LoadEd25519(directory_.get(), "ed.pem");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, base::ErrorKind::kDenied);
}

TEST_F(KeyFiles, ThatAreLinksPipesOrTooLongAreRefused) {
  auto key = SigningKey::Generate();
  ASSERT_TRUE(key && KeyFile::StoreEd25519(directory_.get(), "ed.pem", *key));
  ASSERT_EQ(symlink("ed.pem", Path("link").c_str()), 0);
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  std::ofstream(Path("long")) << std::string(5000, 'a');
  ASSERT_EQ(chmod(Path("long").c_str(), 0600), 0);
  for (const char* name : {"link", "pipe", "long", "absent"}) {
    EXPECT_FALSE(KeyFile::LoadEd25519(directory_.get(), name)) << name;
  }
}

}  // namespace
}  // namespace crypto
