// SPDX-License-Identifier: Apache-2.0
#include "cell/secret_traces.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace cell {
namespace {

TEST(SecretTraces, AValueInANameIsReplacedInEveryForm) {  // SE-04
  SecretTraces traces;
  traces.Add("S3cret-Canary_Value");
  EXPECT_EQ(traces.Mask("s3cret-canary_value.evil.test"), "[redacted].evil.test");
  EXPECT_EQ(traces.Mask("x-S3CRET-canary_value-y.evil.test"), "x-[redacted]-y.evil.test");
  EXPECT_EQ(traces.Mask("5333637265742d43616e6172795f56616c7565.evil.test"), "[redacted].evil.test");
  EXPECT_EQ(traces.Mask("s3cret-.canary_value.evil.test"), "[redacted].evil.test") << "cut into labels";
  for (const std::string_view before : {"", "u:", "user:", "abcd"}) {
    const std::string text = std::string(before) + "S3cret-Canary_Value:after";
    for (const auto alphabet : {base::Base64::kStandard, base::Base64::kUrl}) {
      const std::string masked = traces.Mask(base::Base64Encode(base::AsBytes(text), alphabet));
      EXPECT_TRUE(masked.contains("[redacted]")) << before << " " << masked;
    }
  }
}

TEST(SecretTraces, Base32OfAValueIsFound) {
  SecretTraces traces;
  traces.Add("foobar");  // RFC 4648 section 10: MZXW6YTBOI======
  EXPECT_TRUE(traces.Mask("mzxw6ytboi.evil.test").starts_with("[redacted]"));
}

TEST(SecretTraces, OtherNamesStayAsTheyAre) {
  SecretTraces traces;
  EXPECT_EQ(traces.Mask("anything.example"), "anything.example");
  traces.Add("S3cret-Canary_Value");
  traces.Add("short");
  for (const std::string_view name : {"short.example", "s3cret-canary_val.example", "", "a", "packages.example"}) {
    EXPECT_EQ(traces.Mask(name), name);
  }
}

}  // namespace
}  // namespace cell
