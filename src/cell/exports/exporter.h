// SPDX-License-Identifier: Apache-2.0
// Takes artefacts out of a cell: opened beneath its root by descriptor, streamed, digested from the delivered bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "cell/ports/export_sink.h"
#include "plan/plan.h"

namespace cell {

inline constexpr std::uint64_t kMaxExportBytes = 4ull << 30;       // one artefact
inline constexpr std::uint64_t kMaxExportTotalBytes = 16ull << 30;  // all artefacts of a run

// Name rules of an artefact: not empty, at most 255 bytes, no NUL, '/', '\', no "..", no leading '~', not ".".
base::Result<> CheckArtefactName(std::string_view name);

// Opens the regular file at absolute path `path` inside the cell whose root is `root_directory` (O_PATH), as the cell's
// own identity: no symbolic or magic link, nothing above the root, no procfs or sysfs, only what the cell's uid and gid
// may read. Never blocks on a FIFO or device.
base::Result<base::UniqueFd> OpenArtefact(int root_directory, std::string_view path, std::uint32_t host_uid,
                                          std::uint32_t host_gid);

// Delivers into a directory of this machine. Never overwrites; a file is there completely or not at all, 0600, synced.
class LocalSink final : public ExportSink {
 public:
  // `directory` is open and outlives the sink; `directory_path` is its name for receipts. `destination_prefix` is
  // "<cell id>". Temporary files go into `scratch_directory` (same file system) where O_TMPFILE is not offered.
  LocalSink(int directory, std::string directory_path, std::string cell_id, int scratch_directory);
  std::string_view target_kind() const override { return "local"; }
  std::string DestinationHint(std::string_view name) const override;
  base::Result<ExportReceipt> Push(std::string_view name, int source, const PushLimits& limits) override;

 private:
  int directory_, scratch_directory_;
  std::string directory_path_, cell_id_;
};

// All exports of one run: into `<run directory>/exports/`, which the seal covers, and from there to CELLOS_EXPORT_DIR
// when that is set. Used by one thread, after the workload ended and before the cell is destroyed.
class Exporter {
 public:
  struct Options {
    int cell_root = -1;                         // Cell::root_directory(). Not owned, as all descriptors here
    std::uint32_t host_uid = 0, host_gid = 0;   // the cell's ids on this host
    int run_directory = -1;
    std::string run_path;
    int scratch_directory = -1;                 // LiveEntry::directory()
    std::string cell_id;
    std::string export_dir;                     // CELLOS_EXPORT_DIR, or empty
    base::BootTime deadline{0};                 // CLOCK_BOOTTIME; 0: none
  };

  // Makes `exports/` in the run directory at the first export, nothing before.
  explicit Exporter(Options options);
  ~Exporter();

  // One artefact. The receipt's path is the copy in CELLOS_EXPORT_DIR when there is one, else the one in the run
  // directory. The error says which limit or rule refused it.
  base::Result<ExportReceipt> Export(const plan::ExportPlan& artefact);

  // "<cell id>/<name>": for the failure event, before an export.
  std::string DestinationHint(std::string_view name) const;

 private:
  base::Result<> OpenSinks();
  Options options_;
  std::uint64_t total_bytes_ = 0;
  base::UniqueFd run_exports_, external_;
  std::unique_ptr<LocalSink> run_sink_, external_sink_;
};

}  // namespace cell
