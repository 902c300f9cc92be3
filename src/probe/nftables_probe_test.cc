// SPDX-License-Identifier: Apache-2.0
// host.nftables: the bytes of a reading, and of one that could not be taken.
#include "probe/nftables_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace probe {
namespace {

using ::testing::HasSubstr;

const event::CellRef kCell{.cell_id = "c1", .spec_id = "s1", .run_id = "r1"};
const NftablesTarget kTarget{.table = "cellos_job", .spec_signature_hash = "sha256:00"};

TEST(NftablesProbe, TellsEveryRuleWithItsCounters) {
  net::TableReading reading;
  reading.rules = {{"output", 7, 3, 180, "ip daddr 192.0.2.1 tcp dport 443 accept"}, {"output", 8, 1, 60, ""}};
  EXPECT_THAT(NftablesEvent(kCell, kTarget, reading, base::SystemClock()).data,
              HasSubstr(R"("output":{"rows":[{"bytes":180,"chain":"output","family":"inet","handle":7,"packets":3,)"
                        R"("ruleRepr":"ip daddr 192.0.2.1 tcp dport 443 accept","table":"cellos_job"},)"
                        R"({"bytes":60,"chain":"output","family":"inet","handle":8,"packets":1,"ruleRepr":"",)"
                        R"("table":"cellos_job"}]})"));
}

TEST(NftablesProbe, SaysWhatItCouldNotRead) {
  NftablesProbe probe(kCell, kTarget);
  const std::string data = probe.Sample(base::SystemClock()).data;
  EXPECT_THAT(data, HasSubstr(R"("output":{},"probeSource":"host.nftables")"));
  EXPECT_THAT(data, HasSubstr(R"("sampleError":"reading the rules of the cell: )"));
}

}  // namespace
}  // namespace probe
