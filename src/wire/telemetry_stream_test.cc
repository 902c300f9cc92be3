// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "wire/telemetry_body_fixture.h"
#include "wire/telemetry_frame.h"

namespace wire {
namespace {

using namespace body_fixture;  // NOLINT: the spelling of bodies
using Kind = FrameReader::Kind;
using Fault = HostFrameFault;

struct Read {
  std::vector<std::string> bodies;
  Fault lost = Fault::kNone, end = Fault::kNone;
  std::uint32_t lost_length = 0;
};

Read ReadInPieces(const std::string& stream, std::size_t piece) {
  Read read;
  FrameReader reader;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    const std::string part = stream.substr(at, piece);  // of its own, gone after this turn
    const std::uint8_t* given = View(part).data;
    std::size_t left = part.size();
    for (;;) {
      const auto step = reader.Next(&given, &left);
      EXPECT_EQ(given + left, View(part).data + part.size());
      if (step.kind != Kind::kFrame) {
        EXPECT_EQ(left, 0u);
        read.lost = step.fault;
        read.lost_length = step.length;
        break;
      }
      read.bodies.emplace_back(reinterpret_cast<const char*>(step.body), step.length);
      EXPECT_EQ(FrameLength(step.body - kFrameHeader), step.length);
    }
  }
  read.end = reader.AtEnd();
  return read;
}

TEST(FrameReader, GivesTheSameBodiesWhereverTheStreamIsCut) {
  const std::vector<std::string> bodies = {Sample(), "x", std::string(kMaxFrameBody, 'm'), Sample()};
  std::string stream;
  for (const std::string& body : bodies) stream += Framed(body);
  for (const std::size_t piece : {1, 2, 3, 4, 5, 7, 99, 103, 104, 4096, 4100, 100000}) {
    const Read read = ReadInPieces(stream, piece);
    EXPECT_EQ(read.bodies, bodies) << piece;
    EXPECT_EQ(read.lost, Fault::kNone);
    EXPECT_EQ(read.end, Fault::kNone);
  }
}

TEST(FrameReader, DoesNotCopyAFrameThatIsThereWhole) {
  const std::string stream = Framed(Sample()) + Framed("second");
  const std::uint8_t* given = View(stream).data;
  std::size_t left = stream.size();
  FrameReader reader;
  EXPECT_EQ(reader.Next(&given, &left).body, View(stream).data + kFrameHeader);
  EXPECT_EQ(reader.Next(&given, &left).body, View(stream).data + Framed(Sample()).size() + kFrameHeader);
  EXPECT_EQ(reader.Next(&given, &left).kind, Kind::kNeedMore);
}

TEST(FrameReader, GoesOnAfterABadBody) {
  const Read read = ReadInPieces(Framed("\xff\xff\xff") + Framed(Sample()), 100000);
  ASSERT_EQ(read.bodies.size(), 2u);
  TelemetryFrame frame;
  const auto judge = [&](const std::string& body) {
    return DecodeHostFrame(View(body).data, body.size(), false, &frame);
  };
  EXPECT_EQ(judge(read.bodies[0]), Fault::kWireReserved);
  EXPECT_EQ(judge(read.bodies[1]), Fault::kNone);
}

TEST(FrameReader, IsLostForGoodAfterALengthOutOfBounds) {
  struct Case {
    std::string header;
    Fault fault;
    std::uint32_t length;
  };
  for (const Case& odd : {Case{std::string(4, '\0'), Fault::kZeroLength, 0},
                          Case{std::string("\x01\x10\0\0", 4), Fault::kOversized, 4097},
                          Case{std::string("\0\0\0\x63", 4), Fault::kOversized, 0x63000000},  // big-endian
                          Case{"\xff\xff\xff\xff", Fault::kOversized, 0xffffffff}}) {
    for (const std::size_t piece : {1, 3, 100000}) {
      const Read read = ReadInPieces(Framed(Sample()) + odd.header + Framed(Sample()), piece);
      EXPECT_EQ(read.bodies.size(), 1u);
      EXPECT_EQ(read.lost, odd.fault);
      EXPECT_EQ(read.lost_length, odd.length);
      EXPECT_EQ(read.end, odd.fault);
    }
  }
}

TEST(FrameReader, EndInsideAHeaderIsCleanAndInsideABodyIsNot) {
  const std::string frame = Framed(Sample());
  for (std::size_t size = 0; size <= frame.size(); ++size) {
    const bool clean = size < kFrameHeader || size == frame.size();
    for (const std::size_t piece : {1, 2, 100000}) {
      EXPECT_EQ(ReadInPieces(frame + frame.substr(0, size), piece).end, clean ? Fault::kNone : Fault::kBodyTruncated);
    }
  }
}

}  // namespace
}  // namespace wire
