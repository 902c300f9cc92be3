// SPDX-License-Identifier: Apache-2.0
// The steps of admission as a list; the first that refuses ends it, and each tells everything it found.
#include "cell/admission.h"

#include <fmt/format.h>

#include <utility>

#include "base/encoding.h"
#include "cell/control_files.h"
#include "cell/ports/broker.h"
#include "cell/start_counter.h"
#include "cell/state/state_dir.h"
#include "crypto/sha256.h"
#include "event/admission_events.h"
#include "event/trust_events.h"
#include "spec/authorization.h"
#include "spec/capability.h"
#include "spec/controls.h"
#include "spec/derivation.h"
#include "spec/document.h"
#include "spec/keyset.h"
#include "spec/policy_pack.h"

namespace cell {
namespace {

// A pointer is made of names that the document's author chose, and goes into an event, a message and the outcome.
void CapPointer(std::string& pointer) {
  constexpr std::size_t kMaxBytes = 512;
  if (pointer.size() <= kMaxBytes) return;
  std::size_t end = kMaxBytes;
  while (end > 0 && (static_cast<unsigned char>(pointer[end]) & 0xc0) == 0x80) --end;  // not within a character
  pointer.resize(end);
  pointer += "…";
}

class Admitter {
 public:
  Admitter(const RunRequest& request, const base::Clock& clock) : request_(request), s_(request.settings), clock_(clock) {}

  Admission Do() {
    using Step = void (Admitter::*)();
    constexpr Step kSteps[] = {
        &Admitter::Decode,     &Admitter::RequireParts, &Admitter::JudgeDerivation, &Admitter::JudgeProfile,
        &Admitter::JudgeBackend, &Admitter::JudgeBroker, &Admitter::LoadTrust,    &Admitter::LoadPolicy,      &Admitter::LoadAuthorization,
        &Admitter::Authorize,  &Admitter::ApplyPolicy,  &Admitter::CheckCondition,  &Admitter::JudgeControls,
        &Admitter::CountStart,
    };
    for (const Step step : kSteps) {
      (this->*step)();
      if (!a_.admitted()) break;
    }
    return std::move(a_);
  }

 private:
  void Refuse(std::string_view reason, std::vector<spec::Violation> violations) {
    for (spec::Violation& violation : violations) CapPointer(violation.pointer);
    a_.refusal = reason;
    a_.violations = std::move(violations);
    const spec::Violation& first = a_.violations.front();
    a_.message = first.pointer.empty() ? first.message : first.pointer + ": " + first.message;
    if (a_.violations.size() > 1) a_.message += fmt::format(" (and {} more)", a_.violations.size() - 1);
  }
  void Refuse(std::string_view reason, std::string rule, std::string pointer, std::string message) {
    Refuse(reason, {{std::move(rule), std::move(pointer), std::move(message)}});
  }
  void Refuse(std::string_view reason, const spec::DocumentError& error, std::string_view what) {
    const std::string context = what.empty() ? error.message : fmt::format("{}: {}", what, error.message);
    Refuse(reason, std::string(error.error_class), what.empty() ? error.pointer : "", context);
  }
  const spec::CellDocument& document() const { return *a_.document; }
  event::CellRef Ref() const { return CellRefOf(document(), s_.run_id); }
  bool hardened() const { return s_.profile == Profile::kHardened; }

  void Decode() {
    if (request_.document_too_large) {
      return Refuse("invalid_document", "too_large", "",
                    fmt::format("the document is over {} bytes", spec::kMaxDocumentBytes));
    }
    auto decoded = spec::DecodeCellDocument(request_.document);
    if (!decoded) return Refuse("invalid_document", decoded.error(), "");
    a_.document = std::move(*decoded);
    a_.spec_digest = spec::CanonicalSpecHash(document().spec);
    if (auto valid = spec::ValidateCellDocument(document()); !valid) {
      a_.document.reset();  // nothing of it can be relied on, its id included
      return Refuse("invalid_document", valid.error(), "");
    }
    a_.bounded = a_.document;
  }

  void RequireParts() {
    if ((s_.require_telemetry || hardened()) && !document().spec.telemetry) {
      return Refuse("policy", "require.telemetry", "/spec/telemetry", "this deployment demands a telemetry block");
    }
    const auto& placement = document().spec.placement;
    if (placement && placement->kubernetes_namespace && *placement->kubernetes_namespace != s_.k8s_namespace) {
      Refuse("policy", "k8s.namespace", "/spec/placement/kubernetesNamespace",
             fmt::format("found {}, this supervisor serves {}", base::Escape(*placement->kubernetes_namespace),
                         s_.k8s_namespace.empty() ? "no namespace" : base::Escape(s_.k8s_namespace)));
    }
  }

