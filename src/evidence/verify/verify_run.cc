// SPDX-License-Identifier: Apache-2.0
// The order of checks over one run.
#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "event/run_log.h"
#include "evidence/verify/leaf_zero.h"
#include "evidence/verify/log_walk.h"
#include "evidence/verify/plan_file.h"
#include "evidence/verify/seal_checks.h"
#include "evidence/verify/seal_reader.h"
#include "evidence/verify/verify.h"
#include "evidence/witness/findings_check.h"
#include "spec/document.h"
#include "spec/required_sources.h"

namespace evidence {
namespace {

bool IsFault(const base::Error& error) {
  return error.kind == base::ErrorKind::kInvalid || error.kind == base::ErrorKind::kLimit;
}

std::unexpected<base::Error> Bad(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, std::move(message));
}

class RunVerifier {
 public:
  RunVerifier(const RunFiles& files, const std::vector<TrustedKey>& keys, Report& report)
      : files_(files), keys_(keys), report_(report) {}

  // Runs every check in order up to the first that fails.
  base::Result<> Run() {
    TRY(Step("leaf 0", &RunVerifier::ReadLeafZero));
    TRY(Step("seal", &RunVerifier::ReadAndCheckSeal));
    TRY(Step("certificate", &RunVerifier::CheckRunKey));
    TRY(Walk());
    TRY(Step("files", &RunVerifier::CheckFiles));
    TRY(Step("sums", &RunVerifier::CheckSums));
    TRY(Step("coverage", &RunVerifier::CheckIntervals));
    TRY(Step("findings", &RunVerifier::CheckWitnesses));
    Anchor();
    Conclude();
    return {};
  }

 private:
  void Tell(std::string_view name, Check::Result result, std::string detail) {
    report_.checks.push_back({std::string(name), result, std::move(detail)});
  }
  void Passed(std::string_view name, std::string detail) { Tell(name, Check::Result::kPassed, std::move(detail)); }

  // A step tells what it passed itself; its fault is told here.
  base::Result<> Step(std::string_view name, base::Result<> (RunVerifier::*step)()) {
    base::Result<> done = (this->*step)();
    if (!done && IsFault(done.error())) Tell(name, Check::Result::kFailed, done.error().message);
    return done;
  }

  base::Result<> ReadLeafZero();
  base::Result<> ReadAndCheckSeal();
  base::Result<> CheckRunKey();
  base::Result<> Walk();
  base::Result<> TellWalk();
  base::Result<> CheckFiles();
  base::Result<> CheckDocument();
  base::Result<> CheckRequired();
  base::Result<> CheckSums();
  base::Result<> CheckIntervals();
  base::Result<> CheckWitnesses();
  void Anchor();
  void Conclude();
  void TellLosses();
  bool may_be_refused() const { return !seal_ || seal_->cut() || seal_->outcome.reason_code == "refused"; }

