// SPDX-License-Identifier: Apache-2.0
// What goes to disk first is what a finder needs: directory, document, plan, then the log.
#include "cell/evidence_session.h"

#include <fcntl.h>

#include <utility>

#include "base/encoding.h"
#include "cell/gc/remove_tree.h"
#include "cell/network/programs.h"
#include "cell/sinks.h"
#include "crypto/sha256.h"
#include "evidence/seal.h"
#include "sandbox/init_image.h"
#include "spec/required_sources.h"
#include "sys/file.h"

namespace cell {
namespace {

constexpr std::chrono::seconds kRemoveDeadline{5};

base::Result<> WriteNew(int directory, const char* name, std::string_view content) {
  const base::UniqueFd file = TRY(sys::OpenAt(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  TRY(sys::WriteAll(file.get(), content));
  return sys::Fdatasync(file.get());
}

// Digests of the binaries that act in this run: the supervisor itself, the cell's init, and the helpers it starts.
base::Result<evidence::Software> DescribeSoftware(const StateDir& state, const NetworkPrograms* programs, bool telemetry) {
  const base::UniqueFd self = TRY(sys::OpenAt(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC));
  std::vector<std::pair<std::string, int>> binaries = {{"cellos", self.get()}};
  if (programs != nullptr && programs->gate) binaries.push_back({kGateProgram, programs->gate.get()});
  if (programs != nullptr && programs->upstream) binaries.push_back({kUpstreamProgram, programs->upstream.get()});
  evidence::Software software{CELLOS_VERSION, TRY(evidence::DigestBinaries(binaries, state.root()))};
  software.binaries["cellos-init"] = crypto::Hex(crypto::Sha256Of(sandbox::InitProgram()));
  if (telemetry) software.binaries["cellos-telemetry"] = crypto::Hex(crypto::Sha256Of(sandbox::AgentProgram()));
  return software;
}

event::Closing ClosingOf(const EvidenceEnd& end, Recorder& recorder) {
  event::Closing closing;
  closing.reason_code = ToString(end.reason);
  closing.exit_code = end.exit_code;
  closing.signal = end.signal;
  closing.sources = recorder.sources();
  closing.coverage = recorder.coverage();
  for (const auto& sink : recorder.log().SinkCountersNow()) closing.sinks.push_back({sink.name, sink.counters});
  return closing;
}

}  // namespace

base::Result<EvidenceSession> EvidenceSession::Open(EvidenceInputs inputs) {
  EvidenceSession session;
  session.inputs_ = std::move(inputs);
  const EvidenceInputs& in = session.inputs_;
  session.directory_ = TRY(in.state->CreateRun(*in.cell.run_id));
  auto begun = session.Begin();
  if (begun) return session;
  // Nothing is proven yet and nothing ran: half a directory would only be in the way of whoever verifies.
  session.recorder_.reset();
  (void)RemoveTree(in.state->runs(), *in.cell.run_id, kRemoveDeadline);
  return std::unexpected(std::move(begun).error());
}

base::Result<> EvidenceSession::Begin() {
  const EvidenceInputs& in = inputs_;
  const int directory = directory_.fd.get();
  if (in.document) TRY_WITH("document.json", WriteNew(directory, "document.json", *in.document));
  if (in.plan_json) TRY_WITH("plan.json", WriteNew(directory, "plan.json", *in.plan_json));

  auto loaded = TRY(evidence::LoadOrGenerateDeploymentKeys(in.state->KeysPath()));
  keys_ = std::move(loaded.keys);
  made_key_ = loaded.generated;
  auto run_key = TRY(crypto::SigningKey::Generate());
  facts_ = {.run_id = *in.cell.run_id,
                    .cell_id = in.cell.cell_id,
                    .spec_digest = in.spec_digest,
                    .policy_pack_digest = in.policy_pack_digest,
                    .software = TRY(DescribeSoftware(*in.state, in.programs, in.telemetry)),
                    .machine = in.machine};
  if (in.plan_json) facts_.plan_digest = crypto::PrefixedHex(crypto::Sha256Of(*in.plan_json));

  auto log = TRY(event::RunLog::Create(
      directory, std::move(run_key),
      {.origin = evidence::OriginOf(keys_.name, *in.cell.run_id),
       .clock = in.clock,
       .durability = in.settings->durable ? event::Durability::kEachEvent : event::Durability::kGrouped}));
  if (auto sinks = MakeSinks(*in.settings, keys_.note_key(), keys_.name, in.state->root(), *in.clock)) {
    for (auto& sink : sinks->sinks) log.AddSink(std::move(sink));
    notes_ = std::move(sinks->notes);
  } else {
    sink_error_ = std::move(sinks).error();
  }
  const event::Draft opened =
      evidence::OpenedEvent(facts_, keys_, log.run_vkey(), in.clock->Wall(), in.ttl);
  recorder_ = std::make_unique<Recorder>(std::move(log), in.cell);
  TRY(recorder_->Emit(opened));
  TRY(sys::Fsync(directory));
  return sys::Fsync(in.state->runs());
}

base::Result<Sealed> EvidenceSession::Seal(const EvidenceEnd& end) {
  event::RunLog& log = recorder_->log();
  recorder_->UseReserve();
  recorder_->CloseCoverage();
  TRY(log.Flush());
  const event::Closing closing = ClosingOf(end, *recorder_);
  TRY(recorder_->Emit(event::ClosingEvent(recorder_->cell(), closing)));
  TRY(log.Checkpoint());

  evidence::RunEnd seal{.log = &log,
                        .closing = closing,
                        .required_sources = end.required_sources,
                        .controls = end.controls,
                        .backend = end.backend,
                        .findings = recorder_->findings()};
  for (const SecretRecord& record : end.secrets) {
    seal.secrets.push_back({record.secret.name, record.delivered, record.revoked});
  }
  const bool complete = TRY(evidence::SealRun(directory_.fd.get(), facts_, seal, keys_));
  Sealed sealed{log.size(), base::Base64Encode(log.Root()), complete};
  TRY(log.Close());
  return sealed;
}

}  // namespace cell
