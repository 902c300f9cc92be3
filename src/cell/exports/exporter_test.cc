// SPDX-License-Identifier: Apache-2.0
#include "cell/exports/exporter.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "crypto/sha256.h"

namespace cell {
namespace {

namespace fs = std::filesystem;

class Exports : public testing::Test {
 protected:
  Exports() {
    top_ = ::mkdtemp(name_);
    fs::create_directories(top_ + "/root/workspace");
    fs::create_directory(top_ + "/run");
    root_ = base::UniqueFd(::open((top_ + "/root").c_str(), O_PATH | O_DIRECTORY));
    run_ = base::UniqueFd(::open((top_ + "/run").c_str(), O_RDONLY | O_DIRECTORY));
  }
  ~Exports() override { fs::remove_all(top_); }

  Exporter::Options Options() const {
    return {.cell_root = root_.get(), .host_uid = ::geteuid(), .host_gid = ::getegid(), .run_directory = run_.get(),
            .run_path = top_ + "/run", .scratch_directory = run_.get(), .cell_id = "c"};
  }
  std::string Inside(const std::string& path) const { return top_ + "/root" + path; }
  void Write(const std::string& path, std::string_view text) const { std::ofstream(Inside(path)) << text; }
  base::Result<ExportReceipt> Export(const std::string& path, const std::string& name = "out") const {
    return Exporter(Options()).Export({.name = name, .path = path});
  }
  bool NothingExported() const { return !fs::exists(top_ + "/run/exports") || fs::is_empty(top_ + "/run/exports"); }

