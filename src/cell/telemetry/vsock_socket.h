// SPDX-License-Identifier: Apache-2.0
// The socket behind a microVM's vsock, where the witness in its guest connects (telemetry.md §3.1).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cell {

inline constexpr std::uint32_t kTelemetryVsockPort = 9001;

// Accepts and looks at who connected; never reads: what passes is handed to the gate, which cannot see pids of this
// namespace. Used by one thread.
class VsockSocket {
 public:
  struct Peer {
    pid_t pid = 0;  // as seen from here
    std::uint32_t uid = 0;
  };
  // Makes `<base>_9001` in the open `directory`, before the VMM exists. kDenied when others than we may enter that
  // directory; an error when the file is there already (it belongs to whoever made the directory, and stays).
  static base::Result<VsockSocket> Listen(int directory, std::string_view base);

  int fd() const { return listener_.get(); }  // readable when somebody waits
  // The VMM runs: only its streams are taken, none before.
  void Expect(Peer vmm) { vmm_ = vmm; }

  // Takes everybody who waits; the VMM's streams are passed over `gate_frames`, others are closed and counted.
  base::Result<> Serve(int gate_frames);
  std::uint64_t passed() const { return passed_; }
  std::uint64_t impostors() const { return impostors_; }

 private:
  explicit VsockSocket(base::UniqueFd listener) : listener_(std::move(listener)) {}
  base::UniqueFd listener_;
  Peer vmm_;
  std::uint64_t passed_ = 0, impostors_ = 0;
};

}  // namespace cell
