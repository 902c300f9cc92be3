// SPDX-License-Identifier: Apache-2.0
// Names that no document may put into the environment of a workload: they would load code, start scripts, or pretend to
// be the supervisor.
#pragma once

#include <string>
#include <string_view>

namespace spec {

// Why `name` may not be a variable of run.env: what is allowed instead, one phrase; empty when it may.
std::string_view WhyNameRefused(std::string_view name);

// The same for the name of a secret that is delivered as a variable. A secret may not replace what the cell's own
// environment has (PATH, HOME, TMPDIR) either.
std::string_view WhySecretNameRefused(std::string_view name);

// Two secret names with the same key would be fetched from one variable by the env broker: upper case, '-' as '_'.
std::string FoldSecretName(std::string_view name);

}  // namespace spec
