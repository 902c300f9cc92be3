// SPDX-License-Identifier: Apache-2.0
// The inside of the DNS proxy: questions that wait, and what happens with each answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gate/dns/answer.h"
#include "gate/dns/budget.h"
#include "gate/dns/cache.h"
#include "gate/dns/decision.h"
#include "gate/dns/edge.h"
#include "gate/dns/edge_tcp.h"
#include "gate/dns/edge_udp.h"
#include "gate/dns/proxy.h"
#include "gate/dns/rebinding.h"
#include "gate/dns/refresh.h"
#include "gate/dns/upstream.h"

namespace gate::dns {

class Proxy::Core final : public QuestionSink, public TcpEdge::Observer, public UpstreamSink, public RefreshHost {
 public:
  static constexpr std::size_t kMaxJoined = 4096;  // questions that wait for the answer to an equal one

  Core(const ProxyParts& parts, const ProxySockets& sockets);
  ~Core();
  base::Result<> Start();
  void RefreshName(std::uint32_t name) { refresh_.OnRequest(name); }
  void Revoke();
  void AddTo(wire::GateTotals* totals) const;

 private:
  struct Waiter {
    Asker asker;
    std::vector<std::uint8_t> message;
  };
  // One question that is asked upstream.
  struct Job {
    Question question;                   // views `message`
    std::vector<std::uint8_t> message;
    Asker asker;
    wire::RuleRef rule;                  // lets the name be asked
    std::vector<Waiter> joined;
    std::string key;                     // empty: for nobody but the asker
    bool refresh = false;                // the asker is the gate itself
  };

  Taken OnQuestion(Bytes message, const Asker& asker) override;
  void OnClientCut(const Asker& asker) override;
  void OnOutcome(std::uint32_t index, const Outcome& outcome) override;
  void StartLookup(std::string_view name, std::uint16_t type) override;
  void JudgeTargets(std::string_view name, std::uint8_t resolver, std::vector<Target>* targets) override;
  void CreditTarget(std::string_view name, const Target& target) override;

  // proxy_core.cc: from the question to the upstream.
  Taken Forward(const Question& question, wire::RuleRef rule, const Asker& asker);
  bool Join(const Question& question, const Asker& asker, std::string_view key);
  std::uint32_t NewJob(const Question& question);
  void FreeJob(std::uint32_t index);
  void Reply(const Question& question, const Asker& asker, Bytes message);
  void Deny(const Question& question, const Asker& asker, wire::GateReason reason, wire::RuleRef rule,
            const Outcome* outcome);
  wire::GateRecord QueryRecord(const Question& question, const Asker& asker) const;
  void Flush();

  // proxy_answer.cc: from the upstream to the client.
  void OnLookupOutcome(const Job& job, const Outcome& outcome);
  void Answered(const Job& job, const Outcome& outcome);
  void Serve(const Question& question, wire::RuleRef rule, const Asker& asker, const Served& served,
             std::uint32_t age_s, const Outcome* outcome);
  void ServeRefused(const Question& question, const Asker& asker, Bytes message, const Relayed& relayed,
                    const Outcome& outcome);
  void ReportDnssec(const Question& question, const Outcome& outcome);
  void ReportRebind(std::string_view name, std::uint8_t resolver, std::string_view address, std::uint32_t code,
                    const RebindRound& round);
  void Credit(std::string_view name, const base::IpAddress& address, std::uint32_t ttl_s, std::uint64_t query);
  template <class Each>
  void ForEachAsker(const Job& job, Each each);

  Loop& loop_;
  const Grants& grants_;
  Reporter& reporter_;
  CreditSink& credits_;
  GrantsPolicy policy_;
  UdpEdge udp_;
  TcpEdge tcp_;
  Upstream upstream_;
  Cache cache_;
  Budget budget_;
  std::optional<RebindHistory> rebinding_;
  gate::dns::Refresh refresh_;
  bool revoked_ = false;

  std::vector<std::unique_ptr<Job>> jobs_;
  std::vector<std::uint32_t> free_jobs_;
  std::unordered_map<std::string_view, std::uint32_t> in_flight_;  // keys lie in the jobs
  std::size_t joined_ = 0;
  wire::GateTotals counters_{};

  Judgement judgement_;                  // kept for their memory
  Served served_;
  std::vector<std::uint8_t> scratch_;
  std::shared_ptr<Core*> self_;          // null inside once this is gone; the loop's flush looks
};

}  // namespace gate::dns
