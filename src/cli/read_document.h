// SPDX-License-Identifier: Apache-2.0
// Reading the file of --spec.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace cli {

struct DocumentText {
  std::string bytes;
  bool too_large = false;  // over the limit of a document; `bytes` is empty
};

// `path` is a regular file, the last component no link, or "-" for standard input, which has to end within `deadline`.
// At most the limit of a document and one byte is read. kNotFound: no such file. kInvalid: a link, directory, device.
base::Result<DocumentText> ReadDocument(const std::string& path, std::chrono::milliseconds deadline);

}  // namespace cli
