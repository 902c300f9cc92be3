// SPDX-License-Identifier: Apache-2.0
// The native backend: namespaces, cgroups and filters of the running kernel.
#pragma once

#include <memory>

#include "backend/backend.h"

namespace backend {

std::unique_ptr<Backend> MakeNativeBackend();

}  // namespace backend
