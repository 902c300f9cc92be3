// SPDX-License-Identifier: Apache-2.0
// A claim that says another thing than its frame, in a log whose every signature is right.
#include "evidence/verify/claimed_frame.h"

#include <gtest/gtest.h>

#include "event/guest_events.h"
#include "evidence/run_fixture.h"
#include "wire/telemetry_frame.h"

namespace evidence {
namespace {

using wire::ProbeSource;

struct Said {
  ProbeSource source = ProbeSource::kProcessSpawned;
  std::uint32_t pid = 7;
  std::string comm = "ma\xc3\xab\n";
  std::uint64_t value = 12345678901;
};

std::string FrameOf(const Said& said) {
  std::uint8_t bytes[wire::kMaxEmittedFrame];
  const std::size_t size = wire::EncodeTelemetryFrame(
      said.source, said.pid, {reinterpret_cast<const std::uint8_t*>(said.comm.data()), said.comm.size()}, said.value,
      bytes, sizeof bytes);
  return {reinterpret_cast<const char*>(bytes), size};
}

class ClaimAgainstFrame : public RunFixture {
 protected:
  // A whole sealed run in which the supervisor logged `said` with `frame`.
  Report RunWith(const Said& said, const std::string& frame) {
    Open();
    OpenCoverage();
    const auto coverage = Append(event::CoverageOpenedEvent(Cell(), event::Observer::kAgent, "cell", {"processes"}));
    closing_.coverage.push_back({.source = event::Observer::kAgent, .scope = "cell", .from = coverage});
    const std::string digest = crypto::Hex(crypto::Sha256Of(frame));
    const event::GuestDeclaration declaration{.probe_source = wire::ProbeSourceText(said.source),
                                              .pid = said.pid,
                                              .comm = said.comm,
                                              .monotonic_ns = said.value,
                                              .received_at = clock_.wall,
                                              .spec_signature_hash = *facts_.spec_digest,
                                              .frame_sha256 = digest};
    const auto draft =
        said.source == ProbeSource::kAgentExitStatus
            ? event::GuestExitStatusEvent(Cell(), {.declaration = declaration,
                                                   .kind = (said.value & wire::kExitBySignal) != 0
                                                               ? event::ExitKind::kSignal
                                                               : event::ExitKind::kExited,
                                                   .status = static_cast<std::uint32_t>(said.value)})
            : event::GuestDeclarationEvent(Cell(), declaration);
    EXPECT_TRUE(draft);
    const event::LeafIndex leaf = Append(*draft);
    WriteText(File("frames"), LittleEndian(leaf, 8) + LittleEndian(frame.size(), 4) + frame);
    Work();
    Close();
    Seal();
    return Verify();
  }

 private:
  static std::string LittleEndian(std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> 8 * i));
    return text;
  }
};

std::string FailedIn(const Report& report, std::string_view name) {
  for (const Check& check : report.checks) {
    if (check.name == name && check.result == Check::Result::kFailed) return check.detail;
  }
  return {};
}

class ThatAgrees : public ClaimAgainstFrame, public testing::WithParamInterface<Said> {};

TEST_P(ThatAgrees, IsVerified) {
  const Report report = RunWith(GetParam(), FrameOf(GetParam()));
  EXPECT_EQ(report.verdict, Verdict::kVerified) << FailedIn(report, "frames");
}

INSTANTIATE_TEST_SUITE_P(Frames, ThatAgrees,
                         testing::Values(Said{}, Said{.source = ProbeSource::kNetConnectAttempted, .comm = ""},
                                         Said{.source = ProbeSource::kAgentExitStatus, .value = 3},
                                         Said{.source = ProbeSource::kAgentExitStatus,
                                              .value = wire::kExitBySignal | 9},
                                         Said{.pid = 0xffffffff, .comm = std::string(64, 'x'), .value = ~0ull}));

struct Lie {
  const char* what;
  Said claimed, framed;
};

class ThatLies : public ClaimAgainstFrame, public testing::WithParamInterface<Lie> {};

TEST_P(ThatLies, IsInvalid) {
  const Report report = RunWith(GetParam().claimed, FrameOf(GetParam().framed));
  EXPECT_EQ(report.verdict, Verdict::kInvalid);
  EXPECT_NE(FailedIn(report, "frames").find(GetParam().what), std::string::npos) << FailedIn(report, "frames");
}

INSTANTIATE_TEST_SUITE_P(
    Frames, ThatLies,
    testing::Values(Lie{"type", {.source = ProbeSource::kProcessExited}, {}}, Lie{"guestPid", {.pid = 8}, {}},
                    Lie{"guestComm", {.comm = "other"}, {}}, Lie{"guestMonotonicNs", {.value = 1}, {}},
                    Lie{"cause.status",
                        {.source = ProbeSource::kAgentExitStatus, .value = 0},
                        {.source = ProbeSource::kAgentExitStatus, .value = 1}},
                    Lie{"cause.kind",
                        {.source = ProbeSource::kAgentExitStatus, .value = 9},
                        {.source = ProbeSource::kAgentExitStatus, .value = wire::kExitBySignal | 9}},
                    Lie{"type", {.source = ProbeSource::kProcessExited}, {.source = ProbeSource::kAgentHeartbeat}}));

TEST_F(ClaimAgainstFrame, AFrameThatDoesNotDecodeIsInvalid) {
  const Report report = RunWith({}, std::string("\x01\0\0\0\x80", 5));
  EXPECT_EQ(report.verdict, Verdict::kInvalid);
  EXPECT_NE(FailedIn(report, "frames").find("does not decode: wire_not_map"), std::string::npos)
      << FailedIn(report, "frames");
}

TEST_F(ClaimAgainstFrame, AFrameLongerThanAnyIsInvalid) {
  const std::string body(wire::kMaxFrameBody + 1, '\0');
  const Report report = RunWith({}, std::string("\x01\x10\0\0", 4) + body);
  EXPECT_EQ(report.verdict, Verdict::kInvalid);
  EXPECT_NE(FailedIn(report, "frames").find("a frame has at most 4100"), std::string::npos)
      << FailedIn(report, "frames");
}

}  // namespace
}  // namespace evidence
