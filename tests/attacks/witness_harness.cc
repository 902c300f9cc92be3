// SPDX-License-Identifier: Apache-2.0
#include "witness_harness.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <thread>

namespace attacks {

namespace {

std::string Quoted(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "\"" : ",\"") + word + "\"";
  return text;
}

std::uint64_t Number(std::string_view line, const std::string& member) {
  const auto at = line.find("\"" + member + "\":");
  return at == line.npos ? 0 : std::strtoull(line.data() + at + member.size() + 3, nullptr, 10);
}

// The numbers of an object, added up.
std::uint64_t SumOf(std::string_view line, const std::string& member) {
  const auto at = line.find("\"" + member + "\":{");
  std::uint64_t sum = 0;
  if (at == line.npos) return 0;
  const std::string_view object = line.substr(at, line.find('}', at) - at);
  for (auto colon = object.find("\":"); colon != object.npos; colon = object.find("\":", colon + 1)) {
    if (object[colon + 2] != '{') sum += std::strtoull(object.data() + colon + 2, nullptr, 10);
  }
  return sum;
}

}  // namespace

std::uint64_t Count(const Finished& run, std::string_view type, const Words& parts) {
  std::uint64_t count = 0;
  std::istringstream lines(run.log);
  const std::string end = std::string(type) + "\"";
  for (std::string line; std::getline(lines, line);) {
    const bool all =
        std::all_of(parts.begin(), parts.end(), [&](const std::string& part) { return line.find(part) != line.npos; });
    if (all && line.find(end) != line.npos) ++count;
  }
  return count;
}

Told::Told(const Finished& run) {
  std::istringstream lines(run.log);
  const std::pair<std::string_view, std::uint64_t*> kinds[] = {
      {"guest.process_spawned\"", &spawned},    {"guest.process_exited\"", &exited},
      {"guest.capability_denied\"", &denied},   {"guest.net_connect_attempted\"", &connects},
      {"guest.process_exit_status\"", &causes}, {"guest.agent_silenced\"", &silenced}};
  for (std::string line; std::getline(lines, line);) {
    const auto type = line.rfind("\"type\":\"");
    if (type == line.npos) continue;
    for (const auto& [name, count] : kinds) *count += line.find(name, type) != line.npos ? 1 : 0;
    if (line.find("guest.telemetry_dropped\"", type) == line.npos) continue;
    dropped = Number(line, "droppedByAgent");
    over_rate = Number(line, "overRate");
    read = Number(line, "read");
    accepted = Number(line, "accepted");
    heartbeats = Number(line, "heartbeats");
    refused = SumOf(line, "refused");
  }
}

testing::AssertionResult WatchedToTheEnd(const Finished& run, int status) {
  const Told told(run);
  if (run.status != status || run.Reason() != "completed") {
    return testing::AssertionFailure() << "ended with " << run.status << ", " << run.Reason() << ": " << run.out
                                       << run.err;
  }
  if (told.silenced != 0) return testing::AssertionFailure() << "the witness fell silent";
  if (run.Member("contradiction") != "0") return testing::AssertionFailure() << "findings: " << run.json;
  return testing::AssertionSuccess();
}

std::string WitnessTest::Document(const std::string& id, const Words& argv, const Watch& watch) const {
  return R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":")" + id +
         R"(","authority":{"filesystem":{"readable":[{"source":")" + top() +
         R"(/probe","target":"/attack"}],"writable":[{"source":")" + Rw() + R"(","target":"/attack-rw"}]})" +
         (watch.authority.empty() ? "" : "," + watch.authority) + R"(},"lifetime":{"ttlSeconds":)" +
         std::to_string(watch.ttl) + R"(},"run":{"argv":[)" + Quoted(argv) + R"(],"secretDelivery":"env"},)" +
         R"("telemetry":{"channel":"vsock-cbor","agentVersion":"1.0.0","events":[)" + Quoted(watch.events) + "]" +
         (watch.more.empty() ? "" : "," + watch.more) + "}}}";
}

Started WitnessTest::StartWatched(const Words& what, const Watch& watch, How how) {
  const std::string id = "wit" + std::to_string(::getpid()) + "x" + std::to_string(++cells_);
  how.input = Document(id, ProbeCommand(what), watch);
  how.options.insert(how.options.end(), {"--spec", "-"});
  Started started = Start({}, how);
  started.id = id;
  return started;
}

Finished WitnessTest::Watched(const Words& what, const Watch& watch, const How& how) {
  const Finished run = Wait(StartWatched(what, watch, how), how);
  EXPECT_NE(run.status, 99) << "the probe is not in a cell";
  return run;
}

pid_t WitnessTest::Find(const std::string& name) const {
  for (int i = 0; i < 5000; ++i) {
    for (const pid_t pid : Descendants()) {
      if (Read("/proc/" + std::to_string(pid) + "/comm") == name.substr(0, 15) + "\n") return pid;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return -1;
}

pid_t WitnessTest::Init() const { return Find("cellos-init"); }

void WitnessAttack::SetUp() {
#ifdef CELLOS_SANITIZED
  GTEST_SKIP() << "the gate with a sanitizer can't run under its lock";
#endif
}

}  // namespace attacks
