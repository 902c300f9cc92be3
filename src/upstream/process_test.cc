// SPDX-License-Identifier: Apache-2.0
// The program itself, locked as it ships: empty root, empty network namespace, no capability, its filters.
#include "upstream/process.h"

#include <gtest/gtest.h>

#include "upstream/process_fixture.h"
#include "upstream/tls_server_fixture.h"

namespace upstream {
namespace {

using wire::UpstreamOutcome;

TEST_F(Program, LocksItselfAndAnswersOverDotAndDohWithValidationUnderBothFilters) {
  const SignedZone zone;
  const auto serve = [&zone](const std::string& query) { return zone.Reply(query); };
  TlsServer dot({.speaks = Speaks::kDot}, serve), doh({.speaks = Speaks::kDoh}, serve);
  Start({LoopbackResolver(wire::Transport::kDot, wire::DnssecMode::kOff, dot.port()),
         LoopbackResolver(wire::Transport::kDoh, wire::DnssecMode::kOff, doh.port()),
         LoopbackResolver(wire::Transport::kDot, wire::DnssecMode::kRequire, dot.port()),
         LoopbackResolver(wire::Transport::kDoh, wire::DnssecMode::kBestEffort, doh.port())},
        dot.authority() + doh.authority(), zone.anchor());
  const auto ready = Record(wire::GateRecordKind::kReady);
  ASSERT_TRUE(ready);
  ASSERT_EQ(ready->kind, wire::GateRecordKind::kReady) << ready->name;
  EXPECT_EQ(ready->count, wire::kLockAll);

  const std::string query = MakeQuery("wWw.zone.example", kTypeA);
  for (const std::uint32_t resolver : {0u, 1u}) {
    const auto plain = Ask(query, resolver);
    ASSERT_TRUE(plain) << resolver;
    EXPECT_EQ(plain->reply.outcome, UpstreamOutcome::kAnswered) << resolver;
    EXPECT_EQ(plain->message, zone.Reply(query)) << "off changed a byte";
  }
  for (const std::uint32_t resolver : {2u, 3u}) {
    const auto validated = Ask(query, resolver);
    ASSERT_TRUE(validated) << resolver;
    EXPECT_EQ(validated->reply.outcome, UpstreamOutcome::kValidated) << resolver;
    EXPECT_EQ(validated->reply.algorithm, SignedZone::kAlgorithm);
    EXPECT_EQ(validated->reply.key_tag, zone.key_tag());
    EXPECT_TRUE(Answers(*QuestionOf(query), query, validated->message));
    EXPECT_EQ(IdOf(validated->message), IdOf(query));
    EXPECT_TRUE(validated->message.ends_with(std::string("\xc6\x33\x64\x0a", 4)));
    const auto big = Ask(MakeQuery("big.zone.example", kTypeTxt), resolver);
    ASSERT_TRUE(big);
    EXPECT_EQ(big->reply.outcome, UpstreamOutcome::kValidated);
    EXPECT_GT(big->message.size(), 6000u);
    EXPECT_EQ(Ask(MakeQuery("host.plain.zone.example", kTypeA), resolver)->reply.outcome, UpstreamOutcome::kInsecure);
  }
}

// Value of a line "Name:\tvalue" of a process's status.
std::string StatusOf(pid_t pid, const std::string& name) {
  const std::string text = sys::ReadFile(AT_FDCWD, "/proc/" + std::to_string(pid) + "/status", 65536).value_or("");
  const std::size_t at = text.find("\n" + name + ":\t");
  if (at == std::string::npos) return "";
  const std::size_t start = at + name.size() + 3;
  return text.substr(start, text.find('\n', start) - start);
}

TEST_F(Program, HasTwoPartsUnderTwoFiltersAndTheOneWithSocketsHoldsNothingThatLeadsOut) {
  const SignedZone zone;
  ZoneServer server(zone);
  Start({LoopbackResolver(wire::Transport::kUdp, wire::DnssecMode::kRequire, server.port())}, "", zone.anchor());
  ASSERT_TRUE(Record(wire::GateRecordKind::kReady));
  const std::string task = "/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children";
  const pid_t validator = std::atoi(sys::ReadFile(AT_FDCWD, task, 4096).value_or("").c_str());
  ASSERT_GT(validator, 0);
  const std::string ours = StatusOf(::getpid(), "Seccomp_filters");
  for (const pid_t part : {pid_, validator}) {
    EXPECT_EQ(StatusOf(part, "Seccomp"), "2");
    EXPECT_EQ(StatusOf(part, "CapPrm"), "0000000000000000");
    // Kernels before 5.9 don't count them.
    const std::string filters = ours.empty() ? "" : std::to_string(std::atoi(ours.c_str()) + 2);
    EXPECT_EQ(StatusOf(part, "Seccomp_filters"), filters);
  }
  if (::geteuid() != 0) GTEST_SKIP() << "looking at descriptors of a process that is not dumpable needs root";
  for (const int fd : {kRecordsFd, kDialFd, kGateFd}) {
    const auto relays = sys::ReadLinkAt(AT_FDCWD, "/proc/" + std::to_string(pid_) + "/fd/" + std::to_string(fd));
    ASSERT_TRUE(relays) << relays.error().message;
    ASSERT_TRUE(relays->starts_with("socket:")) << *relays;
    const auto directory = sys::OpenAt(AT_FDCWD, "/proc/" + std::to_string(validator) + "/fd", O_RDONLY | O_DIRECTORY);
    ASSERT_TRUE(directory);
    EXPECT_TRUE(sys::ForEachEntry(directory->get(), [&](const sys::DirectoryEntry& entry) {
      const auto link = sys::ReadLinkAt(directory->get(), entry.name);
      EXPECT_FALSE(link && *link == *relays) << "the validator's descriptor " << entry.name;
      return true;
    }));
  }
}

TEST_F(Program, EndsAndSaysSoWhenItsValidatorDoes) {
  const SignedZone zone;
  ZoneServer server(zone);
  Start({LoopbackResolver(wire::Transport::kUdp, wire::DnssecMode::kRequire, server.port())}, "", zone.anchor());
  ASSERT_TRUE(Record(wire::GateRecordKind::kReady));
  const std::string task = "/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children";
  const pid_t validator = std::atoi(sys::ReadFile(AT_FDCWD, task, 4096).value_or("").c_str());
  ASSERT_GT(validator, 0);
  ::kill(validator, SIGKILL);
  const auto failing = Record(wire::GateRecordKind::kFailing);
  ASSERT_TRUE(failing);
  EXPECT_EQ(std::string(failing->name), "the validator has ended");
  EXPECT_EQ(WEXITSTATUS(WaitForExit()), 1);
}

TEST_F(Program, ValidatesOverPlainUdpAndFetchesLargeAnswersOverTcp) {
  const SignedZone zone;
  ZoneServer server(zone);
  Start({LoopbackResolver(wire::Transport::kUdp, wire::DnssecMode::kRequire, server.port())}, "", zone.anchor());
  ASSERT_TRUE(Record(wire::GateRecordKind::kReady));
  const auto answer = Ask(MakeQuery("www.zone.example", kTypeA, true, true));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->reply.outcome, UpstreamOutcome::kValidated);
  EXPECT_NE(answer->message[3] & 0x20, 0);
  const auto big = Ask(MakeQuery("big.zone.example", kTypeTxt));
  ASSERT_TRUE(big);
  EXPECT_EQ(big->reply.outcome, UpstreamOutcome::kValidated);
  EXPECT_GT(big->message.size(), 6000u);
  const auto none = Ask(MakeQuery("nobody.zone.example", kTypeA));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->reply.outcome, UpstreamOutcome::kValidated);
  EXPECT_EQ(none->message[3] & 0x0f, 3);
}

