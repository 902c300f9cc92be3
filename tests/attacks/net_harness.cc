// SPDX-License-Identifier: Apache-2.0
#include "net_harness.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace attacks {

namespace fs = std::filesystem;

namespace {

std::string Joined(const Words& words, const std::string& around) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ",") + around + word + around;
  return out;
}

std::string& WhyNoWorld() {
  static std::string why;
  return why;
}

outside::World* TheWorld() {
  static const std::unique_ptr<outside::World> world =
      outside::World::Create("nameserver 192.0.2.53\nnameserver 2001:db8::53\n", &WhyNoWorld());
  return world.get();
}

std::uint64_t NumberAfter(const std::string& line, const std::string& key) {
  const auto at = line.find("\"" + key + "\":");
  return at == line.npos ? 0 : std::strtoull(line.c_str() + at + key.size() + 3, nullptr, 10);
}

}  // namespace

std::string Rule(const std::string& host, int port, const std::string& protocol) {
  return R"({"host":")" + host + R"(","port":)" + std::to_string(port) +
         (protocol.empty() ? "" : R"(,"protocol":")" + protocol + '"') + "}";
}

std::string Trial::Said(const std::string& line) const {
  const auto found = said.find(line);
  return found == said.end() ? "(nothing)" : found->second;
}

std::uint64_t Trial::Sum(std::string_view type, const Words& parts) const {
  std::uint64_t sum = 0;
  std::istringstream lines(run.log);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(std::string(type) + "\"") == line.npos) continue;
    if (!std::all_of(parts.begin(), parts.end(), [&](const auto& part) { return line.find(part) != line.npos; }))
      continue;
    const std::uint64_t suppressed = NumberAfter(line, "suppressed");
    sum += suppressed > 0 ? suppressed : 1;
  }
  return sum;
}

NetTest::NetTest() : CellTest(std::get<0>(GetParam())) {
  const std::string probe = top() + "/probe/net_probe";
  std::error_code error;
  fs::copy_file(CELLOS_BIN_DIR "/net_probe", probe, error);
  fs::permissions(probe, static_cast<fs::perms>(0755), error);
  Own(probe);
}

void NetTest::SetUp() {
  if (::getuid() != 0) GTEST_SKIP() << "needs root: network namespaces with a link between them";
  ASSERT_NE(TheWorld(), nullptr) << WhyNoWorld();
}

void NetTest::TearDown() {
  if (HasFailure() && ::getenv("CELLOS_KEEP_TRIALS") != nullptr) {
    std::error_code error;
    fs::copy(top(), "/tmp/trial-" + fs::path(top()).filename().string(), fs::copy_options::recursive, error);
  }
}

outside::World& NetTest::World() { return *TheWorld(); }

std::string NetTest::At(Family family, int n) {
  char text[32];
  std::snprintf(text, sizeof text, family == Family::k4 ? "203.0.113.%d" : "2001:db8:113::%x", n);
  return text;
}

void NetTest::Table(const std::string& lines) {
  static std::set<std::string> told;
  if (told.insert(lines).second) {
    ASSERT_EQ(World().dns().Add(lines), "");
  }
}

void NetTest::Name(const std::string& name, const std::string& v4, const std::string& v6, const std::string& more) {
  Table(name + " A 300 " + v4 + more + "\n" + name + " AAAA 300 " + v6 + more + "\n");
}

void NetTest::NameAt(const std::string& name, int n) { Name(name, At(Family::k4, n), At(Family::k6, n)); }

std::string NetTest::TrialDocument(const Net& net, const std::string& id, const Words& lines) {
  const std::string name = "lines" + std::to_string(++trials_);
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  Write("probe/" + name, text);
  std::string endpoint = (v6() ? "[" + Resolver() + "]" : Resolver()) + ":53";
  std::string dns;
  if (!net.names.empty() || !net.dns.empty()) {
    dns = R"(,"dnsAuthority":{)";
    if (net.own_resolver)
      dns += R"("resolvers":[{"resolverId":"world","endpoint":")" + endpoint + R"(","protocol":"do53-udp"}],)";
    dns += R"("hostnameAllowlist":[)" + Joined(net.names, "\"") + "]" + (net.dns.empty() ? "" : "," + net.dns) + "}";
  }
  Words argv = ProbeCommand({"@/attack/" + name});
  argv[0] = "/attack/net_probe";
  return R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":")" + id +
         R"(","authority":{"filesystem":{"readable":[{"source":")" + top() +
         R"(/probe","target":"/attack"}],"writable":[{"source":")" + Rw() +
         R"(","target":"/attack-rw"}]},"egressRules":[)" + Joined(net.rules, "") + "]" + dns +
         (net.authority.empty() ? "" : "," + net.authority) + R"(},"lifetime":{"ttlSeconds":)" +
         std::to_string(net.ttl) + R"(},"run":{"argv":[)" + Joined(argv, "\"") + R"(],"secretDelivery":")" +
         net.delivery + '"' + (net.run.empty() ? "" : "," + net.run) + "}" + (net.spec.empty() ? "" : "," + net.spec) +
         "}}";
}

