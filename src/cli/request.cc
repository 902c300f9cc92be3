// SPDX-License-Identifier: Apache-2.0
// Everything that has to be right before a run can be asked for.
#include "cli/request.h"

#include <stdlib.h>
#include <unistd.h>

#include <utility>

#include "cli/build_document.h"
#include "cli/console.h"
#include "cli/read_document.h"

namespace cli {
namespace {

constexpr std::chrono::seconds kDocumentDeadline{60};
constexpr int kRefused = 126;

const char* Getenv(const char* name) { return ::getenv(name); }

std::unexpected<EarlyEnd> Usage(std::string message) { return std::unexpected(EarlyEnd{kUsage, std::move(message)}); }

std::expected<DocumentText, EarlyEnd> DocumentOf(const Options& options) {
  if (!options.spec) {
    if (options.argv.empty()) {
      return Usage("no command: write it after --, as in cellos run -- make check, or give a document with --spec");
    }
    auto text = BuildDocument(options);
    if (!text) return Usage(std::move(text).error().message);
    return DocumentText{std::move(*text), false};
  }
  std::string name;
  if (HasDocumentOption(options, name)) return Usage(name + " can't be given with --spec: the document says it all");
  if (options.has_argv) return Usage("a command after -- can't be given with --spec: the document says it all");
  auto text = ReadDocument(*options.spec, kDocumentDeadline);
  if (text) return std::move(*text);
  // A file that is there but may not be trusted is refused like its content would be.
  const int status = text.error().kind == base::ErrorKind::kInvalid ? kRefused : kUsage;
  return std::unexpected(EarlyEnd{status, std::move(text).error().message});
}

std::string CallerDirectory() {
  char* directory = ::realpath(".", nullptr);
  std::string path = directory != nullptr ? directory : "";
  ::free(directory);
  return path;
}

}  // namespace

std::expected<PreparedRequest, EarlyEnd> PrepareRequest(const Options& options) {
  if (options.quiet && options.summary) return Usage("--quiet and --summary exclude each other");
  auto document = DocumentOf(options);
  if (!document) return std::unexpected(std::move(document).error());
  auto settings = LoadSettings(options, ::geteuid(), Getenv);
  if (!settings) return Usage(std::move(settings).error().message);
  PreparedRequest prepared;
  prepared.request.document = std::move(document->bytes);
  prepared.request.document_too_large = document->too_large;
  prepared.request.settings = settings->cell;
  prepared.request.caller_directory = CallerDirectory();
  prepared.request.usual_state_directories = cell::UsualStatePaths(Getenv);
  // The one in use is made by the run.
  if (const auto own = StatePath(*settings, ::geteuid(), Getenv)) std::erase(prepared.request.usual_state_directories, *own);
  prepared.request.stdin_open = !options.no_stdin;
  prepared.settings = std::move(*settings);
  return prepared;
}

base::Result<cell::StateDir> OpenState(const AllSettings& settings, cell::OpenMode mode) {
  return cell::StateDir::Open(TRY(StatePath(settings, ::geteuid(), Getenv)), mode);
}

std::expected<cell::StateDir, EarlyEnd> OpenStateFor(const Options& options, cell::OpenMode mode) {
  const auto settings = LoadSettings(options, ::geteuid(), Getenv);
  if (!settings) return Usage(settings.error().message);
  auto state = OpenState(*settings, mode);
  if (!state) return std::unexpected(EarlyEnd{kFailed, std::move(state).error().message});
  return std::move(*state);
}

}  // namespace cli
