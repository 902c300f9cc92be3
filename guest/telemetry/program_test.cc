// SPDX-License-Identifier: Apache-2.0
// What the program of the agent is made of, read from its file.
#include <elf.h>
#include <gtest/gtest.h>
#include <string.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <string>

namespace guest {
namespace {

std::string Program() {
  std::ifstream file(CELLOS_BIN_DIR "/cellos-telemetry", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(AgentProgram, IsSmallAndStatic) {
  const std::string program = Program();
  ASSERT_GT(program.size(), sizeof(Elf64_Ehdr));
  EXPECT_LE(program.size(), 64u << 10);
  Elf64_Ehdr header;
  memcpy(&header, program.data(), sizeof header);
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const std::size_t from = header.e_phoff + static_cast<std::size_t>(i) * header.e_phentsize;
    memcpy(&segment, program.data() + from, sizeof segment);
    EXPECT_NE(segment.p_type, PT_INTERP);
    EXPECT_TRUE(segment.p_type != PT_GNU_STACK || (segment.p_flags & PF_X) == 0);
    EXPECT_NE(segment.p_flags & (PF_W | PF_X), static_cast<Elf64_Word>(PF_W | PF_X));
    if (segment.p_type != PT_DYNAMIC) continue;
    for (std::size_t at = 0; at + sizeof(Elf64_Dyn) <= segment.p_filesz; at += sizeof(Elf64_Dyn)) {
      Elf64_Dyn entry;
      memcpy(&entry, program.data() + segment.p_offset + at, sizeof entry);
      EXPECT_NE(entry.d_tag, DT_NEEDED);
    }
  }
}

bool Holds(const std::string& program, const std::string& bytes) { return program.find(bytes) != std::string::npos; }

template <class Word>
std::string BytesOf(Word word) {
  return {reinterpret_cast<const char*>(&word), sizeof word};
}

// telemetry.md §2.1: no key and no primitive. Names would do for a program with symbols; this one has none, so the
// constants that every implementation needs are looked for as well.
TEST(AgentProgram, HoldsNoSigningCode) {
  std::string program = Program();
  ASSERT_TRUE(Holds(program, "process.spawned")) << "the test reads the right file";
  EXPECT_FALSE(Holds(program, BytesOf(0x6a09e667u))) << "SHA-256, initial value";
  EXPECT_FALSE(Holds(program, BytesOf(0x428a2f98u))) << "SHA-256, first round";
  EXPECT_FALSE(Holds(program, BytesOf(0x6a09e667f3bcc908ull))) << "SHA-512, initial value";
  EXPECT_FALSE(Holds(program, BytesOf(0x428a2f98d728ae22ull))) << "SHA-512, first round";
  EXPECT_FALSE(Holds(program, BytesOf(0x216936d3cd6e53feull))) << "Ed25519, base point";
  EXPECT_FALSE(Holds(program, std::string("\x63\x7c\x77\x7b\xf2\x6b\x6f\xc5"))) << "AES, substitution";
  EXPECT_FALSE(Holds(program, "expand 32-byte k")) << "ChaCha20";
  std::transform(program.begin(), program.end(), program.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* name : {"ed25519", "hmac", "sha256", "sha512", "sha2-", "rustls", "webpki", "libcrypto", "openssl",
                           "sodium", "nettle", "private key", "begin ", "secret", "signature"}) {
    EXPECT_FALSE(Holds(program, name)) << name;
  }
}

}  // namespace
}  // namespace guest