  char name_[32] = "/tmp/cellos-export-XXXXXX";
  std::string top_;
  base::UniqueFd root_, run_;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(Exports, DigestIsOfTheDeliveredBytes) {
  const std::string text = "one\n" + std::string(700'000, 'x');
  Write("/workspace/a", text);
  const auto receipt = Export("/workspace/a", "junit.xml");
  ASSERT_TRUE(receipt) << receipt.error().message;
  EXPECT_EQ(receipt->destination, "c/junit.xml");
  EXPECT_EQ(receipt->bytes, text.size());
  EXPECT_EQ(receipt->sha256, crypto::Hex(crypto::Sha256Of(text)));
  EXPECT_EQ(ReadFile(receipt->path), text);
  EXPECT_FALSE(receipt->changed_while_read);
}

TEST_F(Exports, ModeNeverCarriesSetIdBits) {
  Write("/workspace/a", "x");
  ASSERT_EQ(::chmod(Inside("/workspace/a").c_str(), 06755), 0);
  const auto receipt = Export("/workspace/a");
  struct stat status = {};
  ASSERT_EQ(::stat(receipt->path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(Exports, LinksAndWaysOutAreRefused) {
  std::ofstream(top_ + "/secret") << "host";
  fs::create_symlink("/etc/passwd", Inside("/workspace/absolute"));
  fs::create_symlink("../../secret", Inside("/workspace/relative"));
  fs::create_directory_symlink("/etc", Inside("/workspace/directory"));
  Write("/workspace/file", "x");
  fs::create_symlink("file", Inside("/workspace/harmless"));
  for (const auto* path : {"/workspace/absolute", "/workspace/relative", "/workspace/directory/passwd", "/../secret",
                           "/workspace/../../secret", "/workspace/harmless", "workspace/file", "", "/", "//"}) {
    EXPECT_FALSE(Export(path)) << path;
  }
  EXPECT_TRUE(NothingExported());
  EXPECT_TRUE(Export("//workspace/./file"));
}

TEST_F(Exports, OnlyRegularFilesAndNeverBlocking) {
  ASSERT_EQ(::mkfifo(Inside("/workspace/fifo").c_str(), 0666), 0);
  sockaddr_un address = {.sun_family = AF_UNIX};
  Inside("/workspace/socket").copy(address.sun_path, sizeof address.sun_path - 1);
  const base::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  for (const auto* path : {"/workspace/fifo", "/workspace/socket", "/workspace"}) EXPECT_FALSE(Export(path)) << path;
  if (::geteuid() == 0) {
    ASSERT_EQ(::mknod(Inside("/workspace/zero").c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
    EXPECT_FALSE(Export("/workspace/zero"));
  }
  EXPECT_TRUE(NothingExported());
}

TEST_F(Exports, AHoleLargerThanTheLimitIsRefusedByName) {
  Write("/workspace/a", "");
  ASSERT_EQ(::truncate(Inside("/workspace/a").c_str(), 4ll << 40), 0);
  const auto receipt = Export("/workspace/a");
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().kind, base::ErrorKind::kLimit);
  EXPECT_NE(receipt.error().message.find(std::to_string(kMaxExportBytes)), std::string::npos);
  EXPECT_TRUE(NothingExported());
}

TEST_F(Exports, HolesTakeNoSpaceOnTheHost) {
  Write("/workspace/a", "");
  ASSERT_EQ(::truncate(Inside("/workspace/a").c_str(), 64 << 20), 0);
  const auto receipt = Export("/workspace/a");
  ASSERT_TRUE(receipt) << receipt.error().message;
  struct stat status = {};
  ASSERT_EQ(::stat(receipt->path.c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 64 << 20);
  EXPECT_LT(status.st_blocks * 512, 1 << 20);
}

TEST_F(Exports, NeverWritesOver) {
  Write("/workspace/a", "first");
  ASSERT_TRUE(Export("/workspace/a"));
  Write("/workspace/a", "second");
  EXPECT_FALSE(Export("/workspace/a"));
  EXPECT_EQ(ReadFile(top_ + "/run/exports/out"), "first");
  fs::create_symlink(top_ + "/planted", top_ + "/run/exports/link");
  EXPECT_FALSE(Export("/workspace/a", "link"));
  EXPECT_FALSE(fs::exists(top_ + "/planted"));
}

TEST_F(Exports, NamesThatLeaveTheDirectoryAreRefused) {
  Write("/workspace/a", "x");
  for (const auto& name : {std::string(), std::string("."), std::string(".."), std::string("a..b"), std::string("a/b"),
                           std::string("a\\b"), std::string("~a"), std::string("a\nb"), std::string("a\x1b[2J"),
                           std::string(256, 'x'), std::string("a\0b", 3)}) {
    EXPECT_FALSE(Export("/workspace/a", name)) << name;
  }
}

TEST_F(Exports, WhatTheCellMayNotReadIsNotExported) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to read as another user";
  Write("/workspace/own", "x");
  Write("/workspace/foreign", "secret");
  Write("/workspace/group", "secret");
  ASSERT_EQ(::chown(Inside("/workspace/own").c_str(), 70001, 70001), 0);
  ASSERT_EQ(::chmod(Inside("/workspace/foreign").c_str(), 0600), 0);
  ASSERT_EQ(::chmod(Inside("/workspace/group").c_str(), 0640), 0);
  ASSERT_EQ(::chmod(top_.c_str(), 0755), 0);
  auto options = Options();
  options.host_uid = options.host_gid = 70001;
  Exporter exporter(options);
  EXPECT_TRUE(exporter.Export({.name = "own", .path = "/workspace/own"}));
  EXPECT_FALSE(exporter.Export({.name = "foreign", .path = "/workspace/foreign"}));
  EXPECT_FALSE(exporter.Export({.name = "group", .path = "/workspace/group"}));
  EXPECT_EQ(::access("/etc/shadow", R_OK), 0) << "the borrowed identity was not given back";
}

TEST_F(Exports, ViewsOfTheKernelAreNotExported) {
  const base::UniqueFd host_root(::open("/", O_PATH | O_DIRECTORY));
  auto options = Options();
  options.cell_root = host_root.get();
  const auto receipt = Exporter(options).Export({.name = "out", .path = "/proc/version"});
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().kind, base::ErrorKind::kDenied);
}

TEST_F(Exports, GoToTheExportDirectoryAsWell) {
  Write("/workspace/a", "x");
  auto options = Options();
  options.export_dir = top_ + "/outside";
  Exporter exporter(options);
  const auto receipt = exporter.Export({.name = "out", .path = "/workspace/a"});
  ASSERT_TRUE(receipt) << receipt.error().message;
  EXPECT_EQ(receipt->path, top_ + "/outside/c/out");
  EXPECT_EQ(ReadFile(receipt->path), "x");
  EXPECT_EQ(ReadFile(top_ + "/run/exports/out"), "x");
}

TEST_F(Exports, ThatFailOutsideAreNotInTheRunEither) {
  Write("/workspace/a", "x");
  fs::create_directories(top_ + "/outside/c");
  std::ofstream(top_ + "/outside/c/out") << "there already";
  auto options = Options();
  options.export_dir = top_ + "/outside";
  Exporter exporter(options);
  EXPECT_FALSE(exporter.Export({.name = "out", .path = "/workspace/a"}));
  EXPECT_TRUE(NothingExported());
  EXPECT_EQ(ReadFile(top_ + "/outside/c/out"), "there already");
}

TEST_F(Exports, APathEndsNowhereButAtItsEnd) {
  Write("/workspace/a", "x");
  EXPECT_FALSE(Export(std::string("/workspace/a\0b", 14)));
  EXPECT_TRUE(Export("/workspace/a"));
}

TEST_F(Exports, GoThroughNoLinkThatStandsForTheirDirectory) {
  Write("/workspace/a", "x");
  fs::create_directory(top_ + "/elsewhere");
  fs::create_directory_symlink(top_ + "/elsewhere", top_ + "/run/exports");
  EXPECT_FALSE(Export("/workspace/a"));
  fs::remove(top_ + "/run/exports");
  auto options = Options();
  options.export_dir = top_ + "/outside";
  fs::create_directory(options.export_dir);
  fs::create_directory_symlink(top_ + "/elsewhere", options.export_dir + "/c");
  EXPECT_FALSE(Exporter(options).Export({.name = "out", .path = "/workspace/a"}));
  EXPECT_TRUE(fs::is_empty(top_ + "/elsewhere"));
}

// fstat(2) of a pipe says 0 bytes, as that of a file which grows afterwards says too few.
TEST_F(Exports, WhatGrowsBeyondTheLimitWhileItIsReadIsRefused) {
  fs::create_directory(top_ + "/run/exports");
  const base::UniqueFd exports(::open((top_ + "/run/exports").c_str(), O_RDONLY | O_DIRECTORY));
  LocalSink sink(exports.get(), top_ + "/run/exports", "c", run_.get());
  for (const std::uint64_t limit : {9u, 10u}) {
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    const base::UniqueFd source(pipe[0]);
    ASSERT_EQ(::write(pipe[1], "ten bytes!", 10), 10);
    ::close(pipe[1]);
    const auto receipt = sink.Push("out", source.get(), {.max_bytes = limit});
    EXPECT_EQ(receipt.has_value(), limit == 10) << limit;
    EXPECT_EQ(fs::is_empty(top_ + "/run/exports"), limit != 10);
    if (receipt) {
      EXPECT_TRUE(receipt->changed_while_read);
    }
  }
}

TEST_F(Exports, NoGroupOfTheSupervisorsOpensWhatTheCellMayNotRead) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to have a group that the cell has not";
  Write("/workspace/group", "secret");
  ASSERT_EQ(::chown(Inside("/workspace/group").c_str(), 70002, 70003), 0);
  ASSERT_EQ(::chmod(Inside("/workspace/group").c_str(), 0640), 0);
  ASSERT_EQ(::chmod(top_.c_str(), 0755), 0);
  std::vector<gid_t> groups(static_cast<std::size_t>(::getgroups(0, nullptr)));
  ASSERT_GE(::getgroups(static_cast<int>(groups.size()), groups.data()), 0);
  const gid_t more = 70003;
  ASSERT_EQ(::setgroups(1, &more), 0);
  auto options = Options();
  options.host_uid = options.host_gid = 70001;
  const auto receipt = Exporter(options).Export({.name = "out", .path = "/workspace/group"});
  ASSERT_EQ(::setgroups(groups.size(), groups.data()), 0);
  EXPECT_FALSE(receipt);
  EXPECT_TRUE(NothingExported());
}

TEST_F(Exports, TargetsThatDoNotExistAreRefused) {
  Write("/workspace/a", "x");
  EXPECT_FALSE(Exporter(Options()).Export({.name = "out", .path = "/workspace/a", .target = "bucket"}));
}

TEST_F(Exports, EndAtTheDeadline) {
  Write("/workspace/a", "x");
  auto options = Options();
  options.deadline = base::BootTime(1);
  const auto receipt = Exporter(options).Export({.name = "out", .path = "/workspace/a"});
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().kind, base::ErrorKind::kDeadline);
  EXPECT_TRUE(NothingExported());
}

TEST_F(Exports, WhileTheWorkloadSwapsNamesNeverLeaveTheCell) {
  std::ofstream(top_ + "/secret") << "host";
  fs::create_directory(Inside("/workspace/d"));
  Write("/workspace/d/a", "cell");
  fs::create_directory_symlink("../..", Inside("/workspace/e"));
  std::ofstream(top_ + "/a") << "host";
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    while (!stop) {
      ::renameat2(AT_FDCWD, Inside("/workspace/d").c_str(), AT_FDCWD, Inside("/workspace/e").c_str(), RENAME_EXCHANGE);
    }
  });
  int inside = 0, refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto file = OpenArtefact(root_.get(), "/workspace/d/a", ::geteuid(), ::getegid());
    if (!file) {
      ++refused;
      continue;
    }
    char text[8] = {};
    ASSERT_EQ(::read(file->get(), text, sizeof text), 4);
    ASSERT_STREQ(text, "cell");
    ++inside;
  }
  stop = true;
  swapper.join();
  EXPECT_GT(inside, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(Exports, OfAFileThatGrowsIsWhatTheReceiptSays) {
  Write("/workspace/a", std::string(1 << 20, 'x'));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    std::ofstream file(Inside("/workspace/a"), std::ios::app);
    for (int i = 0; i < 50'000 && !stop; ++i) file << "more" << std::flush;
  });
  const auto receipt = Export("/workspace/a");
  stop = true;
  writer.join();
  ASSERT_TRUE(receipt) << receipt.error().message;
  const auto delivered = ReadFile(receipt->path);
  EXPECT_EQ(delivered.size(), receipt->bytes);
  EXPECT_EQ(crypto::Hex(crypto::Sha256Of(delivered)), receipt->sha256);
}

}  // namespace
}  // namespace cell