TEST_F(Program, ATypeThatIsNotValidatedIsRelayedOrNotByTheMode) {
  const SignedZone zone;
  TlsServer dot({.speaks = Speaks::kDot}, [&zone](const std::string& query) { return zone.Reply(query, {.set_ad = true}); });
  Start({LoopbackResolver(wire::Transport::kDot, wire::DnssecMode::kRequire, dot.port()),
         LoopbackResolver(wire::Transport::kDot, wire::DnssecMode::kBestEffort, dot.port())},
        dot.authority(), zone.anchor());
  ASSERT_TRUE(Record(wire::GateRecordKind::kReady));
  const std::string query = MakeQuery("zone.example", 2);
  const auto required = Ask(query, 0);
  ASSERT_TRUE(required);
  EXPECT_EQ(required->reply.outcome, UpstreamOutcome::kUnsupportedType);
  EXPECT_TRUE(required->message.empty());
  EXPECT_EQ(dot.requests(), 0);
  const auto relayed = Ask(query, 1);
  ASSERT_TRUE(relayed);
  EXPECT_EQ(relayed->reply.outcome, UpstreamOutcome::kUnsupportedType);
  EXPECT_EQ(relayed->message, zone.Reply(query)) << "with AD, which nobody proved";
}

TEST_F(Program, LiesOfTheResolverGiveNoAnswer) {
  const SignedZone zone;
  TlsServer dot({.speaks = Speaks::kDot}, [&zone](const std::string& query) {
    return zone.Reply(query, {.other_address = true, .set_ad = true});
  });
  Start({LoopbackResolver(wire::Transport::kDot, wire::DnssecMode::kBestEffort, dot.port())}, dot.authority(), zone.anchor());
  ASSERT_TRUE(Record(wire::GateRecordKind::kReady));
  const auto answer = Ask(MakeQuery("www.zone.example", kTypeA));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->reply.outcome, UpstreamOutcome::kBogus);
  EXPECT_TRUE(answer->message.empty());
}

