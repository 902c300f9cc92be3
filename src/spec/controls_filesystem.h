// SPDX-License-Identifier: Apache-2.0
// Judgement of authority.filesystem. Internal to the control judgement.
#pragma once

#include <vector>

#include "spec/cell_document.h"
#include "spec/document_error.h"

namespace spec {

void JudgeFilesystem(const FilesystemAuthority& filesystem, std::vector<Violation>& out);

}  // namespace spec
