// SPDX-License-Identifier: Apache-2.0
#include "sys/process_connector.h"

#include <gtest/gtest.h>

#include <string>

#include "base/encoding.h"

namespace sys {
namespace {

using Kind = ProcessEvent::Kind;

// As the kernel sends them: netlink and connector headers, then the event.
const std::string kHead = "4c0000000300000000000000000000000100000001000000";
base::Bytes Bytes(const std::string& sequence_to_flags, const std::string& event) {
  return *base::HexDecode(kHead + sequence_to_flags + event);
}
const std::string kNumbers =
    "07000000000000002800"
    "0000";
const std::string kFork =
    "01000000"
    "01000000"
    "1122334455667708"
    "3b1f0000"
    "3c1f0000"
    "671f0000"
    "681f0000"
    "0000000000000000";
const std::string kExec =
    "02000000"
    "00000000"
    "0000000000000000"
    "671f0000"
    "681f0000"
    "00000000000000000000000000000000";
const std::string kExit =
    "00000080"
    "03000000"
    "0000000000000000"
    "671f0000"
    "681f0000"
    "89000000"
    "11000000"
    "3b1f00003b1f0000";

TEST(ProcessEvent, ReadsWhatTheKernelSends) {
  const auto fork = ParseProcessEvent(Bytes(kNumbers, kFork));
  ASSERT_TRUE(fork.has_value());
  EXPECT_EQ(fork->kind, Kind::kFork);
  EXPECT_EQ(fork->sequence, 7u);
  EXPECT_EQ(fork->cpu, 1u);
  EXPECT_EQ(fork->at_ns, 0x0877665544332211u);
  EXPECT_EQ(fork->parent_process, 0x1f3c);
  EXPECT_EQ(fork->thread, 0x1f67);
  EXPECT_EQ(fork->process, 0x1f68);
  EXPECT_FALSE(fork->is_process_start());
  const auto exec = ParseProcessEvent(Bytes(kNumbers, kExec));
  EXPECT_EQ(exec->kind, Kind::kExec);
  EXPECT_EQ(exec->process, 0x1f68);
  const auto exit = ParseProcessEvent(Bytes(kNumbers, kExit));
  EXPECT_EQ(exit->kind, Kind::kExit);
  EXPECT_EQ(exit->thread, 0x1f67);
  EXPECT_EQ(exit->process, 0x1f68);
  EXPECT_EQ(exit->killed_by(), 9) << "the bit of a core dump is none of the signal";
}

TEST(ProcessEvent, OtherKindsHaveTheirNumbersOnly) {
  std::string comm = kFork;
  comm.replace(0, 8, "00020000");
  const auto event = ParseProcessEvent(Bytes(kNumbers, comm));
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->kind, Kind::kOther);
  EXPECT_EQ(event->sequence, 7u);
}

TEST(ProcessEvent, AnswerCountsWhereTheKernelNumbersIt) {
  std::string answer = kFork;
  answer.replace(0, 8, "00000000");
  EXPECT_EQ(ParseProcessEvent(Bytes(kNumbers, answer))->kind, Kind::kOther);
  answer.replace(8, 8, "ffffffff");
  EXPECT_FALSE(ParseProcessEvent(Bytes(kNumbers, answer)).has_value());
}

TEST(ProcessEvent, TornOrForeignDatagramsAreNone) {
  const base::Bytes whole = Bytes(kNumbers, kExit);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseProcessEvent({whole.data(), size}).has_value()) << size;
  }
  for (const std::size_t at : {16u, 20u}) {  // another connector
    base::Bytes other = whole;
    other[at] = 9;
    EXPECT_FALSE(ParseProcessEvent(other).has_value()) << at;
  }
  base::Bytes long_head = whole;
  long_head[0] = 0x4d;  // longer than what came
  EXPECT_FALSE(ParseProcessEvent(long_head).has_value());
  base::Bytes short_event = whole;
  short_event[32] = 24;  // an exit needs three numbers
  EXPECT_FALSE(ParseProcessEvent(short_event).has_value());
  base::Bytes beyond = whole;
  beyond[32] = 41;
  EXPECT_FALSE(ParseProcessEvent(beyond).has_value());
}

}  // namespace
}  // namespace sys
