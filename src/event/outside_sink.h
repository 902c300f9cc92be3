// SPDX-License-Identifier: Apache-2.0
// A sink outside the log: each leaf is put into form, redacted, signed, and sent; what can't be sent is kept apart.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "event/dead_letters.h"
#include "event/published_form.h"
#include "event/redaction.h"
#include "event/signed_envelope.h"
#include "event/sink.h"
#include "event/transport.h"

namespace event {

// Order: form → redact → sign → (dead letters around) transport. So a signature covers what is published, and nothing
// unredacted or unsigned lies in a dead letter. A dead-lettered event counts as emitted; a type that the form does not
// send counts as emitted too.
class OutsideSink : public Sink {
 public:
  struct Options {
    EventsForm form = EventsForm::kPublished;
    Redaction redaction = {};
    std::optional<EventSigner> signer = std::nullopt;
    // Signs what the witness in a cell declares and what is told of it, in place of `signer`: such an event goes out as
    // the envelope itself, never wrapped (telemetry.md §3.6).
    std::optional<EventSigner> telemetry_signer = std::nullopt;
    std::optional<DeadLetters> dead_letters = std::nullopt;
  };
  OutsideSink(std::unique_ptr<Transport> transport, Options options)
      : transport_(std::move(transport)), options_(std::move(options)) {}

  std::string_view name() const override { return transport_->name(); }
  base::Result<> Emit(const Delivered& event) override;
  base::Result<> Flush() override { return transport_->Flush(); }

 private:
  struct Prepared {
    std::string text, id, type;
  };
  // nullopt: not for this form.
  base::Result<std::optional<Prepared>> Prepare(std::string_view leaf) const;

  std::unique_ptr<Transport> transport_;
  Options options_;
};

}  // namespace event
