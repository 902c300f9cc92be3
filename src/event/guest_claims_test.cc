// SPDX-License-Identifier: Apache-2.0
// The quick writer of claims against the builders that say what a claim is.
#include "event/guest_claims.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "event/leaf_rules.h"
#include "event/run_log.h"
#include "event/types.h"
#include "json/canonical.h"

namespace event {
namespace {

const CellRef kCell{.cell_id = "cell \"1\"", .spec_id = "s", .run_id = "run-1"};
constexpr std::string_view kSpec = "sha256:00";

GuestClaimWriter::Frame FrameOf(std::uint32_t i, std::string_view comm) {
  GuestClaimWriter::Frame frame;
  frame.pid = i * 1'000'003u;
  frame.comm = comm;
  frame.monotonic_ns = i == 0 ? UINT64_MAX : i * 7919ull;
  frame.received_at = base::WallTime(std::chrono::milliseconds(1'700'000'000'000 + i * 333ll));
  frame.seen_at = base::BootTime(1'000'000 + i);
  frame.sha256 = crypto::Sha256Of(std::to_string(i));
  return frame;
}

GuestDeclaration DeclarationOf(std::string_view source, const GuestClaimWriter::Frame& frame, const std::string& hex) {
  return {.probe_source = source,
          .pid = frame.pid,
          .comm = frame.comm,
          .monotonic_ns = frame.monotonic_ns,
          .received_at = frame.received_at,
          .seen_at = frame.seen_at,
          .spec_signature_hash = kSpec,
          .frame_sha256 = hex};
}

void ExpectSame(const Draft& quick, const Draft& built) {
  EXPECT_EQ(quick.data, built.data);
  EXPECT_EQ(quick.type, built.type);
  EXPECT_EQ(quick.source, built.source);
  EXPECT_EQ(quick.observer, built.observer);
  EXPECT_EQ(quick.observed_at, built.observed_at);
  EXPECT_EQ(quick.time, built.time);
  EXPECT_TRUE(CheckDraft(quick, 5));
}

TEST(GuestClaims, AreTheBytesOfTheBuilders) {
  GuestClaimWriter writer(kCell, kSpec);
  std::uint32_t i = 0;
  for (const std::string_view source : {"process.spawned", "process.exited", "capability.denied", "fs.inotify_fired",
                                        "net.connect_attempted"}) {
    for (const std::string_view comm : {"sh", "", "a\"\\\n\x01", "\xc3\xa9t\xc3\xa9", "0123456789abcdef0123456789abcdef"}) {
      const auto frame = FrameOf(i++, comm);
      const auto quick = writer.Declaration(source, frame);
      ASSERT_TRUE(quick);
      const std::string hex = crypto::Hex(frame.sha256);
      ExpectSame((*quick)->draft(), *GuestDeclarationEvent(kCell, DeclarationOf(source, frame, hex)));
      const auto exit = writer.ExitStatus("agent.exit_status", frame, ExitKind::kSignal, i);
      ASSERT_TRUE(exit);
      ExpectSame((*exit)->draft(),
                 *GuestExitStatusEvent(kCell, {DeclarationOf("agent.exit_status", frame, hex), ExitKind::kSignal, i}));
    }
  }
}

TEST(GuestClaims, AMaskedNameIsStatedAndTheDataStaysCanonical) {
  GuestClaimWriter writer(kCell, kSpec);
  auto frame = FrameOf(3, "[redacted]");
  frame.name_masked = true;
  const auto claim = writer.Declaration("process.spawned", frame);
  ASSERT_TRUE(claim);
  EXPECT_TRUE((*claim)->draft().data.contains(R"(},"nameMasked":true,"provenance")"));
  EXPECT_TRUE(json::IsCanonicalJcs((*claim)->draft().data, 31));
}

TEST(GuestClaims, WhatTheBuildersRefuseIsRefused) {
  GuestClaimWriter writer(kCell, kSpec);
  EXPECT_FALSE(writer.Declaration("agent.heartbeat", FrameOf(1, "sh")));
  EXPECT_FALSE(writer.Declaration("process.spewned", FrameOf(1, "sh")));
  auto early = FrameOf(1, "sh");
  early.received_at = base::WallTime(std::chrono::milliseconds(-1));
  EXPECT_FALSE(writer.Declaration("process.spawned", early));
}

TEST(GuestClaims, WaitInTheLogForAFlushOrUntilThereAreManyBytesOrACheckpointIsDue) {
  char path[] = "/tmp/guest_claims.XXXXXX";
  ASSERT_NE(mkdtemp(path), nullptr);
  const base::UniqueFd directory(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto bytes = [&] { return std::filesystem::file_size(std::string(path) + "/events.jsonl"); };
  base::FakeClock clock;
  auto log = RunLog::Create(directory.get(), std::move(*crypto::SigningKey::Generate()),
                            {.origin = "d.example/runs/r1", .clock = &clock});
  ASSERT_TRUE(log);
  ASSERT_TRUE(log->Append({.type = kLogOpened, .source = kSourceSupervisor, .data = "{}"}));
  ASSERT_TRUE(log->Flush());
  const auto before = bytes();
  GuestClaimWriter writer(kCell, kSpec);
  std::uint32_t claims = 0;
  const auto append = [&] {
    clock.boot += std::chrono::seconds(1);
    ASSERT_TRUE(log->Append(**writer.Declaration("process.spawned", FrameOf(claims++, "sh"))));
  };
  append();
  EXPECT_EQ(bytes(), before);
  ASSERT_TRUE(log->Flush());
  EXPECT_GT(bytes(), before);
  const auto flushed = bytes();
  while (bytes() == flushed) append();
  EXPECT_GE(bytes() - flushed, 64u << 10);
  EXPECT_LT(claims, 255u);
  while (claims < 255) append();
  EXPECT_EQ(log->CheckpointDue(), std::nullopt) << "256 events";
  append();
  EXPECT_EQ(log->CheckpointDue(), clock.boot + std::chrono::milliseconds(250));
  EXPECT_TRUE(log->Close());
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace event
