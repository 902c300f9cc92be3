// SPDX-License-Identifier: Apache-2.0
// The programs are part of this one's own text: nothing on disk can take their place.
#include "sandbox/init_image.h"

#include <errno.h>
#include <fcntl.h>

#include <mutex>
#include <string_view>

#include "sys/file.h"

asm(R"(
  .section .rodata.cellos_init, "a"
  .balign 16
  .global cellos_init_begin, cellos_init_end, cellos_telemetry_begin, cellos_telemetry_end
  .hidden cellos_init_begin, cellos_init_end, cellos_telemetry_begin, cellos_telemetry_end
cellos_init_begin:
  .incbin ")" CELLOS_INIT_PATH R"("
cellos_init_end:
  .byte 0
  .balign 16
cellos_telemetry_begin:
  .incbin ")" CELLOS_TELEMETRY_PATH R"("
cellos_telemetry_end:
  .byte 0
  .previous
)");

extern "C" const char cellos_init_begin[], cellos_init_end[], cellos_telemetry_begin[], cellos_telemetry_end[];

namespace sandbox {
namespace {

base::Result<base::UniqueFd> MakeImage(const char* name, std::string_view program) {
  // Kernels that can forbid executable memory files want to be asked (6.3); older ones don't know the flag.
  constexpr unsigned kExecutable = 0x10;  // MFD_EXEC
  auto made = sys::Memfd(name, kExecutable);
  if (!made && made.error().os_errno == EINVAL) made = sys::Memfd(name);
  const base::UniqueFd writable = TRY(std::move(made));
  TRY(sys::WriteAll(writable.get(), program));
  TRY(sys::SealAll(writable.get()));
  // A file that is open for writing can't be executed, so the descriptor that stays is one for reading.
  base::UniqueFd image = TRY(sys::OpenAt(AT_FDCWD, "/proc/self/fd/" + std::to_string(writable.get()), O_RDONLY));
  TRY(sys::Fchmod(writable.get(), 0111));
  return image;
}

// One program's image, made when it is first asked for.
struct Kept {
  std::mutex mutex;
  base::UniqueFd image;

  base::Result<int> Get(const char* name, std::string_view program) {
    const std::lock_guard lock(mutex);
    if (!image) image = TRY_WITH(name, MakeImage(name, program));
    return image.get();
  }
};

}  // namespace

std::string_view InitProgram() {
  return {cellos_init_begin, static_cast<std::size_t>(cellos_init_end - cellos_init_begin)};
}

std::string_view AgentProgram() {
  return {cellos_telemetry_begin, static_cast<std::size_t>(cellos_telemetry_end - cellos_telemetry_begin)};
}

base::Result<int> InitImage() {
  static Kept kept;
  return kept.Get("cellos-init", InitProgram());
}

base::Result<int> AgentImage() {
  static Kept kept;
  return kept.Get("cellos-telemetry", AgentProgram());
}

}  // namespace sandbox