  void JudgeDerivation() {
    spec::KeyRing keys;
    if (!s_.authority_keys_path.empty()) {
      auto text = ReadControlFile(s_.authority_keys_path, "authority keys");
      if (!text) return Refuse("derivation", "authority.keys", "", text.error().message);
      auto parsed = spec::ParseAuthorityKeysFile(*text);
      if (!parsed) return Refuse("derivation", parsed.error(), "authority keys");
      keys = std::move(*parsed);
    } else if (hardened()) {
      return Refuse("derivation", "authority.keys", "", "the hardened profile needs CELLOS_AUTHORITY_KEYS_PATH");
    }
    const auto verdict = spec::JudgeDerivation(document(), keys, s_.require_derivation || hardened(), spec::Time(clock_.Wall()));
    if (verdict.result != spec::DerivationResult::kValid) return Refuse("derivation", verdict.error, "");
    const auto& token = document().spec.authority.authority_derivation;
    if (!token) return;
    a_.derivation_verified = true;
    const bool scoped = s_.require_scoped_tokens || hardened();
    if (auto fault = spec::JudgeScope(*token, scoped ? spec::ScopedTokens::kRequired : spec::ScopedTokens::kOptional)) {
      return Refuse("derivation", *fault, "");
    }
    a_.universal_token = !token->parent_run_id;
    BoundByLeaf();
  }

  void BoundByLeaf() {
    const auto beyond = spec::BeyondLeaf(document());
    if (beyond.empty()) return;
    std::vector<spec::Violation> violations;
    for (const std::string& pointer : beyond) {
      // What the cut can't remove (an identity, an export's secret) would dangle: the document asks for more than it may.
      const bool removable = pointer.starts_with("/spec/authority/");
      if (hardened() || !removable) {
        violations.push_back({"derivation.leaf", pointer, "goes beyond the leaf of the derivation token"});
      } else {
        a_.warnings.push_back(pointer + " goes beyond the leaf of the derivation token and is not granted");
      }
    }
    if (!violations.empty()) return Refuse("derivation", std::move(violations));
    a_.bounded = spec::BoundByLeaf(document());
  }

  void JudgeProfile() {
    if (!hardened()) return;
    Refuse("backend", "sink.jetstream", "",
           "the hardened profile sends events to JetStream, which this build can't; use the default profile");
  }

  void JudgeBackend() {
    if (s_.backend == "native") return;
    Refuse("backend", "backend", "", fmt::format("backend {} is not part of this build; native is", base::Escape(s_.backend)));
  }

  void JudgeBroker() {
    auto made = MakeBroker(s_.broker, {.sources = s_.secret_sources});
    if (!made) Refuse("backend", "broker", "", made.error().message);
  }

  void LoadTrust() {
    if (s_.trust_verify_keys_path.empty()) {
      if (s_.require_trust_verify_keys) {
        Refuse("policy", "trust.verifyKeys", "", "CELLOS_REQUIRE_TRUST_VERIFY_KEYS needs CELLOS_TRUST_VERIFY_KEYS_PATH");
      }
      return;
    }
    auto text = ReadControlFile(s_.trust_verify_keys_path, "trust verify keys");
    if (!text) return Refuse("policy", "trust.verifyKeys", "", text.error().message);
    auto keys = spec::ParseKeysFile(*text);
    if (!keys) return Refuse("policy", keys.error(), "trust verify keys");
    std::vector<std::string> paths = s_.trust_keyset_chain_paths;
    if (paths.empty() && !s_.trust_keyset_path.empty()) paths.push_back(s_.trust_keyset_path);
    if (!paths.empty()) VerifyKeysets(paths, *keys);
  }

  void VerifyKeysets(const std::vector<std::string>& paths, const spec::KeyRing& keys) {
    std::vector<spec::KeysetEnvelope> envelopes;
    std::string fault;
    for (const std::string& path : paths) {
      auto text = ReadControlFile(path, "trust keyset");
      if (!text) {
        fault = "unreadable";
        break;
      }
      auto envelope = spec::DecodeKeysetEnvelope(*text);
      if (!envelope) {
        fault = envelope.error().error_class;
        break;
      }
      envelopes.push_back(std::move(*envelope));
    }
    const std::string now = base::FormatSeconds(clock_.Wall());
    if (fault.empty()) {
      const auto time = spec::Time(clock_.Wall());
      auto verified = spec::VerifyKeysetChain(envelopes, keys, time);
      if (verified) {
        a_.events.push_back(event::KeysetVerifiedEvent({.keyset_id = verified->keyset_id,
                                                        .payload_digest = verified->payload_digest,
                                                        .verified_signer_kid = verified->signers.front(),
                                                        .verified_at = now}));
        return;
      }
      fault = verified.error().error_class;
    }
    a_.events.push_back(
        event::KeysetVerificationFailedEvent({.attempted_keyset_path = paths.back().substr(paths.back().rfind('/') + 1),
                                              .reason = fault,
                                              .failed_at = now}));
    if (s_.require_trust_verify_keys) {
      Refuse("policy", fault, "", fmt::format("trust keyset {}: {}", base::Escape(paths.back()), fault));
    } else {
      a_.warnings.push_back(fmt::format("trust keyset {} was not verified: {}", base::Escape(paths.back()), fault));
    }
  }

