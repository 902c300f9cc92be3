// SPDX-License-Identifier: Apache-2.0
// The run's own copy first, which the seal covers; any other destination is fed from that copy, not from the cell again.
#include "cell/exports/exporter.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "sys/file.h"

namespace cell {
namespace {

// Opens `parent`/`name`, made with `mode` when it is missing; a link in its place is refused.
base::Result<base::UniqueFd> OpenOrMake(int parent, const std::string& name, mode_t mode) {
  auto made = sys::MkdirAt(parent, name, mode);
  if (!made && made.error().os_errno != EEXIST) return std::unexpected(std::move(made).error());
  return sys::OpenAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

base::Result<base::UniqueFd> OpenExternal(const std::string& root, const std::string& cell_id) {
  const auto context = "export mkdir: " + base::Escape(root + "/" + cell_id);
  auto directory = sys::OpenAt(AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
  if (!directory && directory.error().kind == base::ErrorKind::kNotFound) {
    TRY_WITH(context, sys::MkdirAt(AT_FDCWD, root, 0700));
    directory = sys::OpenAt(AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
  }
  const auto parent = TRY_WITH(context, std::move(directory));
  return TRY_WITH(context, OpenOrMake(parent.get(), cell_id, 0700));
}

}  // namespace

Exporter::Exporter(Options options) : options_(std::move(options)) {}
Exporter::~Exporter() = default;

std::string Exporter::DestinationHint(std::string_view name) const {
  return options_.cell_id + "/" + std::string(name);
}

base::Result<> Exporter::OpenSinks() {
  if (!run_sink_) {
    const auto path = options_.run_path + "/exports";
    run_exports_ = TRY_WITH("export mkdir: " + base::Escape(path), OpenOrMake(options_.run_directory, "exports", 0700));
    run_sink_ = std::make_unique<LocalSink>(run_exports_.get(), path, options_.cell_id, options_.scratch_directory);
  }
  if (!external_sink_ && !options_.export_dir.empty()) {
    external_ = TRY(OpenExternal(options_.export_dir, options_.cell_id));
    external_sink_ = std::make_unique<LocalSink>(external_.get(), options_.export_dir + "/" + options_.cell_id,
                                                 options_.cell_id, external_.get());
  }
  return {};
}

base::Result<ExportReceipt> Exporter::Export(const plan::ExportPlan& artefact) {
  TRY(CheckArtefactName(artefact.name));
  if (!artefact.target.empty()) {
    return base::Fail(base::ErrorKind::kUnavailable, "artifact \"" + base::Escape(artefact.name) +
                                                         "\" names the target \"" + base::Escape(artefact.target) +
                                                         "\"; only local export is there");
  }
  const auto source =
      TRY(OpenArtefact(options_.cell_root, artefact.path, options_.host_uid, options_.host_gid));
  TRY(OpenSinks());
  const PushLimits limits{std::min(kMaxExportBytes, kMaxExportTotalBytes - total_bytes_), options_.deadline};
  auto receipt = TRY(run_sink_->Push(artefact.name, source.get(), limits));
  total_bytes_ += receipt.bytes;
  if (!external_sink_) return receipt;
  const auto copy = TRY(sys::OpenAt(run_exports_.get(), artefact.name, O_RDONLY | O_NOFOLLOW));
  auto outside = external_sink_->Push(artefact.name, copy.get(), {kMaxExportBytes, options_.deadline});
  if (!outside) {
    // What was not exported must not look exported in the evidence.
    (void)sys::UnlinkAt(run_exports_.get(), artefact.name);
    return outside;
  }
  if (outside->sha256 != receipt.sha256) {
    return base::Fail(base::ErrorKind::kIo, "export copy -> " + base::Escape(outside->path) +
                                                ": what was read back differs from what was exported");
  }
  receipt.path = outside->path;
  return receipt;
}

}  // namespace cell
