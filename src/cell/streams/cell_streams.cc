// SPDX-License-Identifier: Apache-2.0
// Three pipes and whose they are.
#include "cell/streams/cell_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include "sys/file.h"

namespace cell {
namespace {

base::Result<> Connect(base::UniqueFd& ours, base::UniqueFd& cells, bool cell_reads, std::uint32_t uid, std::uint32_t gid) {
  sys::PipeEnds ends = TRY(sys::Pipe(O_CLOEXEC));
  ours = std::move(cell_reads ? ends.write : ends.read);
  cells = std::move(cell_reads ? ends.read : ends.write);
  TRY(sys::SetNonblocking(ours.get()));
  return ::geteuid() == 0 ? sys::Fchown(cells.get(), uid, gid) : base::Result<>{};
}

}  // namespace

base::Result<StreamEnds> MakeCellStreams(bool terminal, std::uint32_t uid, std::uint32_t gid) {
  StreamEnds ends;
  if (terminal) return ends;
  TRY(Connect(ends.ours.in, ends.cells.in, /*cell_reads=*/true, uid, gid));
  TRY(Connect(ends.ours.out, ends.cells.out, /*cell_reads=*/false, uid, gid));
  TRY(Connect(ends.ours.err, ends.cells.err, /*cell_reads=*/false, uid, gid));
  return ends;
}

}  // namespace cell
