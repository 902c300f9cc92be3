// SPDX-License-Identifier: Apache-2.0
// The lane rules of evidence.md §2.
#include "event/leaf_rules.h"

#include <cassert>

#include "event/types.h"
#include "json/canonical.h"
#include "json/reader.h"

namespace event {
namespace {

// The data is nested once inside the event.
constexpr unsigned kMaxDataDepth = 31;
constexpr std::string_view kEvidenceFamily = "dev.cellos.events.cell.evidence_log.";

std::unexpected<base::Error> Refuse(const Draft& draft, std::string_view why) {
  return base::Fail(base::ErrorKind::kInvalid,
                    "event " + std::string(draft.type) + " of " + std::string(ToString(draft.observer)) + " refused: " +
                        std::string(why));
}

bool IsHexDigest(const json::Value* value) {
  return value != nullptr && value->is_string() && value->string().size() == 64 &&
         value->string().find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

base::Result<> CheckClaim(const Draft& draft, const json::Value& data) {
  if (draft.type.starts_with(kEvidenceFamily)) return Refuse(draft, "a claim can't be of the evidence family");
  for (const std::string_view name : {"verdict", "decision", "grant"}) {
    if (data.Find(name) != nullptr) return Refuse(draft, "a claim can't carry a verdict, decision or grant");
  }
  if (!IsHexDigest(data.Find("frameSha256"))) return Refuse(draft, "a claim names the SHA-256 of its frame");
  return {};
}

base::Result<> CheckDerived(const Draft& draft, const json::Value& data, std::uint64_t index) {
  const json::Value* cites = data.Find("cites");
  if (cites == nullptr || !cites->is_array() || cites->array().empty()) {
    return Refuse(draft, "a derived event cites the leaves it comes from");
  }
  for (const json::Value& cite : cites->array()) {
    if (cite.kind() != json::Kind::kUint || cite.unsigned_integer() >= index) {
      return Refuse(draft, "a derived event cites earlier leaves only");
    }
  }
  return {};
}

}  // namespace

base::Result<> CheckDraft(const Draft& draft, std::uint64_t index) {
  if (draft.data.size() < 2 || draft.data.front() != '{' || draft.data.back() != '}' ||
      draft.data.find('\n') != std::string::npos) {
    return Refuse(draft, "its data is not one object on one line");
  }
  assert(json::IsCanonicalJcs(draft.data, kMaxDataDepth));
  if ((draft.type == kLogOpened) != (index == 0)) return Refuse(draft, "opened is leaf 0 and nothing else is");
  const Lane lane = LaneOf(draft.observer);
  if (lane == Lane::kWitnessed) return {};
  const auto tree = json::Parse(draft.data, {.max_bytes = 1u << 17, .max_depth = kMaxDataDepth});
  if (!tree) return Refuse(draft, "its data is not JSON");
  return lane == Lane::kClaimed ? CheckClaim(draft, tree->root()) : CheckDerived(draft, tree->root(), index);
}

bool IsDenial(const Draft& draft) {
  if (draft.type == kDnsQuery || draft.type == kNetworkFlowDecision) {
    // Quotes inside of texts are escaped: the first place that reads like the member is the member.
    constexpr std::string_view kMember = R"("decision":)";
    const std::size_t at = draft.data.find(kMember);
    return at != std::string::npos && std::string_view(draft.data).substr(at + kMember.size()).starts_with(R"("deny")");
  }
  if (draft.type == kL7EgressDecision) return draft.data.contains(R"("action":"deny")");
  return draft.type == kAdmissionRefused || draft.type == kPolicyRejected || draft.type == kAuthzRejected ||
         draft.type == kSecretDenied || draft.type == kDnsQueryRefused;
}

}  // namespace event
