// SPDX-License-Identifier: Apache-2.0
// From options to the cell document that `--spec` takes.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "cell/settings.h"
#include "cli/options.h"

namespace cli {

// The document of a `run` or `plan` without --spec: indented JSON with a final LF, the same bytes that --print-spec
// shows and that are run. SRC of --ro and --rw is resolved here, relative to the caller's directory. kInvalid names the
// option at fault and what is allowed.
base::Result<std::string> BuildDocument(const Options& options);

// True when an option was given that only makes sense in a document of its own; its name goes to `name`.
bool HasDocumentOption(const Options& options, std::string& name);

// Sources of --secret NAME=SRC, by NAME.
base::Result<std::map<std::string, cell::SecretSource>> SecretSources(const Options& options);

}  // namespace cli
