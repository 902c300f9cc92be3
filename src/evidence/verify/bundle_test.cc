// SPDX-License-Identifier: Apache-2.0
// Bundles: a ustar archive of a run is judged like its directory; anything but a plain archive is invalid.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "evidence/run_fixture.h"

namespace evidence {
namespace {

class Bundle : public RunFixture {
 protected:
  std::string bundle() const { return (root_ / "bundle.tar").string(); }
  // tar of the run's directory with further arguments.
  void Pack(const std::string& arguments) {
    const std::string command = "tar -C " + (root_ / "runs").string() + " -cf " + bundle() + " " + arguments;
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  Verdict Judge() const { return VerifyRun(bundle(), OwnKeys()).verdict; }
};

TEST_F(Bundle, IsVerifiedLikeTheDirectory) {
  WholeRun();
  Pack("--format=ustar run-fixture");
  EXPECT_EQ(Judge(), Verdict::kVerified) << VerifyRun(bundle(), OwnKeys()).ToText();
}

TEST_F(Bundle, OfAnotherFormatOrWithExtendedHeadersIsInvalid) {
  WholeRun();
  Pack("--format=gnu run-fixture");
  EXPECT_EQ(Judge(), Verdict::kInvalid);
  Pack("--format=pax --pax-option=x:=1 run-fixture");
  EXPECT_EQ(Judge(), Verdict::kInvalid);
}

TEST_F(Bundle, WithALinkIsInvalid) {
  WholeRun();
  std::filesystem::rename(File("plan.json"), root_ / "plan");
  std::filesystem::create_symlink(root_ / "plan", File("plan.json"));
  Pack("--format=ustar run-fixture");
  EXPECT_EQ(Judge(), Verdict::kInvalid);
}

TEST_F(Bundle, WithASecondEntryOrAForeignFileIsInvalid) {
  WholeRun();
  Pack("--format=ustar run-fixture run-fixture/plan.json");
  EXPECT_EQ(Judge(), Verdict::kInvalid);
  WriteText(File("notes.txt"), "x");
  Pack("--format=ustar run-fixture");
  EXPECT_EQ(Judge(), Verdict::kInvalid);
}

TEST_F(Bundle, WithAnotherTopDirectoryIsInvalid) {
  WholeRun();
  Pack("--format=ustar --transform=s/run-fixture/other/ run-fixture");
  EXPECT_EQ(Judge(), Verdict::kInvalid);
  std::filesystem::create_directories(root_ / "runs" / "second");
  Pack("--format=ustar run-fixture second");
  EXPECT_EQ(Judge(), Verdict::kInvalid);
}

TEST_F(Bundle, CutOrChangedAnywhereIsNeverVerified) {
  WholeRun();
  Pack("--format=ustar run-fixture");
  const std::string good = ReadText(bundle());
  for (std::size_t size = 0; size < good.size(); size += 509) {
    WriteText(bundle(), good.substr(0, size));
    const Verdict verdict = Judge();
    // What is cut off may be zeros behind the end.
    const bool only_padding = good.find_first_not_of('\0', size) == std::string::npos;
    EXPECT_TRUE(verdict == Verdict::kInvalid || only_padding) << size;
  }
  for (std::size_t i = 0; i < good.size(); i += 257) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    WriteText(bundle(), bad);
    EXPECT_NE(Judge(), Verdict::kVerified) << i;
  }
}

TEST_F(Bundle, ThatIsNoArchiveIsInvalid) {
  WholeRun();
  WriteText(bundle(), "hello");
  EXPECT_EQ(Judge(), Verdict::kInvalid);
  WriteText(bundle(), "");
  EXPECT_EQ(Judge(), Verdict::kInvalid);
  EXPECT_EQ(VerifyRun("/dev/null", OwnKeys()).verdict, Verdict::kUsage);
}

}  // namespace
}  // namespace evidence