TEST_F(Program, RequestsThatAreNoneAreRefusedAndTheNextIsServed) {
  const SignedZone zone;
  TlsServer dot({.speaks = Speaks::kDot}, [&zone](const std::string& query) { return zone.Reply(query); });
  Start({LoopbackResolver(wire::Transport::kDot, wire::DnssecMode::kOff, dot.port())}, dot.authority(), "");
  ASSERT_TRUE(Record(wire::GateRecordKind::kReady));
  ASSERT_TRUE(sys::SendMsg(gate_.get(), "short"));
  const auto unknown_resolver = Ask(MakeQuery("www.zone.example", kTypeA), 7);
  ASSERT_TRUE(unknown_resolver);
  EXPECT_EQ(unknown_resolver->reply.outcome, UpstreamOutcome::kFailed);
  const auto no_message = Ask("no message");
  ASSERT_TRUE(no_message);
  EXPECT_EQ(no_message->reply.outcome, UpstreamOutcome::kFailed);
  const auto good = Ask(MakeQuery("www.zone.example", kTypeA));
  ASSERT_TRUE(good);
  EXPECT_EQ(good->reply.outcome, UpstreamOutcome::kAnswered);
}

TEST_F(Program, BeatsAndEndsWhenTheGateOrTheSupervisorIsGone) {
  TlsServer dot({}, [](const std::string& query) { return query; });
  const std::vector resolvers = {LoopbackResolver(wire::Transport::kDot, wire::DnssecMode::kOff, dot.port())};
  Start(resolvers, dot.authority(), "");
  ASSERT_TRUE(Record(wire::GateRecordKind::kReady));
  EXPECT_TRUE(Record(wire::GateRecordKind::kBeat));
  gate_.Reset();
  EXPECT_EQ(WaitForExit(), 0);
  Start(resolvers, dot.authority(), "");
  ASSERT_TRUE(Record(wire::GateRecordKind::kReady));
  records_.Reset();
  EXPECT_EQ(WaitForExit(), 0);
}

TEST_F(Program, SaysWhyItDoesNotStart) {
  const auto resolver = LoopbackResolver(wire::Transport::kDot, wire::DnssecMode::kRequire, 853);
  Start({resolver}, "no certificate", "");
  auto failing = Record(wire::GateRecordKind::kReady);
  ASSERT_TRUE(failing);
  EXPECT_EQ(failing->kind, wire::GateRecordKind::kFailing);
  EXPECT_NE(std::string(failing->name).find("certificate"), std::string::npos) << failing->name;
  EXPECT_EQ(WEXITSTATUS(WaitForExit()), 1);
  Start({LoopbackResolver(wire::Transport::kTcp, wire::DnssecMode::kRequire, 53)}, "", "zone.example. IN DS 1 13 2 zz\n");
  failing = Record(wire::GateRecordKind::kReady);
  ASSERT_TRUE(failing);
  EXPECT_EQ(failing->kind, wire::GateRecordKind::kFailing);
  EXPECT_NE(std::string(failing->name).find("anchor"), std::string::npos) << failing->name;
  EXPECT_EQ(WEXITSTATUS(WaitForExit()), 1);
}

TEST_F(Program, WithoutAFilterItDoesNotStart) {
  TlsServer dot({}, [](const std::string& query) { return query; });
  Start({LoopbackResolver(wire::Transport::kDot, wire::DnssecMode::kOff, dot.port())}, dot.authority(), "", "");
  const auto failing = Record(wire::GateRecordKind::kReady);
  ASSERT_TRUE(failing);
  EXPECT_EQ(failing->kind, wire::GateRecordKind::kFailing);
}

}  // namespace
}  // namespace upstream
