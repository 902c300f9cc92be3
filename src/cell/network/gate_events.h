// SPDX-License-Identifier: Apache-2.0
// From a gate's records to events: ids, links between query, flow and close, order, counts. Trusts no text and no number.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "cell/network/answered_queries.h"
#include "cell/network/denials.h"
#include "cell/network/gate_words.h"
#include "cell/recorder.h"
#include "cell/settings.h"
#include "event/flow_events.h"
#include "event/gate_decisions.h"
#include "event/leaf_writer.h"
#include "plan/network.h"
#include "wire/gate_record.h"

namespace cell {

// Used by one thread.
class GateEvents {
 public:
  struct Parts {
    Recorder* recorder = nullptr;                // not owned, as all pointers here
    const base::Clock* clock = nullptr;
    const plan::NetworkPlan* network = nullptr;
    const Settings* settings = nullptr;
    std::string policy_digest;                   // canonical spec hash
    std::vector<std::string> response_allowlist; // of the document, as written
  };
  explicit GateEvents(Parts parts);

  // The record was decoded. What is no decision (kReady, kBeat, kFailing, kSecretDenied) is left to the caller.
  void Take(const wire::GateRecord& record);
  void AttachDenialFile(base::UniqueFd file) { file_ = DenialFile(std::move(file)); }
  // A refusal that the kernel told, not the gate.
  void AddDenial(const Denial& denial);

  const DenialTally& denials() const { return tally_; }
  const std::set<std::uint32_t>& rules_used() const { return rules_used_; }  // of authority.egressRules
  std::uint64_t flows_allowed() const { return flows_allowed_; }
  std::uint64_t flows_under_no_rule() const { return flows_under_no_rule_; }
  std::uint64_t flows_open() const { return flows_open_; }
  // Addresses that were dialled for allowed flows, for whoever compares with other counts.
  const std::optional<wire::GateTotals>& totals() const { return totals_; }

 private:
  struct HostState {
    std::vector<std::string> targets;
    std::string digest = "empty";
    base::BootTime at{0};
    std::uint64_t ttl_s = 0;
  };

  void TakeAlias(const wire::GateRecord& record);
  void TakeQuery(const wire::GateRecord& record);
  void TakeFlow(const wire::GateRecord& record);
  void TakeClosed(const wire::GateRecord& record);
  void TakeL7(const wire::GateRecord& record);
  void TakeDnssec(const wire::GateRecord& record);
  void TakeRebind(const wire::GateRecord& record);
  void TakeTarget(const wire::GateRecord& record);
  void TakeTargetsEnd(const wire::GateRecord& record);
  void TellResolution(const wire::GateRecord& record, const std::vector<std::string>& targets);
  void TellDrift(const wire::GateRecord& record, std::vector<std::string> targets);
  void TakeSuppressed(const wire::GateRecord& record);
  void Deny(const wire::GateRecord& record, const std::string& known_name);

  event::DecisionTrust DnsTrust() const;
  event::GateDecisionWriter::Run RunOf() const;
  std::string ResolverId(std::uint8_t index) const;
  // When it happened: as the gate says, never before what was told of this observer and never after now.
  // Its text is valid until the next call.
  using Moment = event::GateDecisionWriter::Moment;
  Moment When(event::Observer observer, const wire::GateRecord& record);
  void Emit(event::Draft draft, const Moment& when);
  std::string_view NewId();  // valid until the next call
  void RememberQuery(const wire::GateRecord& record, std::string_view name, const Moment& when,
                     std::optional<event::LeafIndex> leaf);
  void RememberFlow(std::uint64_t id);

  Parts p_;
  DenialTally tally_;
  DenialFile file_;
  std::array<base::BootTime, event::kObserverCount> last_{};
  event::TimeText wall_text_;
  event::GateDecisionWriter writer_;
  std::string id_;                         // of the decision that is being told
  event::LinkedQuery linked_;              // kept for its memory
  LastAddress asked_, destination_;
  LastRule rule_;
  AnsweredQueries queries_;
  using DecisionId = std::array<char, 36>;
  std::unordered_map<std::uint64_t, DecisionId> flows_;
  std::deque<std::uint64_t> flow_order_;
  std::uint64_t alias_of_ = 0;
  std::vector<std::string> aliases_;
  std::vector<std::string> targets_;       // of the resolution that is being told
  std::map<std::string, HostState> hosts_;
  std::map<std::string, std::string> dnssec_faults_;  // host -> status, since its last resolution
  std::set<std::uint32_t> rules_used_;
  std::uint64_t flows_allowed_ = 0, flows_under_no_rule_ = 0, flows_open_ = 0;
  std::optional<wire::GateTotals> totals_;
};

}  // namespace cell