  void LoadPolicy() {
    if (s_.policy_pack_path.empty()) return;
    auto text = ReadControlFile(s_.policy_pack_path, "policy pack");
    if (!text) return Refuse("policy", "pack", "", text.error().message);
    a_.policy_pack_digest = crypto::PrefixedHex(crypto::Sha256Of(*text));
    auto pack = spec::ParsePolicyPack(
        *text, s_.allow_policy_downgrade ? spec::PackFloor::kLifted : spec::PackFloor::kEnforced);
    if (!pack) return Refuse("policy", pack.error(), "policy pack");
    pack_ = std::move(*pack);
  }

  void LoadAuthorization() {
    if (s_.authz_policy_path.empty()) return;
    auto text = ReadControlFile(s_.authz_policy_path, "authorization policy");
    if (!text) return Refuse("authz", "policy", "", text.error().message);
    auto policy = spec::ParseAuthorizationPolicy(*text);
    if (!policy) return Refuse("authz", policy.error(), "authorization policy");
    authz_ = std::move(*policy);
  }

  void Authorize() {
    if (!authz_) return;
    if (auto refusal = spec::EvaluateAuthorization(*authz_, document(), {})) RefuseAuthorization(*refusal);
  }

  void RefuseAuthorization(const spec::AuthorizationRefusal& refusal) {
    event::AuthzRejected rejected{.reason = std::string(refusal.reason), .message = refusal.message};
    const spec::CellSpec& spec = document().spec;
    if (refusal.reason == "pool_not_allowed" && spec.placement) rejected.denied_pool_id = spec.placement->pool_id;
    if (refusal.reason == "policy_pack_not_allowed" && spec.policy) {
      rejected.denied_policy_pack_id = spec.policy->pack_id;
    }
    a_.events.push_back(event::AuthzRejectedEvent(Ref(), rejected));
    Refuse("authz", std::string(refusal.reason), refusal.pointer, refusal.message);
  }

  void ApplyPolicy() {
    auto violations = spec::JudgePolicyClaim(document(), pack_ ? &*pack_ : nullptr, a_.policy_pack_digest.value_or(""));
    if (pack_) {
      spec::PolicyContext context{.caller = s_.caller_identity};
      const auto given = [](const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); };
      context.host_placement = {given(s_.pool_id), given(s_.k8s_namespace), given(s_.queue_name)};
      auto broken = spec::EvaluatePolicy(*pack_, *a_.bounded, context);
      violations.insert(violations.end(), std::make_move_iterator(broken.begin()), std::make_move_iterator(broken.end()));
    }
    if (violations.empty()) return;
    std::vector<event::Violation> told;
    for (const spec::Violation& v : violations) told.push_back({v.rule, v.pointer, v.message});
    const auto& claim = document().spec.policy;
    a_.events.push_back(event::PolicyRejectedEvent(Ref(), told, claim ? claim->pack_id : std::nullopt,
                                                   claim ? claim->pack_version : std::nullopt));
    Refuse("policy", std::move(violations));
  }

  void CheckCondition() {
    if (s_.if_policy.empty() || s_.if_policy == a_.policy_pack_digest) return;
    Refuse("condition", "ifPolicy", "",
           fmt::format("this run is bound to policy pack {}, loaded is {}", base::Escape(s_.if_policy),
                       a_.policy_pack_digest.value_or("none")));
  }

  void JudgeControls() {
    auto violations = spec::JudgeControls(*a_.bounded);
    if (!violations.empty()) return Refuse("controls", std::move(violations));
    for (std::string& warning : spec::AdmissionWarnings(*a_.bounded)) a_.warnings.push_back(std::move(warning));
  }

  void CountStart() {
    if (!authz_ || !authz_->spec.max_cells_per_hour || request_.state == nullptr) return;
    const auto& correlation = document().spec.correlation;
    const std::string subject = correlation && correlation->tenant_id ? *correlation->tenant_id : std::string();
    auto before = cell::CountStart(*request_.state, subject, *authz_->spec.max_cells_per_hour, clock_.Wall());
    if (!before) return Refuse("authz", "rate_limit_exceeded", "", before.error().message);
    if (auto refusal = spec::EvaluateAuthorization(*authz_, document(), {.starts_in_last_hour = *before})) {
      RefuseAuthorization(*refusal);
    }
  }

  const RunRequest& request_;
  const Settings& s_;
  const base::Clock& clock_;
  Admission a_;
  std::optional<spec::PolicyPack> pack_;
  std::optional<spec::AuthorizationPolicy> authz_;
};

}  // namespace

Admission Admit(const RunRequest& request, const base::Clock& clock) { return Admitter(request, clock).Do(); }

event::CellRef CellRefOf(const spec::CellDocument& document, const std::string& run_id) {
  event::CellRef ref{.cell_id = document.spec.id, .spec_id = document.spec.id, .run_id = run_id};
  const auto& correlation = document.spec.correlation;
  if (!correlation) return ref;
  ref.correlation = event::Correlation{.platform = correlation->platform,
                                       .external_run_id = correlation->external_run_id,
                                       .external_job_id = correlation->external_job_id,
                                       .tenant_id = correlation->tenant_id,
                                       .correlation_id = correlation->correlation_id};
  if (correlation->labels) {
    ref.correlation->labels.emplace(correlation->labels->begin(), correlation->labels->end());
  }
  return ref;
}

}  // namespace cell
