// SPDX-License-Identifier: Apache-2.0
#include "wire/telemetry_frame_strict.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "wire/telemetry_body_fixture.h"

namespace wire {
namespace {

using namespace body_fixture;  // NOLINT: the spelling of bodies

struct Strict {
  StrictError error;
  StrictFrame frame;
  std::string text;  // of error.text, or the comm
};
Strict DecodeBytes(const std::string& bytes) {
  Strict strict;
  const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
  strict.error = DecodeStrictFrame({exact.data(), exact.size()}, &strict.frame);
  const Bytes text = strict.error.fault == StrictFault::kNone ? strict.frame.comm : strict.error.text;
  strict.text.assign(reinterpret_cast<const char*>(text.data), text.size);
  return strict;
}
Strict Decode(const std::string& body) { return DecodeBytes(Framed(body)); }
StrictFault Judge(const std::string& body) { return Decode(body).error.fault; }

TEST(StrictFrame, OfEveryPublishedSourceIsReadBack) {
  for (unsigned i = 0; i < kPublishedProbeSources; ++i) {
    std::uint8_t out[kMaxEmittedFrame];
    TelemetryFrame frame;
    frame.source = static_cast<ProbeSource>(i);
    frame.guest_pid = 70000;
    frame.guest_monotonic_ns = 5;
    SanitizeComm("sh", 2, &frame);
    const std::size_t size = EncodeTelemetryFrame(frame, out, sizeof out);
    const Strict strict = DecodeBytes({reinterpret_cast<const char*>(out), size});
    ASSERT_EQ(strict.error.fault, StrictFault::kNone);
    EXPECT_EQ(strict.frame.source, frame.source);
    EXPECT_EQ(strict.frame.guest_pid, 70000u);
    EXPECT_EQ(strict.frame.guest_monotonic_ns, 5u);
    EXPECT_EQ(strict.text, "sh");
  }
}

TEST(StrictFrame, SourcesOfOursAreUnknown) {
  const Strict strict = Decode(With(1, Text("agent.heartbeat")));
  EXPECT_EQ(strict.error.fault, StrictFault::kUnknownProbeSource);
  EXPECT_EQ(strict.text, "agent.heartbeat");
}

TEST(StrictFrame, HeaderIsJudgedFirst) {
  EXPECT_EQ(DecodeBytes("abc").error.fault, StrictFault::kShortHeader);
  EXPECT_EQ(DecodeBytes("abc").error.actual, 3u);
  const Strict large = DecodeBytes(std::string("\x01\x10\0\0", 4));
  EXPECT_EQ(large.error.fault, StrictFault::kFrameTooLarge);
  EXPECT_EQ(large.error.declared, 4097u);
  const std::string bytes = Framed(Sample());
  const Strict cut = DecodeBytes(bytes.substr(0, bytes.size() - 1));
  EXPECT_EQ(cut.error.fault, StrictFault::kFrameTruncated);
  EXPECT_EQ(cut.error.declared, Sample().size());
  EXPECT_EQ(cut.error.actual, Sample().size() - 1);
  EXPECT_EQ(DecodeBytes(bytes + "more").error.fault, StrictFault::kNone);
  const std::string body = Sample();
  EXPECT_EQ(DecodeBytes(Framed(body.substr(0, body.size() - 1)) + body.back()).error.fault, StrictFault::kUnexpectedEof);
  EXPECT_EQ(Judge(""), StrictFault::kUnexpectedEof);
}

TEST(StrictFrame, TopIsAMapOfFive) {
  EXPECT_EQ(Judge("\x85"), StrictFault::kNotMap5);
  EXPECT_EQ(Judge(Map(4, SamplePairs())), StrictFault::kNotMap5);
  EXPECT_EQ(Judge(Map(6, SamplePairs() + Text("cell_id") + Text("c"))), StrictFault::kNotMap5);
  EXPECT_EQ(Judge("\xc1" + Sample()), StrictFault::kNotMap5);
  const Strict indefinite = Decode("\xbf" + SamplePairs() + "\xff");
  EXPECT_EQ(indefinite.error.fault, StrictFault::kUnsupportedAdditional);
  EXPECT_EQ(indefinite.error.additional, 31);
}

TEST(StrictFrame, FirstKeyIsTheVersion) {
  EXPECT_EQ(Judge(Permuted(Sample(), {1, 0, 2, 3, 4})), StrictFault::kContentVersionMustBeFirst);
  std::vector<unsigned> rest = {1, 2, 3, 4};
  do {
    EXPECT_EQ(Judge(Permuted(Sample(), {0, rest[0], rest[1], rest[2], rest[3]})), StrictFault::kNone);
  } while (std::next_permutation(rest.begin(), rest.end()));
}

TEST(StrictFrame, VersionIsExactlyOneAndJudgedBeforeAnyLaterKey) {
  for (const std::uint64_t version : {0, 2, 255, 256, 999, 65535}) {
    const Strict strict = Decode(With(0, Natural(version), 1, Text("nope")));
    EXPECT_EQ(strict.error.fault, StrictFault::kUnsupportedContentVersion);
    EXPECT_EQ(strict.error.version, version);
  }
  const Strict wide = Decode(With(0, Natural(65536)));
  EXPECT_EQ(wide.error.fault, StrictFault::kIntegerOverflow);
  EXPECT_EQ(wide.error.field, StrictField::kContentVersion);
}

TEST(StrictFrame, PidIsOf32Bits) {
  EXPECT_EQ(Decode(With(2, Natural(4294967295))).frame.guest_pid, 4294967295u);
  const Strict wide = Decode(With(2, Natural(4294967296)));
  EXPECT_EQ(wide.error.fault, StrictFault::kIntegerOverflow);
  EXPECT_EQ(wide.error.field, StrictField::kGuestPid);
}

TEST(StrictFrame, RepeatedAndForeignKeysAreNamed) {
  const std::string four = SamplePairs().substr(0, SamplePairs().size() - Text(kKeys[4]).size() - 9);
  for (std::size_t i = 0; i < 4; ++i) {
    const Strict twice = Decode(Map(5, four + Text(kKeys[i]) + SampleValues()[i]));
    EXPECT_EQ(twice.error.fault, StrictFault::kMissingField);
    EXPECT_STREQ(StrictFieldText(twice.error.field), std::string(kKeys[i]).c_str());
  }
  const Strict foreign = Decode(Map(5, four + Text("cell_id") + Text("c")));
  EXPECT_EQ(foreign.error.fault, StrictFault::kMissingField);
  EXPECT_STREQ(StrictFieldText(foreign.error.field), "<unknown key>");
}

TEST(StrictFrame, WrongTypesNameFieldAndMajor) {
  const auto expect = [](const std::string& body, const char* field, unsigned major) {
    const Strict strict = Decode(body);
    EXPECT_EQ(strict.error.fault, StrictFault::kFieldType);
    EXPECT_STREQ(StrictFieldText(strict.error.field), field);
    EXPECT_EQ(strict.error.major, major);
  };
  expect(With(0, "\x20"), "content_version", 1);
  expect(With(1, "\x41" "a"), "probe_source", 2);
  expect(With(2, Text("9")), "guest_pid", 3);
  expect(With(3, "\xc1\x01"), "guest_comm", 6);
  expect(With(4, std::string("\xf9\x3c\x00", 3)), "guest_monotonic_ns", 7);
  expect(Map(5, "\x01\x01"), "<map key 0>", 0);
  expect(Map(5, Text("content_version") + Natural(1) + "\x80"), "<map key>", 4);
}

TEST(StrictFrame, TextIsUtf8AndInsideTheBody) {
  const Strict bad = Decode(With(3, Text("\xed\xa0\x80")));
  EXPECT_EQ(bad.error.fault, StrictFault::kInvalidUtf8);
  EXPECT_EQ(bad.error.field, StrictField::kGuestComm);
  EXPECT_EQ(Decode(Map(5, Text("\xff") + Natural(1))).error.field, StrictField::kFirstKey);
  // A length near 2^64 must not wrap the bound.
  for (const char* length : {"\x7b\xff\xff\xff\xff\xff\xff\xff\xff", "\x7b\xff\xff\xff\xff\xff\xff\xff\xe2"}) {
    EXPECT_EQ(Judge(With(3, std::string(length, 9) + "abc")), StrictFault::kUnexpectedEof);
  }
  EXPECT_EQ(Decode(With(3, Text(std::string(3000, 'c')))).text.size(), 3000u);
}

TEST(StrictFrame, ReservedAdditionalInformationIsTold) {
  for (unsigned additional = 28; additional < 32; ++additional) {
    const Strict strict = Decode(With(2, std::string(1, static_cast<char>(additional))));
    EXPECT_EQ(strict.error.fault, StrictFault::kUnsupportedAdditional);
    EXPECT_EQ(strict.error.additional, additional);
  }
}

TEST(StrictFrame, FaultsHaveNamesOfTheirOwn) {
  std::vector<std::string> names;
  for (unsigned i = 0; i <= static_cast<unsigned>(StrictFault::kCount); ++i) {
    names.emplace_back(StrictFaultText(static_cast<StrictFault>(i)));
  }
  EXPECT_EQ(names.back(), "");
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

}  // namespace
}  // namespace wire
