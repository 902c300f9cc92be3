// SPDX-License-Identifier: Apache-2.0
// Resolver refresh: the document's names looked up by the gate itself, at the start, on a tick, on request, one after
// another. What changed is found out from the records it makes.
//
// Records: kTarget for each address, then kTargetsEnd with `count2` TargetStatus and `port` the egress rule's. A
// validation that failed, or a zone without signatures, is a kDnssecFailed whose `kind2` is kTargetsEnd. A lookup that
// failed makes no kTargetsEnd, but kResolveEgress always ends with one.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "gate/dns/answer.h"
#include "gate/dns/upstream.h"
#include "gate/grants.h"
#include "gate/loop.h"
#include "gate/ports.h"

namespace gate::dns {

enum class TargetStatus : std::uint32_t { kNotAttempted, kValidated, kUnsigned, kValidationFailed };

// What a lookup of one name and type gave.
struct Lookup {
  enum class Result : std::uint8_t { kAnswered, kFailed, kNotValidated };
  Result result = Result::kFailed;
  wire::DnssecFault fault = wire::DnssecFault::kValidationFailed;
  TargetStatus status = TargetStatus::kNotAttempted;
  bool fail_closed = false;           // kNotValidated by a resolver that requires validation
  std::uint8_t resolver = 0xff;
  std::uint8_t rcode = 0;
  std::vector<Target> targets;        // of the answer itself, those of a refused class too
};

class RefreshHost {
 public:
  // Starts a lookup; Refresh::OnLookup follows, maybe from within.
  virtual void StartLookup(std::string_view name, std::uint16_t type) = 0;
  // The rebinding policy over both families of a name; refuses what it takes out.
  virtual void JudgeTargets(std::string_view name, std::uint8_t resolver, std::vector<Target>* targets) = 0;
  virtual void CreditTarget(std::string_view name, const Target& target) = 0;

 protected:
  ~RefreshHost() = default;
};

class Refresh {
 public:
  static constexpr std::size_t kMaxTargets = 24;  // of one name

  Refresh(Loop& loop, const Grants& grants, Reporter& reporter, RefreshHost& host)
      : loop_(loop), grants_(grants), reporter_(reporter), host_(host) {}
  ~Refresh() { loop_.Cancel(timer_); }

  void Start();
  void OnRequest(std::uint32_t name);
  void OnLookup(Lookup lookup);
  void Stop();

 private:
  struct Task {
    std::string name;
    wire::TargetPurpose purpose;
    std::uint16_t port;               // of the egress rule; else 0
  };
  void Enqueue(std::string_view name, wire::TargetPurpose purpose, std::uint16_t port = 0);
  void EnqueueNames(wire::TargetPurpose purpose);
  void Tick();
  void Next();
  void Finish();
  void ReportFault(const Lookup& lookup);

  Loop& loop_;
  const Grants& grants_;
  Reporter& reporter_;
  RefreshHost& host_;
  std::deque<Task> tasks_;             // the first one is under way when lookups_left_ is not 0
  std::vector<Lookup> lookups_;
  unsigned lookups_left_ = 0;
  std::unordered_map<std::string, base::BootTime> refreshed_;  // by ticks, for the floor
  Loop::TimerId timer_ = 0;
};

}  // namespace gate::dns
