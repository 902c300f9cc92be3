// SPDX-License-Identifier: Apache-2.0
// Members in their order, into one string that keeps its room.
#include "event/guest_claims.h"

#include "base/encoding.h"
#include "event/text_pen.h"
#include "event/types.h"
#include "json/writer.h"

namespace event {
GuestClaimWriter::GuestClaimWriter(const CellRef& cell, std::string_view spec_signature_hash) {
  before_time_ = R"("},"host":{"cellId":)";
  json::AppendString(before_time_, cell.cell_id);
  before_time_ += R"(,"hostReceivedAt":")";
  after_time_ = R"(","runId":)";
  json::AppendString(after_time_, cell.run_id.value_or(std::string()));
  after_time_ += R"(,"specSignatureHash":)";
  json::AppendString(after_time_, spec_signature_hash);
  after_time_ += "},";
  claim_.draft_.source = kSourceGuestTelemetry;
  claim_.draft_.observer = Observer::kAgent;
}

std::string_view GuestClaimWriter::Seconds(base::WallTime time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  if (second != second_ || second_text_.empty()) {
    second_ = second;
    second_text_ = base::FormatSeconds(time);
  }
  return second_text_;
}

base::Result<const GuestClaim*> GuestClaimWriter::Declaration(std::string_view probe_source, const Frame& frame) {
  const std::string_view type = GuestTypeOf(probe_source);
  if (type.empty()) {
    return base::Fail(base::ErrorKind::kInvalid, "unknown guest probe source: " + base::Escape(probe_source));
  }
  return Finish(type, probe_source, frame, {});
}

base::Result<const GuestClaim*> GuestClaimWriter::ExitStatus(std::string_view probe_source, const Frame& frame,
                                                             ExitKind kind, std::uint32_t status) {
  const Cause cause{kind, status};
  return Finish(kGuestProcessExitStatus, probe_source, frame, cause);
}

// A cause of an end stands where a declaration says when it happened.
base::Result<const GuestClaim*> GuestClaimWriter::Finish(std::string_view type, std::string_view probe_source,
                                                         const Frame& frame, const std::optional<Cause>& cause) {
  if (frame.received_at < base::WallTime{}) {
    return base::Fail(base::ErrorKind::kInvalid, "a guest event can't be received before 1970: set the host's clock");
  }
  name_.clear();
  json::AppendString(name_, frame.comm);
  const std::string_view received = Seconds(frame.received_at);
  constexpr std::size_t kRest = 384;  // names of members, three numbers, the digest
  const std::size_t room =
      kRest + name_.size() + probe_source.size() + before_time_.size() + received.size() + after_time_.size();
  claim_.draft_.data.resize_and_overwrite(room, [&](char* begin, std::size_t) {
    TextPen pen(begin);
    pen.Text("{");
    if (cause) {
      pen.Text(R"("cause":{"kind":")").Text(ToString(cause->kind));
      pen.Text(R"(","status":)").Decimal(cause->status).Text("},");
    }
    pen.Text(R"("frameSha256":")").Hex(frame.sha256).Text(R"(","guest":{"guestComm":)").Text(name_);
    if (!cause) pen.Text(R"(,"guestMonotonicNs":)").Decimal(frame.monotonic_ns);
    pen.Text(R"(,"guestPid":)").Decimal(frame.pid).Text(R"(,"probeSource":")").Text(probe_source);
    pen.Text(before_time_).Text(received).Text(after_time_);
    if (frame.name_masked) pen.Text(R"("nameMasked":true,)");
    pen.Text(R"("provenance":"declared"})");
    return static_cast<std::size_t>(pen.end() - begin);
  });
  claim_.draft_.type = type;
  claim_.draft_.observed_at = frame.seen_at;
  claim_.draft_.time = frame.received_at;
  return &claim_;
}

}  // namespace event
