// SPDX-License-Identifier: Apache-2.0
#include "cli/values.h"

#include <gtest/gtest.h>

namespace cli {
namespace {

using std::chrono::milliseconds;

TEST(Values, SizesHaveBinaryUnits) {
  EXPECT_EQ(ParseBytes("512").value(), 512u);
  EXPECT_EQ(ParseBytes("1K").value(), 1024u);
  EXPECT_EQ(ParseBytes("512M").value(), 512u << 20);
  EXPECT_EQ(ParseBytes("1.5G").value(), 3ull << 29);
  EXPECT_EQ(ParseBytes("2TiB").value(), 2ull << 40);
  EXPECT_EQ(ParseBytes("18446744073709551615").value(), ~0ull);
  for (const auto* bad : {"", "0", "K", "-1", "+1", "1k", "1 M", "1.M", ".5M", "1e3", "0x10", "18446744073709551616",
                          "99999999T", "1.0000000001G", "0.3", "1MM", "99999999999999999999999999999999999999999"}) {
    EXPECT_FALSE(ParseBytes(bad)) << bad;
  }
}

TEST(Values, TimesHaveUnitsAndSecondsByDefault) {
  EXPECT_EQ(ParseTime("90").value(), milliseconds(90'000));
  EXPECT_EQ(ParseTime("500ms").value(), milliseconds(500));
  EXPECT_EQ(ParseTime("1.5s").value(), milliseconds(1500));
  EXPECT_EQ(ParseTime("15m").value(), milliseconds(900'000));
  EXPECT_EQ(ParseTime("30d").value(), milliseconds(2'592'000'000));
  for (const auto* bad : {"", "0", "0s", "-1s", "1y", "s", "1.0001s", "100000000d", "1h30m"}) EXPECT_FALSE(ParseTime(bad)) << bad;
  EXPECT_EQ(ParseWholeSeconds("2m").value(), std::chrono::seconds(120));
  EXPECT_FALSE(ParseWholeSeconds("500ms"));
}

TEST(Values, ProcessorsBecomeAQuotaOfAHundredMilliseconds) {
  EXPECT_EQ(ParseCpuQuota("2").value(), 200'000u);
  EXPECT_EQ(ParseCpuQuota("0.5").value(), 50'000u);
  EXPECT_EQ(ParseCpuQuota("0.01").value(), 1'000u);
  for (const auto* bad : {"", "0", "0.001", "2c", "-1", "1,5"}) EXPECT_FALSE(ParseCpuQuota(bad)) << bad;
}

TEST(Values, ErrorsNameWhatWasFoundAndWhatIsAllowed) {
  const auto error = ParseBytes("lots\x1b").error();
  EXPECT_EQ(error.message, "\"lots\\x1b\" is not allowed here; allowed is a size like 1048576, 512M or 1.5G, at least 1");
}

}  // namespace
}  // namespace cli