  const RunFiles& files_;
  const std::vector<TrustedKey>& keys_;
  Report& report_;
  std::optional<LeafZero> zero_;
  std::optional<Seal> seal_;
  std::size_t certifier_ = 0;
  FindingsCheck witness_;
  std::optional<LogWalk> walk_;
  PlanFile plan_;
  std::optional<spec::CellDocument> document_;
  std::vector<std::string> required_;
};

base::Result<> RunVerifier::ReadLeafZero() {
  const auto events = TRY(files_.Find("events.jsonl"));
  if (!events) return base::Fail(base::ErrorKind::kNotFound, "events.jsonl is missing");
  if (!TRY(files_.Find("checkpoints"))) return base::Fail(base::ErrorKind::kNotFound, "checkpoints is missing");
  LineReader lines(*events, event::kMaxLeafBytes);
  const auto line = TRY(lines.Next());
  if (!line || !line->ended || line->too_long) return Bad("events.jsonl, line 0 is missing, has no LF or is too long");
  zero_ = TRY(ParseLeafZero(line->text));
  report_.run_id = zero_->run_id;
  report_.cell_id = zero_->cell_id;
  report_.deployment = zero_->deployment;
  for (const crypto::SpkiKey& key : zero_->deployment_keys) {
    report_.deployment_key_ids += (report_.deployment_key_ids.empty() ? "" : ", ") + key.key_id;
  }
  if (files_.name() != zero_->run_id) {
    return Bad(fmt::format("the {} is named \"{}\", but its log is of run {}",
                           files_.is_bundle() ? "bundle's directory" : "directory", base::Escape(files_.name()),
                           zero_->run_id));
  }
  Passed("leaf 0", "opened by the run that the directory is named after");
  return {};
}

base::Result<> RunVerifier::ReadAndCheckSeal() {
  const auto file = TRY(files_.Find("seal.json"));
  if (!file) {
    Tell("seal", Check::Result::kNotChecked, "there is no seal.json; certificate and checkpoints judge the log alone");
    return {};
  }
  seal_ = TRY(ReadSeal(*file));
  TRY(CheckSignatures(*seal_, zero_->deployment_keys));
  report_.sealed = true;
  report_.cut = seal_->cut();
  Passed("seal", fmt::format("{} signatures by exactly the deployment keys of leaf 0", seal_->signatures.size()));
  return {};
}

base::Result<> RunVerifier::CheckRunKey() {
  certifier_ = TRY(CheckCertificate(*zero_));
  Passed("certificate",
         fmt::format("the run key is certified by deployment key {}", zero_->deployment_keys[certifier_].key_id));
  if (std::string warning = CertificateTimeWarning(*zero_); !warning.empty()) {
    Tell("certificate", Check::Result::kWarning, warning + "; no trusted clock exists to judge that");
  }
  return {};
}

base::Result<> RunVerifier::Walk() {
  // Of a run that is being written: what a checkpoint covers is in the log before it, so the log is opened after it.
  const auto checkpoints = TRY(files_.Find("checkpoints"));
  const auto events = TRY(files_.Find("events.jsonl"));
  if (!events || !checkpoints) return base::Fail(base::ErrorKind::kIo, "a file of the log vanished while it was read");
  const auto frames = TRY(files_.Find("frames"));
  const bool may_be_torn = !seal_ || seal_->cut();
  WalkInputs inputs{.events = &*events,
                    .checkpoints = &*checkpoints,
                    .frames = frames ? &*frames : nullptr,
                    .zero = &*zero_,
                    .torn_note = may_be_torn ? TornNote::kIgnored : TornNote::kForbidden,
                    .frame_end = may_be_torn ? FrameEnd::kMayBeCut : FrameEnd::kComplete,
                    .digest_events = seal_.has_value()};
  SealPointers pointers;
  if (seal_) pointers = TRY(SealPointers::Of(*seal_));
  inputs.on_leaf = [&](std::uint64_t index, const LeafFacts& facts, const JcsScanner& leaf) -> base::Result<> {
    witness_.Take(index, facts, leaf);
    return seal_ ? pointers.Visit(index, facts, leaf) : base::Result<>{};
  };
  walk_ = TRY(WalkLog(inputs));
  TRY(TellWalk());
  if (seal_) TRY(pointers.Finish());
  return {};
}

base::Result<> RunVerifier::TellWalk() {
  const struct {
    std::string_view name;
    const std::optional<base::Error>& fault;
    std::string passed;
  } rows[] = {
      {"checkpoints", walk_->checkpoint_fault, fmt::format("{} signed by the run key, growing", walk_->checkpoints)},
      {"root", walk_->root_fault,
       fmt::format("the lines give the root of every checkpoint, up to size {}", walk_->proven())},
      {"leaves", walk_->leaf_fault,
       fmt::format("{} leaves in canonical form, in sequence, each in its lane", walk_->proven())},
      {"frames", walk_->frame_fault,
       fmt::format("{} frames have the digests of their claimed leaves", walk_->frames_found)},
  };
  for (const auto& row : rows) {
    if (row.fault) {
      Tell(row.name, Check::Result::kFailed, row.fault->message);
      return std::unexpected(*row.fault);
    }
    Passed(row.name, row.passed);
  }
  report_.proven = walk_->proven();
  report_.from = walk_->summary.first_time;
  report_.to = walk_->summary.last_time;
  if (walk_->last) report_.root = base::Base64Encode(walk_->last->root);
  if (!walk_->torn_note.empty()) Tell("checkpoints", Check::Result::kWarning, walk_->torn_note);
  return {};
}

base::Result<> RunVerifier::CheckDocument() {
  const auto file = TRY(files_.Find("document.json"));
  if (!file) {
    if (zero_->spec_digest) return Bad("document.json is missing, but leaf 0 has a spec digest");
    if (!may_be_refused()) return Bad("document.json is missing");
    Tell("document", Check::Result::kNotChecked, "document.json was left out: it was over the size limit");
    return {};
  }
  if (file->size() <= spec::kMaxDocumentBytes) {
    auto decoded = spec::DecodeCellDocument(TRY_WITH("document.json", file->ReadAll(spec::kMaxDocumentBytes)));
    if (decoded) document_ = *std::move(decoded);
  }
  const std::string found = document_ ? spec::CanonicalSpecHash(document_->spec) : "null (it can't be decoded)";
  if (document_ ? zero_->spec_digest != found : zero_->spec_digest.has_value()) {
    return Bad(fmt::format("document.json: the spec digest should be {}, found {}", zero_->spec_digest.value_or("null"),
                           found));
  }
  Passed("document", document_ ? "its spec has the digest of leaf 0" : "it can't be decoded, and leaf 0 says so");
  return {};
}

// Required sources follow from the document, the backend and the cgroup leaf; the plan must say the same.
base::Result<> RunVerifier::CheckRequired() {
  required_ = plan_.required_sources;
  if (!seal_) return {};
  std::vector<std::vector<std::string>> allowed;
  if (!zero_->plan_digest || seal_->outcome.reason_code == "refused") {
    allowed.push_back(spec::RequiredSourcesOfRefusal());
  } else if (document_) {
    const LogSummary& log = walk_->summary;
    if (!log.has_controls || log.has_cgroup_leaf) {
      allowed.push_back(spec::RequiredSources(document_->spec, seal_->backend, spec::CgroupLeaf::kPresent));
    }
    if (!log.has_controls || !log.has_cgroup_leaf) {
      allowed.push_back(spec::RequiredSources(document_->spec, seal_->backend, spec::CgroupLeaf::kAbsent));
    }
  }
  const bool holds = std::ranges::any_of(allowed, [&](const std::vector<std::string>& expected) {
    return expected.size() == required_.size() && std::ranges::is_permutation(expected, required_);
  });
  if (holds) return {};
  return Bad(fmt::format("plan.json: requiredSources should be {}, found {}",
                         allowed.empty() ? "known" : fmt::format("{}", fmt::join(allowed[0], " ")),
                         fmt::join(required_, " ")));
}

base::Result<> RunVerifier::CheckFiles() {
  TRY(CheckDocument());
  plan_ = TRY(ReadPlanFile(files_, zero_->plan_digest));
  if ((!zero_->spec_digest || !zero_->plan_digest) && !may_be_refused()) {
    return Bad("leaf 0: a digest is null, which only a refused run may have");
  }
  Passed("plan", plan_.present ? "it is canonical and has the digest of leaf 0" : "there is none, as leaf 0 says");
  if (!seal_) {
    Tell("files", Check::Result::kNotChecked, "without a seal nothing says which exports belong to the run");
    return {};
  }
  TRY(CheckStatement(*seal_, *zero_, *walk_));
  TRY(CheckSubjects(*seal_, files_, *walk_, plan_));
  TRY(CheckRequired());
  Passed("files", "every file that the seal names, each with its digest, and no export besides");
  constexpr std::size_t kMostStrangers = 8;
  for (const std::string& name : TRY(files_.Strangers(kMostStrangers))) {
    Tell("files", Check::Result::kWarning,
         fmt::format("\"{}\" in the directory is no file of the run; nothing signed speaks of it", base::Escape(name)));
  }
  return {};
}

base::Result<> RunVerifier::CheckSums() {
  if (!seal_) {
    Tell("sums", Check::Result::kNotChecked, "without a seal, lists of sources are not judged");
    return {};
  }
  TRY(CheckSources(*seal_, walk_->summary));
  Passed("sums", fmt::format("{} sources, their counters the same in coverage_closed, closing and seal",
                             seal_->sources.size()));
  return {};
}

base::Result<> RunVerifier::CheckIntervals() {
  if (!seal_) return {};
  TRY(CheckCoverage(*seal_, *walk_));
  TRY(CheckComplete(*seal_, required_));
  Passed("coverage", fmt::format("{} intervals; complete is {}", seal_->coverage.size(), seal_->complete));
  return {};
}

base::Result<> RunVerifier::CheckWitnesses() {
  const LogSummary& log = walk_->summary;
  if (seal_) TRY(CheckFindings(*seal_, log));
  report_.agree = log.agree;
  report_.gap = log.gap;
  report_.contradiction = log.contradiction;
  report_.contradictions = log.first_contradictions;
  Passed("findings", fmt::format("{} agree, {} gap, {} contradiction", log.agree, log.gap, log.contradiction));
  report_.checks.push_back(std::move(witness_).Conclude());
  return {};
}

void RunVerifier::Anchor() {
  for (const TrustedKey& trusted : keys_) {
    for (std::size_t i = 0; i < zero_->deployment_keys.size(); ++i) {
      // Without a seal only the signer of the certificate has signed anything.
      if (!seal_ && i != certifier_) continue;
      if (!trusted.Matches(zero_->deployment_keys[i], zero_->deployment)) continue;
      report_.anchored_by =
          fmt::format("key {} ({})", trusted.spki.key_id, trusted.given_as.empty() ? "as given" : trusted.given_as);
      return;
    }
  }
}

// Why the run is not complete, in words and with counts.
void RunVerifier::TellLosses() {
  auto& losses = report_.losses;
  const Tail& tail = walk_->tail;
  const std::string behind = tail.bytes == 0
                                 ? std::string("nothing stands behind it")
                                 : fmt::format("{} lines ({} bytes{}) stand behind it, unproven", tail.lines,
                                               tail.bytes, tail.torn ? ", the last one torn" : "");
  if (!seal_) losses.push_back(fmt::format("not sealed: proven up to {} events; {}", walk_->proven(), behind));
  if (seal_ && seal_->cut())
    losses.push_back(fmt::format("cut: the supervisor died; proven up to {} events; {}", walk_->proven(), behind));
  if (walk_->frames_missing > 0)
    losses.push_back(fmt::format("{} frames of claimed leaves are missing at the end", walk_->frames_missing));
  if (!seal_ || seal_->cut() || seal_->complete) return;
  for (const SourceRow& row : seal_->sources) {
    if (!row.counts.lossless())
      losses.push_back(fmt::format("{}: {} dropped, {} unknown of {}", row.source, row.counts.dropped,
                                   row.counts.unknown, row.counts.issued));
  }
  for (const IntervalRow& row : seal_->coverage) {
    for (const HoleRow& hole : row.holes) {
      losses.push_back(fmt::format("{}: saw nothing from {} to {} ns since boot: {}", row.source, hole.from, hole.to,
                                   base::Escape(hole.why)));
    }
  }
  for (const std::string& name : required_) {
    const bool counted = std::ranges::count(seal_->sources, name, &SourceRow::source) == 1;
    const bool covered = std::ranges::count(seal_->coverage, name, &IntervalRow::source) == 1;
    if (!counted || !covered)
      losses.push_back(fmt::format("{}: required, but {}", name, covered ? "not counted" : "it did not watch"));
  }
}

void RunVerifier::Conclude() {
  TellLosses();
  if (seal_) {
    report_.backend = seal_->backend;
    report_.reason_code = seal_->outcome.reason_code;
    report_.exit_code = seal_->outcome.exit_code;
    report_.signal = seal_->outcome.signal;
  }
  Tell("deployment log", Check::Result::kNotChecked,
       "whether an earlier state was cut off before sealing: that needs the deployment's log");
  Tell("clock", Check::Result::kNotChecked, "times are the machine's own; no trusted clock stands behind them");
  const bool complete = seal_ && !seal_->cut() && seal_->complete;
  report_.verdict = report_.anchored_by.empty()         ? Verdict::kUnanchored
                    : walk_->summary.contradiction != 0 ? Verdict::kContradiction
                    : complete                          ? Verdict::kVerified
                                                        : Verdict::kIncomplete;
}

}  // namespace

Report VerifyRun(const std::string& path, const std::vector<TrustedKey>& keys) {
  Report report{.input = path, .keys_given = !keys.empty()};
  base::Result<> done;
  if (const auto files = RunFiles::Open(path)) {
    done = RunVerifier(*files, keys, report).Run();
  } else {
    done = std::unexpected(files.error());
  }
  if (!done) {
    report.verdict = IsFault(done.error()) ? Verdict::kInvalid : Verdict::kUsage;
    report.fault = done.error().message;
    report.anchored_by.clear();
  }
  return report;
}

}  // namespace evidence
