// SPDX-License-Identifier: Apache-2.0
// Hellos: what is read from them, and what no honest client sends.
#include "gate/l7/client_hello.h"

#include <gtest/gtest.h>

#include "gate/l7/test_bytes.h"

namespace gate::l7 {
namespace {

using namespace test;
using State = HelloReader::State;

State Read(HelloReader& reader, std::string_view bytes) {
  return reader.Feed({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

const char* Irregular(const std::string& extensions) {
  HelloReader reader;
  EXPECT_EQ(Read(reader, Record(Hello(extensions))), State::kDone);
  return reader.hello().irregular;
}

TEST(ClientHello, OneBytePerSegmentIsReadLikeOneSegment) {
  HelloReader reader;
  const std::string bytes = HelloFor("a.example");
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    ASSERT_EQ(Read(reader, std::string_view(bytes).substr(i, 1)), State::kMore) << i;
  }
  ASSERT_EQ(Read(reader, std::string_view(bytes).substr(bytes.size() - 1)), State::kDone);
  EXPECT_EQ(reader.hello().name, "a.example");
  EXPECT_EQ(reader.raw(), bytes);
}

TEST(ClientHello, OneBytePerRecordIsReadLikeOneRecord) {
  const std::string message = Hello(ServerName(NameEntry("a.example")));
  std::string bytes;
  for (const char c : message) bytes += Record({&c, 1});
  HelloReader reader;
  ASSERT_EQ(Read(reader, bytes), State::kDone);
  EXPECT_EQ(reader.hello().name, "a.example");
  EXPECT_EQ(reader.raw(), bytes);
}

TEST(ClientHello, SixtyFourKibibytesOverRecordsAreReadAndNotMore) {
  const auto fed = [](std::size_t padding) {
    std::string extensions =
        Extension(21, std::string(padding / 2, 'p')) + Extension(99, std::string(padding / 2, 'p'));
    extensions += ServerName(NameEntry("a.example"));
    std::string message = Hello(extensions.substr(0, 65535));
    HelloReader reader;
    std::string bytes;
    for (std::string_view left = message; !left.empty();
         left.remove_prefix(std::min<std::size_t>(16384, left.size()))) {
      bytes += Record(left.substr(0, 16384));
    }
    const State state = Read(reader, bytes);
    return std::pair(state, reader.hello().name);
  };
  EXPECT_EQ(fed(65400), std::pair(State::kDone, std::string("a.example")));
  HelloReader reader;
  EXPECT_EQ(Read(reader, Record("\x01" + Big(65536 - 4 + 1, 3))), State::kFault);
}

TEST(ClientHello, RecordsOfOtherKindsOrWithoutBytesEndIt) {
  const std::string message = Hello(ServerName(NameEntry("a.example")));
  HelloReader other, empty;
  EXPECT_EQ(Read(other, Record(message.substr(0, 9)) + "\x17\x03\x03" + Block("x", 2)), State::kFault);
  EXPECT_EQ(other.fault(), HelloFault::kNotAHandshake);
  EXPECT_EQ(Read(empty, Record(message.substr(0, 9)) + Record("")), State::kFault);
}

TEST(ClientHello, ASecondNameIsIrregular) {
  EXPECT_NE(Irregular(ServerName(NameEntry("a.b") + NameEntry("c.d"))), nullptr);
}
TEST(ClientHello, ASecondNameListIsIrregular) {
  EXPECT_NE(Irregular(ServerName(NameEntry("a.b")) + ServerName(NameEntry("a.b"))), nullptr);
  EXPECT_NE(Irregular(ServerName("") + ServerName(NameEntry("a.b"))), nullptr);
}
TEST(ClientHello, ANameOfAnotherTypeIsIrregular) { EXPECT_NE(Irregular(ServerName(NameEntry("a.b", 1))), nullptr); }
TEST(ClientHello, BytesAfterTheListAreIrregular) {
  EXPECT_NE(Irregular(Extension(0, Block(NameEntry("a.b"), 2) + "x")), nullptr);
}
TEST(ClientHello, ASecondMessageInItsRecordIsIrregular) {
  HelloReader reader;
  EXPECT_EQ(Read(reader, Record(Hello(ServerName(NameEntry("a.b"))) + "x")), State::kDone);
  EXPECT_NE(reader.hello().irregular, nullptr);
}
TEST(ClientHello, AProtocolListThatAnotherReaderMightReadOtherwiseIsIrregular) {
  const std::string list = Block(Block("h2", 1), 2);
  EXPECT_NE(Irregular(Extension(16, list) + Extension(16, list)), nullptr);
  for (const std::string& bad : {std::string("x"), Block("", 2), Block(Block("", 1), 2), Block("\x05h2", 2), list + "x"}) {
    EXPECT_NE(Irregular(Extension(16, bad)), nullptr) << bad.size();
  }
}

// A hello of these parts.
std::string Parts(std::string_view session, std::string_view ciphers, std::string_view compressions,
                  std::string_view rest = {}) {
  const std::string body = std::string("\x03\x03", 2) + std::string(32, 'r') + Block(session, 1) + Block(ciphers, 2) +
                           Block(compressions, 1) + std::string(rest);
  return Record("\x01" + Block(body, 3));
}

TEST(ClientHello, TheLengthsOfItsPartsAreBounded) {
  const auto read = [](const std::string& bytes) {
    HelloReader reader;
    const State state = Read(reader, bytes);
    return std::pair(state, state == State::kDone ? reader.hello().irregular != nullptr : false);
  };
  const std::string_view cipher("\x13\x01", 2), null("\0", 1);
  const auto regular = std::pair(State::kDone, false), irregular = std::pair(State::kDone, true);
  EXPECT_EQ(read(Parts(std::string(32, 's'), cipher, null)), regular) << "no extensions are none";
  EXPECT_EQ(read(Parts(std::string(33, 's'), cipher, null)).first, State::kFault);
  EXPECT_EQ(read(Parts("", "\x13", null)).first, State::kFault) << "half a cipher";
  EXPECT_EQ(read(Parts("", "", null)), irregular);
  EXPECT_EQ(read(Parts("", cipher, "")), irregular);
  EXPECT_EQ(read(Parts("", cipher, null, Block("", 2))), regular);
  EXPECT_EQ(read(Parts("", cipher, null, Block("", 2) + "x")), irregular) << "bytes behind the extensions";
  EXPECT_EQ(read(Parts("", cipher, null, "x")).first, State::kFault) << "extensions that are cut";
}

TEST(ClientHello, AnOrdinaryHelloIsRegular) {
  EXPECT_EQ(Irregular(ServerName(NameEntry("a.b")) + Extension(16, Block(Block("h2", 1) + Block("http/1.1", 1), 2))),
            nullptr);
}

TEST(ClientHello, TheFirstProtocolIsRead) {
  HelloReader reader;
  ASSERT_EQ(Read(reader, Record(Hello(Extension(16, Block(Block("h2", 1) + Block("http/1.1", 1), 2))))), State::kDone);
  EXPECT_EQ(reader.hello().alpn, "h2");
  EXPECT_FALSE(reader.hello().has_name);
}

TEST(ClientHello, EncryptedHellosAreSeen) {
  for (const std::size_t type : {0xfe0dul, 0xfe08ul, 0xffceul}) {
    HelloReader reader;
    ASSERT_EQ(Read(reader, Record(Hello(Extension(type, "x")))), State::kDone);
    EXPECT_TRUE(reader.hello().encrypted) << type;
  }
}

TEST(ClientHello, EveryChangedBitEndsReadOrWithAFault) {
  const std::string good = HelloFor("a.example");
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      HelloReader reader;
      const State state = Read(reader, bad);
      EXPECT_EQ(reader.fault() != HelloFault::kNone, state == State::kFault);
      EXPECT_TRUE(state == State::kDone || reader.FaultAtEnd() != HelloFault::kNone);
    }
  }
}

}  // namespace
}  // namespace gate::l7