Started NetTest::StartTrial(const Net& net, const Words& lines, How how) {
  const std::string id = "net" + std::to_string(::getpid()) + "x" + std::to_string(trials_ + 1);
  how.input = TrialDocument(net, id, lines);
  how.options.insert(how.options.end(), {"--spec", "-"});
  Started started = Start({}, how);
  started.id = id;
  return started;
}

Trial NetTest::FinishTrial(const Started& started, const How& how) {
  Trial trial;
  trial.run = Wait(started, how);
  trial.said = ParseAnswers(trial.run.out);
  trial.outcome = World().Now();
  EXPECT_EQ(trial.outcome.packets_lost, 0u) << "the counts of packets are too low";
  EXPECT_EQ(trial.outcome.reached_host, 0u) << "the cell reached a service of the host";
  return trial;
}

Trial NetTest::TryAll(const Net& net, const Words& lines, const How& how) {
  World().Forget();
  return FinishTrial(StartTrial(net, lines, how), how);
}

const Trial& NetTest::Once(const std::string& suite, const std::function<Trial()>& make) {
  static std::map<std::tuple<std::string, As, Family>, Trial> trials;
  const auto key = std::make_tuple(suite, who(), family());
  auto found = trials.find(key);
  if (found == trials.end()) {
    found = trials.emplace(key, make()).first;
    EXPECT_EQ(found->second.run.Reason(), "completed") << found->second.run.err << found->second.run.json;
    for (const auto& [line, verdict] : found->second.said) EXPECT_NE(verdict, "hang") << line;
  }
  return found->second;
}

pid_t NetTest::ProcessNamed(const std::string& name) const {
  for (const pid_t pid : Descendants()) {
    std::string comm = Read("/proc/" + std::to_string(pid) + "/comm");
    if (comm == name.substr(0, 15) + "\n") return pid;
  }
  return -1;
}

testing::AssertionResult NetTest::NothingOut(const Trial& trial, const std::string& address, std::uint16_t port) {
  const std::uint64_t out = trial.outcome.Out(address, port);
  if (out == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << out << " packets left for " << address << " port " << port;
}

testing::AssertionResult NetTest::Said(const Trial& trial, const std::string& line, const Words& anyof) {
  const std::string verdict = trial.Said(line);
  if (std::find(anyof.begin(), anyof.end(), verdict) != anyof.end()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << line << ": " << verdict << "; wanted one of " << Joined(anyof, "'");
}

testing::AssertionResult NetTest::Denied(const Trial& trial, std::string_view type, const std::string& reason,
                                         const Words& parts) {
  Words all = {"\"decision\":\"deny\"", "\"reasonCode\":\"" + reason + "\""};
  if (type.find("l7") != type.npos) all[0] = "\"action\":\"deny\"";
  all.insert(all.end(), parts.begin(), parts.end());
  if (trial.Logged(type, all)) return testing::AssertionSuccess();
  std::string near;
  std::istringstream lines(trial.run.log);
  for (std::string line; std::getline(lines, line) && near.size() < 4000;) {
    if (line.find(std::string(type) + "\"") != line.npos &&
        std::all_of(parts.begin(), parts.end(), [&](const auto& part) { return line.find(part) != line.npos; })) {
      near += line + "\n";
    }
  }
  return testing::AssertionFailure() << "no " << type << " " << reason << " with " << Joined(parts, "'")
                                     << "; there is:\n"
                                     << near;
}

std::string NameOfNetParam(const testing::TestParamInfo<std::tuple<As, Family>>& info) {
  return ToString(std::get<0>(info.param)) + (std::get<1>(info.param) == Family::k4 ? "V4" : "V6");
}

}  // namespace attacks
