// SPDX-License-Identifier: Apache-2.0
// Members in their order, into one string that keeps its room.
#include "event/guest_claims.h"

#include <charconv>

#include "base/encoding.h"
#include "event/types.h"
#include "json/writer.h"

namespace event {
namespace {

void AppendNumber(std::string& out, std::uint64_t value) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void AppendHex(std::string& out, const crypto::Digest& digest) {
  constexpr char kDigits[] = "0123456789abcdef";
  char text[2 * sizeof(crypto::Digest)];
  for (std::size_t i = 0; i < digest.size(); ++i) {
    text[2 * i] = kDigits[digest[i] >> 4];
    text[2 * i + 1] = kDigits[digest[i] & 15];
  }
  out.append(text, sizeof text);
}

}  // namespace

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
  claim_.draft_.data.assign("{");
  return Finish(type, probe_source, frame, /*monotonic=*/true);
}

base::Result<const GuestClaim*> GuestClaimWriter::ExitStatus(std::string_view probe_source, const Frame& frame,
                                                             ExitKind kind, std::uint32_t status) {
  std::string& data = claim_.draft_.data;
  data.assign(R"({"cause":{"kind":")").append(ToString(kind)).append(R"(","status":)");
  AppendNumber(data, status);
  data.append("},");
  return Finish(kGuestProcessExitStatus, probe_source, frame, /*monotonic=*/false);
}

base::Result<const GuestClaim*> GuestClaimWriter::Finish(std::string_view type, std::string_view probe_source,
                                                         const Frame& frame, bool monotonic) {
  if (frame.received_at < base::WallTime{}) {
    return base::Fail(base::ErrorKind::kInvalid, "a guest event can't be received before 1970: set the host's clock");
  }
  std::string& data = claim_.draft_.data;
  data.append(R"("frameSha256":")");
  AppendHex(data, frame.sha256);
  data.append(R"(","guest":{"guestComm":)");
  json::AppendString(data, frame.comm);
  if (monotonic) {
    data.append(R"(,"guestMonotonicNs":)");
    AppendNumber(data, frame.monotonic_ns);
  }
  data.append(R"(,"guestPid":)");
  AppendNumber(data, frame.pid);
  data.append(R"(,"probeSource":")").append(probe_source);
  data.append(before_time_).append(Seconds(frame.received_at)).append(after_time_);
  if (frame.name_masked) data.append(R"("nameMasked":true,)");
  data.append(R"("provenance":"declared"})");
  claim_.draft_.type = type;
  claim_.draft_.observed_at = frame.seen_at;
  claim_.draft_.time = frame.received_at;
  return &claim_;
}

}  // namespace event
