// SPDX-License-Identifier: Apache-2.0
// Cells with a network, in a world of the tests' own: one cell is started with a document and a list of things to try,
// and judged by what the probe says, what the log says and what reached the world.
#pragma once

#include <functional>
#include <string>
#include <tuple>

#include "../outside/world.h"
#include "harness.h"

namespace attacks {

enum class Family { k4, k6 };

// A document's network, as JSON texts.
struct Net {
  Words rules = {};            // of egressRules
  Words names = {};            // hostnameAllowlist
  std::string dns = {};        // further members of dnsAuthority: "\"blockUdpHttp3\":true"
  std::string run = {};        // further members of run: "\"timeoutMs\":1500"
  std::string spec = {};       // further members of spec
  std::string authority = {};  // further members of authority
  std::string delivery = "env";
  int ttl = 120;
  bool own_resolver = true;  // the world's; else /etc/resolv.conf of the host
};

// One row of egressRules.
std::string Rule(const std::string& host, int port, const std::string& protocol = "");

// A finished cell.
struct Trial {
  Finished run;
  Answers said;
  outside::Outcome outcome;
  std::string Said(const std::string& line) const;
  // An event whose type ends with `type` and that holds each part.
  bool Logged(std::string_view type, const Words& parts) const { return run.Logged(type, parts); }
  // As many events of `type` with all parts; those that were only counted are added.
  std::uint64_t Sum(std::string_view type, const Words& parts) const;
};

class NetTest : public CellTest, public testing::WithParamInterface<std::tuple<As, Family>> {
 protected:
  NetTest();
  void SetUp() override;
  void TearDown() override;

  static outside::World& World();
  Family family() const { return std::get<1>(GetParam()); }
  bool v6() const { return family() == Family::k6; }
  // Address `n` of the public range that the tests use, as inet_ntop writes it; n from 1 to 255.
  std::string At(int n) const { return At(family(), n); }
  static std::string At(Family family, int n);
  std::string Either(const char* v4, const char* six) const { return v6() ? six : v4; }
  // What the cell's /etc/resolv.conf names, and the resolver behind it.
  std::string Server() const { return Either("192.0.0.8", "fd00:ce11::1"); }
  std::string Resolver() const { return Either("192.0.2.53", "2001:db8::53"); }
  std::string Type() const { return Either("A", "AAAA"); }
  // A line of the table of names: NAME, A or AAAA, one of the two addresses.
  static void Name(const std::string& name, const std::string& v4, const std::string& v6, const std::string& more = "");
  static void NameAt(const std::string& name, int n);  // At(n) of both families
  static void Table(const std::string& lines);         // lines that it has are not added again

  // `lines` tried in a cell with `net`. The world is told nothing before and asked after.
  Trial TryAll(const Net& net, const Words& lines, const How& how = {});
  // The same, started only; `lines` in a file of this name.
  Started StartTrial(const Net& net, const Words& lines, How how = {});
  Trial FinishTrial(const Started& started, const How& how = {});
  // The document of a trial; the lines go into a file that the cell sees.
  std::string TrialDocument(const Net& net, const std::string& id, const Words& lines);
  // One trial for all tests of a suite with the same parameters.
  const Trial& Once(const std::string& suite, const std::function<Trial()>& make);

  // The process of that name below this one, or -1.
  pid_t ProcessNamed(const std::string& name) const;

  // Nothing at all left the host for `address`.
  static testing::AssertionResult NothingOut(const Trial& trial, const std::string& address, std::uint16_t port = 0);
  static testing::AssertionResult Said(const Trial& trial, const std::string& line, const Words& anyof);
  // A denial of that reason and rule about these parts was logged.
  static testing::AssertionResult Denied(const Trial& trial, std::string_view type, const std::string& reason,
                                         const Words& parts);

 private:
  int trials_ = 0;
};

std::string NameOfNetParam(const testing::TestParamInfo<std::tuple<As, Family>>& info);

#define NET_ATTACK_AS_EVERYBODY(suite)                                                                                \
  INSTANTIATE_TEST_SUITE_P(As, suite,                                                                                 \
                           testing::Combine(testing::ValuesIn(Everybody()), testing::Values(Family::k4, Family::k6)), \
                           NameOfNetParam)

// What takes its time: as whoever runs the tests over IPv4, as an ordinary user over IPv6.
#define NET_ATTACK_IN_TWO_WAYS(suite)                                                                           \
  INSTANTIATE_TEST_SUITE_P(                                                                                     \
      As, suite,                                                                                                \
      testing::Values(std::make_tuple(As::kSelf, Family::k4), std::make_tuple(Everybody().back(), Family::k6)), \
      NameOfNetParam)

}  // namespace attacks
