// SPDX-License-Identifier: Apache-2.0
// The size limit comes before parsing, and before memory: one byte over it ends the reading.
#include "cli/read_document.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "spec/document.h"
#include "sys/file.h"
#include "sys/poll.h"

namespace cli {
namespace {

DocumentText Judge(std::string bytes) {
  if (bytes.size() <= spec::kMaxDocumentBytes) return {std::move(bytes), false};
  return {.bytes = {}, .too_large = true};
}

base::Result<DocumentText> ReadStandardInput(std::chrono::milliseconds deadline) {
  const auto end = base::SystemClock().Boot() + deadline;
  std::string bytes;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - base::SystemClock().Boot());
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (left.count() <= 0 || TRY(sys::Poll({&input, 1}, left)) == 0) {
      return base::Fail(base::ErrorKind::kDeadline, "--spec -: standard input did not end within " +
                                                        std::to_string(deadline.count() / 1000) + " s");
    }
    char buffer[16384];
    const auto size = TRY_WITH("--spec -", sys::Read(STDIN_FILENO, buffer));
    if (size == 0) return Judge(std::move(bytes));
    bytes.append(buffer, size);
    if (bytes.size() > spec::kMaxDocumentBytes) return Judge(std::move(bytes));
  }
}

}  // namespace

base::Result<DocumentText> ReadDocument(const std::string& path, std::chrono::milliseconds deadline) {
  if (path == "-") return ReadStandardInput(deadline);
  const auto context = "--spec \"" + base::Escape(path) + "\"";
  auto file = sys::OpenAt(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file && file.error().os_errno == ELOOP) {
    return base::Fail(base::ErrorKind::kInvalid, context + " is a symbolic link; name the file itself");
  }
  if (!file) return std::unexpected(std::move(file).error().With(context));
  const auto status = TRY_WITH(context, sys::Fstat(file->get()));
  if (!S_ISREG(status.st_mode)) return base::Fail(base::ErrorKind::kInvalid, context + " is no regular file");
  auto bytes = sys::ReadAll(file->get(), spec::kMaxDocumentBytes);
  if (!bytes && bytes.error().kind == base::ErrorKind::kLimit) return DocumentText{.bytes = {}, .too_large = true};
  if (!bytes) return std::unexpected(std::move(bytes).error().With(context));
  return DocumentText{std::move(*bytes), false};
}

}  // namespace cli
