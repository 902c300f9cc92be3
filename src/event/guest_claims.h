// SPDX-License-Identifier: Apache-2.0
// Claims of one run's witness, written by the hundred thousand: the bytes of guest_events.h without their cost.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/sha256.h"
#include "event/cell_ref.h"
#include "event/draft.h"
#include "event/guest_events.h"

namespace event {

// A draft of which the lane rules hold by its making, so that the log need not look at it again. Only GuestClaimWriter
// makes one.
class GuestClaim {
 public:
  const Draft& draft() const { return draft_; }

 private:
  friend class GuestClaimWriter;
  GuestClaim() = default;
  Draft draft_;
};

// Used by one thread.
class GuestClaimWriter {
 public:
  GuestClaimWriter(const CellRef& cell, std::string_view spec_signature_hash);

  struct Frame {
    std::uint32_t pid = 0;
    std::string_view comm;           // valid UTF-8
    std::uint64_t monotonic_ns = 0;  // of a declaration
    base::WallTime received_at{};
    base::BootTime seen_at{};
    crypto::Digest sha256{};         // of the frame as it is kept
    bool name_masked = false;        // comm is not what the cell said, in the frame neither; the event says so (ours)
  };
  // GuestDeclarationEvent of `probe_source`, one of the five published ones. The claim is valid until the next call.
  // kInvalid as there.
  base::Result<const GuestClaim*> Declaration(std::string_view probe_source, const Frame& frame);
  // GuestExitStatusEvent.
  base::Result<const GuestClaim*> ExitStatus(std::string_view probe_source, const Frame& frame, ExitKind kind,
                                             std::uint32_t status);

 private:
  struct Cause {
    ExitKind kind;
    std::uint32_t status;
  };
  base::Result<const GuestClaim*> Finish(std::string_view type, std::string_view probe_source, const Frame& frame,
                                         const std::optional<Cause>& cause);
  std::string_view Seconds(base::WallTime time);

  std::string before_time_, after_time_;  // of the member `host`
  std::string second_text_, name_;
  std::chrono::sys_seconds second_{std::chrono::seconds(-1)};
  GuestClaim claim_;
};

}  // namespace event
