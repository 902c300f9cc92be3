// SPDX-License-Identifier: Apache-2.0
// Building, signing and writing of a seal.
#include "evidence/seal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "event/dsse.h"
#include "event/json_object.h"
#include "sys/file.h"

namespace evidence {
namespace {

constexpr const char* kSealFile = "seal.json";
constexpr const char* kTemporary = ".seal.json.new";
constexpr std::size_t kMaxExports = 4096;

struct Subject {
  std::string name, sha256;
};

base::Result<std::string> DigestFile(int directory, const std::string& name) {
  const base::UniqueFd fd = TRY(sys::OpenAt(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  if (!S_ISREG(TRY(sys::Fstat(fd.get())).st_mode)) {
    return base::Fail(base::ErrorKind::kInvalid, fmt::format("{} is no regular file", base::Escape(name)));
  }
  crypto::Sha256 hash;
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const std::size_t got = TRY(sys::ReadFull(fd.get(), buffer));
    hash.Update(std::string_view(buffer.data(), got));
    if (got < buffer.size()) return crypto::Hex(hash.Finish());
  }
}

base::Result<> AddExports(int directory, std::vector<Subject>& subjects) {
  const auto exports = sys::OpenAt(directory, "exports", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!exports && exports.error().kind == base::ErrorKind::kNotFound) return {};
  if (!exports) return std::unexpected(exports.error());
  std::vector<std::string> names;
  for (sys::DirectoryEntry& entry : TRY(sys::ListDirectory(exports->get(), kMaxExports))) {
    names.push_back(std::move(entry.name));
  }
  std::ranges::sort(names);
  for (const std::string& name : names) {
    subjects.push_back({"exports/" + name, TRY_WITH("exports", DigestFile(exports->get(), name))});
  }
  return {};
}

base::Result<std::vector<Subject>> CollectSubjects(int directory) {
  std::vector<Subject> subjects;
  for (const char* name : {"events.jsonl", "checkpoints", "document.json", "plan.json", "frames"}) {
    auto digest = DigestFile(directory, name);
    const bool optional = name[0] != 'e' && name[0] != 'c';
    if (!digest && optional && digest.error().kind == base::ErrorKind::kNotFound) continue;
    subjects.push_back({name, TRY(std::move(digest))});
  }
  TRY(AddExports(directory, subjects));
  return subjects;
}

std::string SubjectsJson(const std::vector<Subject>& subjects) {
  std::vector<std::string> rows;
  for (const Subject& subject : subjects) {
    event::Object digest;
    digest.Add("sha256", subject.sha256);
    event::Object row;
    row.Raw("digest", digest.Take()).Add("name", subject.name);
    rows.push_back(row.Take());
  }
  return event::ArrayOfRaw(rows);
}

std::string RunJson(const SealStatement& s) {
  event::Object run;
  run.Add("cellId", s.cell_id).Add("finishedOn", s.finished_on).Add("origin", s.origin);
  run.Add("runId", s.run_id).Add("startedOn", s.started_on);
  return run.Take();
}

std::string LogJson(const SealStatement& s) {
  event::Object log;
  log.Add("checkpoint", s.checkpoint).Add("rootHash", base::Base64Encode(s.root));
  log.Add("runKey", s.run_vkey).Add("size", s.size);
  return log.Take();
}

std::string EnforcedJson(const SealStatement& s) {
  event::Object enforced;
  enforced.Add("backend", s.backend).AddOrNull("controls", s.controls);
  enforced.AddOrNull("planDigest", s.plan_digest).AddOrNull("policyPackDigest", s.policy_pack_digest);
  enforced.AddOrNull("specDigest", s.spec_digest);
  return enforced.Take();
}

std::string FindingsJson(const FindingCounts& counts) {
  std::vector<std::string> leaves;
  for (const event::LeafIndex leaf : counts.contradictions) leaves.push_back(std::to_string(leaf));
  event::Object findings;
  findings.Add("agree", counts.agree).Add("contradiction", counts.contradictions.size());
  findings.Raw("contradictions", event::ArrayOfRaw(leaves)).Add("gap", counts.gap);
  return findings.Take();
}

std::string SecretsJson(const std::vector<SecretLeaves>& secrets) {
  std::vector<std::string> rows;
  for (const SecretLeaves& secret : secrets) {
    event::Object row;
    row.AddOrNull("deliveredAt", secret.delivered_at)
        .Add("name", secret.name)
        .AddOrNull("revokedAt", secret.revoked_at);
    rows.push_back(row.Take());
  }
  return event::ArrayOfRaw(rows);
}

std::string PredicateJson(const SealStatement& s) {
  event::Object predicate;
  predicate.Add("complete", s.complete);
  predicate.Raw("coverage", s.coverage_json);
  predicate.Raw("enforced", EnforcedJson(s));
  predicate.Raw("findings", FindingsJson(s.findings));
  predicate.Raw("log", LogJson(s));
  predicate.Raw("machine", s.machine_json);
  predicate.Raw("outcome", s.outcome_json);
  predicate.Raw("previousSeal", s.previous_seal_json);
  predicate.Raw("run", RunJson(s));
  predicate.Raw("secrets", SecretsJson(s.secrets));
  predicate.Raw("software", s.software_json);
  predicate.Raw("sources", s.sources_json);
  if (s.tail) {
    event::Object tail;
    tail.Add("bytes", s.tail->bytes).Add("lines", s.tail->lines).Add("torn", s.tail->torn);
    predicate.Raw("tail", tail.Take());
  }
  return predicate.Take();
}

std::string StatementJson(const SealStatement& s, const std::vector<Subject>& subjects) {
  event::Object statement;
  statement.Add("_type", "https://in-toto.io/Statement/v1");
  statement.Raw("predicate", PredicateJson(s));
  statement.Add("predicateType", "urn:cellos:attestation:run:v1");
  statement.Raw("subject", SubjectsJson(subjects));
  return statement.Take();
}

base::Result<> PutInPlace(int directory, std::string_view content) {
  const auto stale = sys::UnlinkAt(directory, kTemporary);
  if (!stale && stale.error().kind != base::ErrorKind::kNotFound) return stale;
  {
    const base::UniqueFd fd = TRY(sys::OpenAt(directory, kTemporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    base::Result<> written = sys::WriteAll(fd.get(), content);
    if (written) written = sys::Fsync(fd.get());
    if (!written) {
      (void)sys::UnlinkAt(directory, kTemporary);  // the first error is the one to tell
      return written;
    }
  }
  TRY(sys::RenameAt(directory, kTemporary, directory, kSealFile, RENAME_NOREPLACE));
  return sys::Fsync(directory);
}

}  // namespace

base::Result<> WriteSeal(int run_directory, const SealStatement& statement, const std::vector<SealingKey>& keys) {
  event::DsseEnvelope envelope{.payload_type = std::string(event::kInTotoPayloadType),
                               .payload = StatementJson(statement, TRY(CollectSubjects(run_directory)))};
  const std::string message = event::DssePae(envelope.payload_type, envelope.payload);
  for (const SealingKey& key : keys) envelope.signatures.push_back({key.spki.key_id, TRY(key.Sign(message))});
  TRY_WITH("cannot write the seal", PutInPlace(run_directory, event::FormatDsse(envelope)));
  return {};
}

bool IsComplete(const std::vector<std::string>& required, const std::vector<SourceRow>& sources,
                const std::vector<IntervalRow>& coverage) {
  const bool lossless = std::ranges::all_of(sources, [](const SourceRow& row) { return row.counts.lossless(); });
  const bool unbroken = std::ranges::all_of(coverage, [](const IntervalRow& row) { return row.holes.empty(); });
  return lossless && unbroken && std::ranges::all_of(required, [&](const std::string& name) {
           return std::ranges::count(sources, name, &SourceRow::source) == 1 &&
                  std::ranges::count(coverage, name, &IntervalRow::source) == 1;
         });
}

bool IsComplete(const std::vector<std::string>& required, const event::Closing& closing) {
  std::vector<SourceRow> sources;
  for (const event::SourceCounters& row : closing.sources) {
    const event::Counters& c = row.counters;
    sources.push_back({row.source, {c.issued, c.delivered, c.dropped, c.unknown}});
  }
  std::vector<IntervalRow> coverage;
  for (const event::CoverageRow& row : closing.coverage) {
    coverage.push_back(
        {.source = std::string(event::ToString(row.source)), .holes = std::vector<HoleRow>(row.holes.size())});
  }
  return IsComplete(required, sources, coverage);
}

base::Result<bool> SealRun(int run_directory, const RunFacts& facts, const RunEnd& end, const DeploymentKeys& keys) {
  event::Object outcome;
  outcome.AddOrNull("exitCode", end.closing.exit_code);
  outcome.Add("reasonCode", end.closing.reason_code);
  outcome.AddOrNull("signal", end.closing.signal);
  SealStatement statement{
      .run_id = facts.run_id,
      .cell_id = facts.cell_id,
      .origin = end.log->origin(),
      .started_on = end.log->first_time(),
      .finished_on = end.log->last_time(),
      .size = end.log->size(),
      .root = end.log->Root(),
      .checkpoint = end.log->last_note(),
      .run_vkey = end.log->run_vkey(),
      .spec_digest = facts.spec_digest,
      .policy_pack_digest = facts.policy_pack_digest,
      .plan_digest = facts.plan_digest,
      .controls = end.controls,
      .backend = end.backend,
      .outcome_json = outcome.Take(),
      .sources_json = event::CountersJson(end.closing.sources),
      .coverage_json = event::CoverageJson(end.closing.coverage),
      .complete = IsComplete(end.required_sources, end.closing),
      .findings = end.findings,
      .secrets = end.secrets,
      .software_json = SoftwareJson(facts.software),
      .machine_json = MachineJson(facts.machine),
  };
  TRY(WriteSeal(run_directory, statement, keys.keys));
  return statement.complete;
}

}  // namespace evidence
