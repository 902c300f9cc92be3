// SPDX-License-Identifier: Apache-2.0
#include "cli/read_document.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "spec/document.h"

namespace cli {
namespace {

constexpr std::chrono::milliseconds kShort{50};

class Document : public testing::Test {
 protected:
  Document() { top_ = ::mkdtemp(name_); }
  ~Document() override { std::filesystem::remove_all(top_); }
  char name_[32] = "/tmp/cellos-read-XXXXXX";
  std::string top_;
};

TEST_F(Document, UpToTheLimitIsReadWhole) {
  const auto path = top_ + "/d";
  std::ofstream(path) << std::string(spec::kMaxDocumentBytes, ' ');
  EXPECT_EQ(ReadDocument(path, kShort)->bytes.size(), spec::kMaxDocumentBytes);
  std::ofstream(path, std::ios::app) << "x";
  const auto document = ReadDocument(path, kShort);
  ASSERT_TRUE(document);
  EXPECT_TRUE(document->too_large);
  EXPECT_TRUE(document->bytes.empty());
}

TEST_F(Document, ThatIsNoRegularFileIsRefused) {
  std::ofstream(top_ + "/real") << "{}";
  std::filesystem::create_symlink("real", top_ + "/link");
  ASSERT_EQ(::mkfifo((top_ + "/fifo").c_str(), 0600), 0);
  for (const auto& path : {top_ + "/link", top_ + "/fifo", top_, std::string("/dev/zero"), std::string("/dev/null")}) {
    const auto document = ReadDocument(path, kShort);
    ASSERT_FALSE(document) << path;
    EXPECT_EQ(document.error().kind, base::ErrorKind::kInvalid) << path;
  }
  EXPECT_EQ(ReadDocument(top_ + "/none", kShort).error().kind, base::ErrorKind::kNotFound);
}

class StandardInput : public testing::Test {
 protected:
  StandardInput() : saved_(::dup(STDIN_FILENO)) {}
  ~StandardInput() override {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }
  int saved_;
};

TEST_F(StandardInput, ThatNeverEndsIsCutAtTheLimit) {
  const int zero = ::open("/dev/zero", O_RDONLY);
  ::dup2(zero, STDIN_FILENO);
  ::close(zero);
  const auto document = ReadDocument("-", std::chrono::seconds(30));
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_TRUE(document->too_large);
}

TEST_F(StandardInput, ThatSaysNothingEndsAtTheDeadline) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::dup2(ends[0], STDIN_FILENO);
  const auto document = ReadDocument("-", kShort);
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().kind, base::ErrorKind::kDeadline);
  ASSERT_EQ(::write(ends[1], "{}", 2), 2);
  ::close(ends[1]);
  EXPECT_EQ(ReadDocument("-", std::chrono::seconds(5))->bytes, "{}");
  ::close(ends[0]);
}

}  // namespace
}  // namespace cli
