// SPDX-License-Identifier: Apache-2.0
#include "wire/telemetry_frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "wire/telemetry_body_fixture.h"
#include "wire/telemetry_frame_strict.h"

namespace wire {
namespace {

using namespace body_fixture;  // NOLINT: the spelling of bodies
using Fault = HostFrameFault;

struct Host {
  Fault fault;
  TelemetryFrame frame;
  std::uint16_t version = 0;
  std::string comm() const { return {frame.comm, frame.comm_size}; }
};
Host Decode(const std::string& body, bool ours = false) {
  Host host;
  const std::vector<std::uint8_t> exact(body.begin(), body.end());  // so that a sanitizer sees one byte too far
  host.fault = DecodeHostFrame(exact.data(), exact.size(), ours, &host.frame, &host.version);
  return host;
}
Fault Judge(const std::string& body) { return Decode(body).fault; }

std::string Encoded(const TelemetryFrame& frame, std::size_t room = kMaxEmittedFrame) {
  std::uint8_t out[kMaxEmittedFrame];
  const std::size_t size = EncodeTelemetryFrame(frame, out, room);
  return {reinterpret_cast<const char*>(out), size};
}

TelemetryFrame Frame(ProbeSource source, std::uint32_t pid, std::string_view comm, std::uint64_t monotonic_ns) {
  TelemetryFrame frame;
  frame.source = source;
  frame.guest_pid = pid;
  frame.guest_monotonic_ns = monotonic_ns;
  SanitizeComm(comm.data(), comm.size(), &frame);
  return frame;
}

std::string FromHex(std::string_view hex) {
  std::string bytes;
  unsigned nibbles = 0, value = 0;
  for (const char c : hex) {
    if (c == ' ') continue;
    value = value << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    if (++nibbles % 2 == 0) bytes.push_back(static_cast<char>(value & 0xff));
  }
  return bytes;
}

TEST(TelemetryFrame, IsWrittenAsPublishedByteForByte) {
  EXPECT_EQ(Encoded(Frame(ProbeSource::kProcessSpawned, 42, "sh", 1'000'000'000)),
            FromHex("61000000 a5 6f636f6e74656e745f76657273696f6e 01 6c70726f62655f736f75726365 "
                    "6f70726f636573732e737061776e6564 6967756573745f706964 182a 6a67756573745f636f6d6d 627368 "
                    "7267756573745f6d6f6e6f746f6e69635f6e73 1a3b9aca00"));
  EXPECT_EQ(Encoded(Frame(ProbeSource::kFsInotifyFired, 70000, "cellos-telemetry", (1ull << 53) + 1)),
            FromHex("77000000 a5 6f636f6e74656e745f76657273696f6e 01 6c70726f62655f736f75726365 "
                    "7066732e696e6f746966795f6669726564 6967756573745f706964 1a00011170 6a67756573745f636f6d6d "
                    "7063656c6c6f732d74656c656d65747279 7267756573745f6d6f6e6f746f6e69635f6e73 1b0020000000000001"));
}

TEST(TelemetryFrame, OfEverySourceIsReadBackByTheHost) {
  for (unsigned i = 0; i < static_cast<unsigned>(ProbeSource::kCount); ++i) {
    const auto source = static_cast<ProbeSource>(i);
    const std::string bytes = Encoded(Frame(source, 4294967295u, "caf\xc3\xa9", ~0ull));
    const Host host = Decode(bytes.substr(kFrameHeader), true);
    ASSERT_EQ(host.fault, Fault::kNone) << ProbeSourceText(source);
    EXPECT_EQ(host.frame.source, source);
    EXPECT_EQ(host.frame.guest_pid, 4294967295u);
    EXPECT_EQ(host.frame.guest_monotonic_ns, ~0ull);
    EXPECT_EQ(host.comm(), "caf\xc3\xa9");
    EXPECT_EQ(host.version, kFrameVersion);
  }
}

TEST(TelemetryFrame, AgentSourcesAreUnknownToAHostThatDidNotAskForThem) {
  for (const ProbeSource source : {ProbeSource::kAgentHeartbeat, ProbeSource::kAgentDropped,
                                   ProbeSource::kAgentExitStatus}) {
    const std::string body = Encoded(Frame(source, 2, "agent", 7)).substr(kFrameHeader);
    EXPECT_EQ(Decode(body, false).fault, Fault::kUnknownProbeSource);
    EXPECT_EQ(Decode(body, true).fault, Fault::kNone);
    EXPECT_EQ(Decode(Permuted(body, {0, 2, 1, 3, 4}), false).fault, Fault::kUnknownProbeSource);
    EXPECT_EQ(Decode(Permuted(body, {0, 2, 1, 3, 4}), true).fault, Fault::kNone);
  }
}

TEST(TelemetryFrame, LargestFitsExactlyAndNoneIsWrittenIntoLess) {
  const auto largest =
      Frame(ProbeSource::kNetConnectAttempted, ~0u, std::string(kMaxGuestComm, 'c'), ~0ull);
  const std::string bytes = Encoded(largest);
  EXPECT_EQ(bytes.size(), kMaxEmittedFrame);
  EXPECT_EQ(Encoded(largest, kMaxEmittedFrame - 1), "");
  std::uint8_t untouched[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(EncodeTelemetryFrame(largest, untouched, sizeof untouched), 0u);
  EXPECT_EQ(untouched[0], 1);
}

TEST(TelemetryFrame, IntegersAreWrittenInTheShortestForm) {
  const auto size = [](std::uint32_t pid, std::uint64_t monotonic_ns) {
    return Encoded(Frame(ProbeSource::kProcessExited, pid, "", monotonic_ns)).size();
  };
  const std::size_t least = size(0, 0);
  EXPECT_EQ(size(23, 0), least);
  EXPECT_EQ(size(24, 0), least + 1);
  EXPECT_EQ(size(0xff, 0), least + 1);
  EXPECT_EQ(size(0x100, 0), least + 2);
  EXPECT_EQ(size(0xffff, 0), least + 2);
  EXPECT_EQ(size(0x10000, 0), least + 4);
  EXPECT_EQ(size(0, 0xffffffff), least + 4);
  EXPECT_EQ(size(0, 0x100000000), least + 8);
}

TEST(TelemetryFrame, WhatNoDecoderTakesIsNotWritten) {
  auto frame = Frame(ProbeSource::kProcessSpawned, 1, "ok", 1);
  frame.comm[1] = '\xff';
  EXPECT_EQ(Encoded(frame), "");
  frame = Frame(ProbeSource::kProcessSpawned, 1, "ok", 1);
  frame.comm_size = kMaxGuestComm + 1;
  EXPECT_EQ(Encoded(frame), "");
  frame = Frame(ProbeSource::kCount, 1, "ok", 1);
  EXPECT_EQ(Encoded(frame), "");
  const std::vector<std::uint8_t> comm(kMaxFrameBody, 'z');
  std::vector<std::uint8_t> out(kFrameHeader + 2 * kMaxFrameBody);
  const auto encode = [&](std::size_t size) {
    return EncodeTelemetryFrame(ProbeSource::kNetConnectAttempted, 1, {comm.data(), size}, 7, out.data(), out.size());
  };
  std::size_t most = comm.size();
  while (most > 0 && encode(most) == 0) --most;
  EXPECT_EQ(encode(most), kFrameHeader + kMaxFrameBody);
}

TEST(TelemetryFrame, SanitizedCommIsUtf8OfTheSameLength) {
  const auto sanitized = [](std::string_view text) {
    const TelemetryFrame frame = Frame(ProbeSource::kProcessSpawned, 1, text, 1);
    return std::string(frame.comm, frame.comm_size);
  };
  EXPECT_EQ(sanitized(""), "");
  EXPECT_EQ(sanitized("caf\xc3\xa9 \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xf0\x9f\x98\x80");
  EXPECT_EQ(sanitized("a\x80z"), "a?z");
  EXPECT_EQ(sanitized("\xc0\xaf"), "??");                       // overlong
  EXPECT_EQ(sanitized("\xe0\x80\xaf"), "???");
  EXPECT_EQ(sanitized("\xed\xa0\x80"), "???");                  // surrogate
  EXPECT_EQ(sanitized("\xf4\x90\x80\x80"), "????");             // above U+10FFFF
  EXPECT_EQ(sanitized("aaaaaaaaaaaaaaa\xc3"), "aaaaaaaaaaaaaaa?");  // cut inside a character
  EXPECT_EQ(sanitized(std::string(kMaxGuestComm - 1, 'a') + "\xc3\xa9"), std::string(kMaxGuestComm - 1, 'a') + "?");
  EXPECT_EQ(sanitized(std::string_view("a\0b", 3)), std::string("a\0b", 3));
}

TEST(HostFrame, KeysComeInAnyOrder) {
  std::vector<unsigned> order = {0, 1, 2, 3, 4};
  do {
    const Host host = Decode(Permuted(Sample(), order));
    ASSERT_EQ(host.fault, Fault::kNone);
    EXPECT_EQ(host.frame.source, ProbeSource::kProcessSpawned);
    EXPECT_EQ(host.frame.guest_pid, 4711u);
    EXPECT_EQ(host.frame.guest_monotonic_ns, 99887766554433u);
    EXPECT_EQ(host.comm(), "sleepy");
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(HostFrame, ForgedAttributionIsDropped) {
  const std::string body = Map(8, SamplePairs() + Text("cell_id") + Text("other") + Text("run_id") + Text("other") +
                                      Text("host_received_at") + Natural(5));
  const Host host = Decode(body);
  ASSERT_EQ(host.fault, Fault::kNone);
  EXPECT_EQ(host.comm(), "sleepy");
  EXPECT_EQ(host.frame.guest_pid, 4711u);
}

TEST(HostFrame, ForeignValuesOfEveryShapeAreDropped) {
  const std::string deep = std::string(3000, '\x81') + "\x01";  // an array in an array in …
  for (const std::string& value :
       {Natural(1ull << 40), std::string("\x20"), Text("x"), std::string("\x42\xff\xff"), std::string("\x82\x01\x02"),
        Map(1, Text("a") + Map(1, Text("b") + Natural(1))), std::string("\xf6"), std::string("\xf8\x20"),
        std::string("\xf9\x3c\x00", 3), std::string("\xfb\x3f\xf0\0\0\0\0\0\0", 9), deep}) {
    EXPECT_EQ(Judge(Map(6, SamplePairs() + Text("x") + value)), Fault::kNone);
    EXPECT_EQ(Judge(Map(6, Text("x") + value + SamplePairs())), Fault::kNone);
    EXPECT_EQ(Judge(Map(6, SamplePairs() + Text("x") + value.substr(0, value.size() - 1))), Fault::kWireTruncated);
  }
  EXPECT_EQ(Judge(Map(6, SamplePairs() + Text("x") + "\x9b\xff\xff\xff\xff\xff\xff\xff\xff")), Fault::kWireTruncated);
  EXPECT_EQ(Judge(Map(6, SamplePairs() + Text("x") + "\xbb\xff\xff\xff\xff\xff\xff\xff\xff")), Fault::kWireTruncated);
  // Twice 2^63 items are not none.
  EXPECT_EQ(Judge(Map(6, Text("x") + std::string("\xbb\x80\0\0\0\0\0\0\0", 9) + SamplePairs())),
            Fault::kWireTruncated);
  EXPECT_EQ(Judge(Map(6, SamplePairs() + Text("x") + Text("\xff"))), Fault::kWireUtf8);
  EXPECT_EQ(Judge(Map(6, SamplePairs() + Text("x") + "\xc1\x01")), Fault::kTagged);
  EXPECT_EQ(Judge(Map(6, SamplePairs() + Text("x") + "\x81\x9f\xff")), Fault::kIndefiniteLength);
}

TEST(HostFrame, BytesAfterTheMapAreIgnored) { EXPECT_EQ(Judge(Sample() + "\xff\x1c"), Fault::kNone); }

TEST(HostFrame, VersionRuleLooksAtTheHighByteAlone) {
  for (const std::uint64_t version : {0, 1, 2, 255}) {
    const Host host = Decode(With(0, Natural(version)));
    EXPECT_EQ(host.fault, Fault::kNone);
    EXPECT_EQ(host.version, version);
  }
  for (const std::uint64_t version : {256, 257, 65535}) {
    const Host host = Decode(With(0, Natural(version)));
    EXPECT_EQ(host.fault, Fault::kUnsupportedVersion);
    EXPECT_EQ(host.version, version);
  }
  EXPECT_EQ(Judge(With(0, Natural(65536))), Fault::kWireRange);
}

TEST(HostFrame, VersionIsJudgedLast) {
  EXPECT_EQ(Judge(With(0, Natural(999), 2, Text("x"))), Fault::kWireType);
  EXPECT_EQ(Judge(With(0, Natural(999), 1, Text("nope"))), Fault::kUnknownProbeSource);
}

TEST(HostFrame, EveryRefusedFormHasItsFault) {
  EXPECT_EQ(Judge(""), Fault::kZeroLength);
  EXPECT_EQ(Judge(std::string(kMaxFrameBody + 1, '\xa0')), Fault::kOversized);
  EXPECT_EQ(Judge("\xff\xff\xff"), Fault::kWireReserved);
  EXPECT_EQ(Judge("\x85"), Fault::kWireNotMap);
  EXPECT_EQ(Judge("\xa5"), Fault::kWireTruncated);
  EXPECT_EQ(Judge("\xbf"), Fault::kIndefiniteLength);
  EXPECT_EQ(Judge("\xa1\x01\x01"), Fault::kWireKeyType);
  EXPECT_EQ(Judge("\xa1\x41" "a" "\x01"), Fault::kWireKeyType);  // a key of bytes
  EXPECT_EQ(Judge("\xd9\xd9\xf7" + Sample()), Fault::kTagged);
  EXPECT_EQ(Judge(With(2, "\x1f")), Fault::kWireReserved);
  EXPECT_EQ(Judge(With(2, "\x1c")), Fault::kWireReserved);
  EXPECT_EQ(Judge(With(3, "\xff")), Fault::kWireReserved);
  EXPECT_EQ(Judge(With(3, "\x7c")), Fault::kWireReserved);
  EXPECT_EQ(Judge(Map(6, SamplePairs() + Text("x") + "\xf8\x1f")), Fault::kWireReserved);
  EXPECT_EQ(Judge(With(2, "\x20")), Fault::kWireType);
  EXPECT_EQ(Judge(With(2, std::string("\xf9\x3c\x00", 3))), Fault::kWireType);
  EXPECT_EQ(Judge(With(3, "\x43" "abc")), Fault::kWireType);
  EXPECT_EQ(Judge(With(2, Natural(1ull << 32))), Fault::kWireRange);
  EXPECT_EQ(Judge(With(2, "\xc2\x41\x05")), Fault::kTagged);
  EXPECT_EQ(Judge(With(3, "\x7f\x61" "a" "\xff")), Fault::kIndefiniteLength);
  EXPECT_EQ(Judge(With(3, Text("a\xff"))), Fault::kWireUtf8);
  EXPECT_EQ(Judge(With(3, "\x7b\xff\xff\xff\xff\xff\xff\xff\xff" "a")), Fault::kWireTruncated);
  EXPECT_EQ(Judge(With(1, Text("process.spawn"))), Fault::kUnknownProbeSource);
  EXPECT_EQ(Judge(With(1, Text(""))), Fault::kUnknownProbeSource);
  EXPECT_EQ(Judge(With(1, Text("process\xff"))), Fault::kWireUtf8);
  EXPECT_EQ(Judge(With(3, Text(std::string(kMaxGuestComm, 'c')))), Fault::kNone);
  EXPECT_EQ(Judge(With(0, Natural(2), 3, Text(std::string(kMaxGuestComm, 'c')))), Fault::kNone);
  EXPECT_EQ(Judge(With(3, Text(std::string(kMaxGuestComm + 1, 'c')))), Fault::kGuestCommTooLong);
  EXPECT_EQ(Judge(Map(6, SamplePairs() + Text("guest_pid") + Natural(1))), Fault::kWireDuplicateKey);
  EXPECT_EQ(Judge(Map(4, SamplePairs())), Fault::kWireMissingKey);
  EXPECT_EQ(Judge(Map(5, SamplePairs().substr(0, SamplePairs().size() - 1))), Fault::kWireTruncated);
  EXPECT_EQ(Judge(Map(5, Text("\xff") + SamplePairs())), Fault::kWireUtf8);
}

TEST(HostFrame, FirstFaultMetCounts) {
  EXPECT_EQ(Judge(With(1, Text("nope"), 3, Text(std::string(99, 'c')))), Fault::kUnknownProbeSource);
  EXPECT_EQ(Judge(With(1, Text("nope"), 2, "\xc1\x01")), Fault::kUnknownProbeSource);
  EXPECT_EQ(Judge(With(2, "\xc1\x01", 3, Text(std::string(99, 'c')))), Fault::kTagged);
}

TEST(HostFrame, IntegersAndLengthsMayBeWide) {
  EXPECT_EQ(Judge(With(0, std::string("\x1b\0\0\0\0\0\0\0\x01", 9), 2, std::string("\x19\x00\x05", 3))), Fault::kNone);
  EXPECT_EQ(Judge(With(3, std::string("\x79\x00\x03" "abc", 6))), Fault::kNone);
  EXPECT_EQ(Judge("\xb8\x05" + SamplePairs()), Fault::kNone);
}

TEST(HostFrame, FaultsHaveNamesOfTheirOwn) {
  std::vector<std::string> names;
  for (unsigned i = 0; i <= static_cast<unsigned>(Fault::kCount); ++i) {
    names.emplace_back(HostFrameFaultText(static_cast<Fault>(i)));
  }
  EXPECT_EQ(names.back(), "");
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  EXPECT_STREQ(HostFrameFaultText(Fault::kUnsupportedVersion), "unsupported_version");
  EXPECT_STREQ(HostFrameFaultText(Fault::kIndefiniteLength), "indefinite_length");
}

// A bit flipped, a byte cut, a random body: both decoders end, and what the strict one takes the host's takes as well.
TEST(HostFrame, TakesWhateverTheStrictDecoderTakes) {
  std::mt19937_64 random(1);
  std::size_t taken = 0;
  for (unsigned round = 0; round < 50'000; ++round) {
    std::string body = Sample();
    if (round % 4 == 0) {
      body.resize(1 + random() % 512);
      for (char& byte : body) byte = static_cast<char>(random());
    } else {
      body[random() % body.size()] ^= static_cast<char>(1u << random() % 8);
      if (round % 4 == 2) body.resize(random() % (body.size() + 1));
    }
    const std::string bytes = Framed(body);
    StrictFrame strict;
    const StrictError error = DecodeStrictFrame(View(bytes), &strict);
    const Host host = Decode(body);
    if (error.fault != StrictFault::kNone || strict.comm.size > kMaxGuestComm) continue;
    ++taken;
    ASSERT_EQ(host.fault, Fault::kNone) << round;
    EXPECT_EQ(host.frame.source, strict.source);
    EXPECT_EQ(host.frame.guest_pid, strict.guest_pid);
    EXPECT_EQ(host.frame.guest_monotonic_ns, strict.guest_monotonic_ns);
    EXPECT_EQ(host.comm(), std::string(reinterpret_cast<const char*>(strict.comm.data), strict.comm.size));
  }
  EXPECT_GT(taken, 1000u);
}

// The two ends of the wire are compiled without a heap and without a C library worth the name.
TEST(TelemetryFrame, ObjectsCallNothingButMemoryCopiesAndCompares) {
  std::FILE* nm = popen(CELLOS_NM " -u '" CELLOS_WIRE_ARCHIVE "' 2>&1", "r");
  ASSERT_NE(nm, nullptr);
  char line[512];
  std::string object;
  std::size_t objects = 0;
  while (std::fgets(line, sizeof line, nm) != nullptr) {
    const std::string text(line);
    if (text.find(':') != std::string::npos) {
      object = text.starts_with("telemetry_frame") ? text : "";
      objects += !object.empty();
      continue;
    }
    const std::size_t at = text.find_last_of(' ');
    if (object.empty() || at == std::string::npos) continue;
    const std::string name = text.substr(at + 1, text.size() - at - 2);
    static const std::vector<std::string> kAllowed = {"memcpy",  "memcmp",       "memset",           "bcmp",
                                                      "memmove", "__memcpy_chk", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"};
    const bool instrumented = name.starts_with("__asan_") || name.ends_with("_asan_globals") || name.starts_with("__ubsan_") ||
                              name.starts_with("__tsan_") || name.starts_with("__sanitizer_");
    EXPECT_TRUE(instrumented || name.starts_with("_ZN4wire") || std::ranges::find(kAllowed, name) != kAllowed.end())
        << object << name;
  }
  EXPECT_EQ(pclose(nm), 0);
  EXPECT_EQ(objects, 2u);
}

}  // namespace
}  // namespace wire
