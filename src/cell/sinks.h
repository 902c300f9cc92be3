// SPDX-License-Identifier: Apache-2.0
// The sinks of one run, from its settings: redacted, signed, with dead letters.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cell/settings.h"
#include "crypto/ed25519.h"
#include "event/sink.h"

namespace cell {

struct Sinks {
  std::vector<std::unique_ptr<event::Sink>> sinks;
  std::vector<std::string> notes;  // what the user should know, e.g. a torn line that was cut
};

// Opens everything that `settings` names; the first that can't be used is the error, with the phase `sink` or `signing`.
// No sink may lie in the state directory, open as `state`: its lines would end up in somebody's evidence.
// `deployment_key` signs where --sign-events asks for it and outlives the sinks; `deployment_name` is its kid.
base::Result<Sinks> MakeSinks(const Settings& settings, const crypto::SigningKey& deployment_key,
                              const std::string& deployment_name, int state, const base::Clock& clock);

}  // namespace cell
