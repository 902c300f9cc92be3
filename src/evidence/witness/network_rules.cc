// SPDX-License-Identifier: Apache-2.0
// Claims of connects, the gate's record and the kernel's counters against each other.
#include <fmt/format.h>

#include "evidence/witness/rules.h"

namespace evidence {
namespace {

using event::Observer;
using event::Verdict;

// Headers of one packet on the cell's loopback: IPv4 and UDP at least, IPv6 and TCP with all options at most.
constexpr std::uint64_t kLeastHeader = 28, kMostHeader = 100;

std::uint64_t Less(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }
std::uint64_t Times(std::uint64_t a, std::uint64_t b) { return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b; }

Cites Flows(const Facts& facts) {
  Cites cites;
  Cite(cites, facts.channel.Opened(Observer::kGateFlow));
  Cite(cites, facts.network.tcp);
  Cite(cites, facts.network.udp);
  return cites;
}

// What may be missing because the gate's records were lost is no contradiction.
Verdict WithoutLoss(const Facts& facts) {
  return facts.channel.GateLossy() || facts.channel.gate_failures ? Verdict::kGap : Verdict::kContradiction;
}

bool ConnectsAsked(const ChannelFacts& channel) {
  return channel.Opened(Observer::kAgent) && channel.Opened(Observer::kGateFlow) &&
         (channel.Declared(Claim::kConnect) || channel.Claimed(Claim::kConnect));
}

}  // namespace

void JudgeConnects(const Facts& facts, Bench& bench) {
  const NetworkFacts& network = facts.network;
  const Tally& claims = facts.channel.Claimed(Claim::kConnect);
  if (!ConnectsAsked(facts.channel) || !claims) return;
  Cites cites = Flows(facts);
  Cite(cites, claims);
  Cite(cites, network.suppressed_rows);
  const std::uint64_t flows = AddUp(AddUp(network.tcp.count, network.udp.count), network.suppressed);
  std::uint64_t dns = network.queries.count, refused = network.logged.count;
  if (const TableReading* reading = network.Final()) {
    cites.push_back(network.reading->leaf);
    dns = reading->dns_sockets;
    refused = reading->refused;
  } else {
    Cite(cites, network.queries);
    Cite(cites, network.logged);
  }
  const std::uint64_t seen = AddUp(AddUp(flows, dns), refused);
  const std::string text = fmt::format("{} connects claimed; the host saw {} flows, {} DNS sockets and {} refused packets",
                                       claims.count, flows, dns, refused);
  if (claims.count <= seen) return bench.Say(Verdict::kAgree, cites, text);
  bench.Say(Verdict::kGap, cites,
            fmt::format("{}: {} that nothing outside shows (sockets inside the cell, and calls that failed, are claimed too)",
                        text, claims.count - seen));
}

// No contradiction: a message with an address opens a connection without connect(2), and such calls are not notified.
void JudgeUnclaimedFlows(const Facts& facts, Bench& bench) {
  const Tally &claims = facts.channel.Claimed(Claim::kConnect), &flows = facts.network.tcp;
  if (!ConnectsAsked(facts.channel) || !flows) return;
  Cites cites = Flows(facts);
  Cite(cites, facts.channel.Opened(Observer::kAgent));
  Cite(cites, claims);
  const std::string text = fmt::format("{} TCP flows at the gate, {} connects claimed", flows.count, claims.count);
  if (flows.count <= claims.count) return bench.Say(Verdict::kAgree, cites, text);
  bench.Say(Verdict::kGap, cites,
            fmt::format("{}: {} flows that no claim explains (sendmsg(2) with an address is not notified){}", text,
                        flows.count - claims.count,
                        facts.channel.AgentHeardOut() ? "" : "; the agent was not heard to its end"));
}

void JudgeFlowCount(const Facts& facts, Bench& bench) {
  const NetworkFacts& network = facts.network;
  const TableReading* reading = network.Final();
  if (!facts.channel.Opened(Observer::kGateFlow) || reading == nullptr) return;
  const std::uint64_t flows = network.tcp.count, all = AddUp(flows, network.suppressed), granted = reading->granted;
  if (all == 0 && granted == 0) return;
  Cites cites = Flows(facts);
  cites.push_back(network.reading->leaf);
  Cite(cites, network.suppressed_rows);
  const std::string text = fmt::format("{} TCP flows decided by the gate and {} denials only counted; the kernel counted {} "
                                       "first packets to it",
                                       flows, network.suppressed, granted);
  if (flows > granted) {
    return bench.Say(Verdict::kContradiction, cites,
                     fmt::format("{}: {} flows that no packet began", text, flows - granted));
  }
  // Datagrams without an answer are counted one by one.
  if (all == granted || reading->udp_steered) return bench.Say(Verdict::kAgree, cites, text);
  bench.Say(Verdict::kGap, cites,
            fmt::format("{}: a difference of {} (connections that ended before they were accepted, repeated first packets)",
                        text, Less(granted, all) + Less(all, granted)));
}

void JudgeBytes(const Facts& facts, Bench& bench) {
  const NetworkFacts& network = facts.network;
  const TableReading* reading = network.Final();
  if (reading == nullptr || !network.closed) return;
  const TableReading& rows = *reading;
  Cites cites;
  Cite(cites, network.closed);
  cites.push_back(network.reading->leaf);
  const std::uint64_t most_out = Less(rows.bytes_out, Times(rows.packets_out, kLeastHeader));
  const std::uint64_t most_in = Less(rows.bytes_in, Times(rows.packets_in, kLeastHeader));
  const std::uint64_t least_out = Less(rows.bytes_out, Times(rows.packets_out, kMostHeader));
  const std::uint64_t least_in = Less(rows.bytes_in, Times(rows.packets_in, kMostHeader));
  const std::string text =
      fmt::format("flows ended with {} bytes out and {} in; the kernel carried at most {} and {}, headers left out",
                  network.bytes_out, network.bytes_in, most_out, most_in);
  if (network.bytes_out > most_out) {
    return bench.Say(Verdict::kContradiction, cites, text + ": the gate tells of bytes that no packet carried");
  }
  // Told is what came from the server. A workload that reads no further leaves some of it in the gate and its sockets.
  if (network.bytes_in > most_in) {
    return bench.Say(Verdict::kGap, cites,
                     fmt::format("{}: at least {} bytes in came from outside and were not taken by the cell", text,
                                 network.bytes_in - most_in));
  }
  if (network.bytes_out >= least_out && network.bytes_in >= least_in) return bench.Say(Verdict::kAgree, cites, text);
  bench.Say(Verdict::kGap, cites,
            fmt::format("{}: at least {} bytes out and {} in belong to no flow (refused hellos, DNS over TCP and local "
                        "connections count too)",
                        text, Less(least_out, network.bytes_out), Less(least_in, network.bytes_in)));
}

void JudgeFlowEnds(const Facts& facts, Bench& bench) {
  const NetworkFacts& network = facts.network;
  const auto opened = facts.channel.Opened(Observer::kGateFlow);
  if (!opened || (!network.allowed && !network.closed)) return;
  if (network.closed_unopened.count > 0) {
    return bench.SayEach(WithoutLoss(facts), network.closed_unopened, {*opened});
  }
  Cites cites{*opened};
  Cite(cites, network.allowed);
  Cite(cites, network.closed);
  const std::string text = fmt::format("{} flows let through, {} told to have ended", network.allowed.count, network.closed.count);
  if (network.open() == 0 && network.unchecked == 0) return bench.Say(Verdict::kAgree, cites, text);
  Cite(cites, facts.channel.gate_failures);
  bench.Say(Verdict::kGap, cites,
            fmt::format("{}: the bytes of {} are not known ({} were reset when the gate failed)", text,
                        Less(network.allowed.count, network.closed.count), network.flows_reset));
}

void JudgeNames(const Facts& facts, Bench& bench) {
  const NetworkFacts& network = facts.network;
  const auto opened = facts.channel.Opened(Observer::kGateDns);
  if (!opened) return;
  bench.SayEach(WithoutLoss(facts), network.unanswered, {*opened});
  if (network.unchecked > 0) {
    Cites cites{*opened};
    Cite(cites, network.named);
    Cite(cites, network.tcp);
    bench.Say(Verdict::kGap, cites, fmt::format("{} flows refer to more answers or flows than are remembered", network.unchecked));
  }
  if (!network.answers) return;
  Cites cites;
  Cite(cites, network.answers);
  Cite(cites, network.named);
  bench.Say(Verdict::kAgree, cites,
            fmt::format("{} of {} flows to names cite the answer that opened their address", network.answers.count,
                        network.named.count));
}

void JudgeRefusals(const Facts& facts, Bench& bench) {
  const NetworkFacts& network = facts.network;
  const TableReading* reading = network.Final();
  const auto opened = facts.channel.Opened(Observer::kKernelNflog);
  if (!opened || reading == nullptr || (reading->logged == 0 && !network.logged)) return;
  Cites cites{*opened, network.reading->leaf};
  Cite(cites, network.logged);
  const std::string text = fmt::format("{} refused packets told one by one of {}; the kernel counted {} that it told",
                                       network.logged.count, reading->refused, reading->logged);
  if (network.logged.count == reading->logged) return bench.Say(Verdict::kAgree, cites, text);
  // What waited in the socket when the cell ended is counted and not told.
  bench.Say(network.logged.count > reading->logged ? Verdict::kContradiction : Verdict::kGap, cites, text);
}

void JudgeQuestions(const Facts& facts, Bench& bench) {
  const NetworkFacts& network = facts.network;
  const TableReading* reading = network.Final();
  const auto opened = facts.channel.Opened(Observer::kGateDns);
  if (!opened || reading == nullptr) return;
  const std::uint64_t told = AddUp(network.queries.count, network.suppressed_queries), sockets = reading->dns_sockets;
  if (told == 0 && sockets == 0) return;
  Cites cites{*opened, network.reading->leaf};
  Cite(cites, network.queries);
  const std::string text = fmt::format("{} questions decided by the gate, {} sockets that spoke to it", told, sockets);
  if (told > 0 && sockets == 0) {
    return bench.Say(Verdict::kContradiction, cites, text + ": questions that no packet asked");
  }
  if (sockets <= told) return bench.Say(Verdict::kAgree, cites, text);
  bench.Say(Verdict::kGap, cites, text + ": some asked nothing, or were not answered");
}

}  // namespace evidence
