// SPDX-License-Identifier: Apache-2.0
// The program is part of this one's own text: nothing on disk can take its place.
#include "sandbox/init_image.h"

#include <errno.h>

#include <mutex>
#include <string_view>

#include "sys/file.h"

asm(R"(
  .section .rodata.cellos_init, "a"
  .balign 16
  .global cellos_init_begin, cellos_init_end
  .hidden cellos_init_begin, cellos_init_end
cellos_init_begin:
  .incbin ")" CELLOS_INIT_PATH R"("
cellos_init_end:
  .byte 0
  .previous
)");

extern "C" const char cellos_init_begin[], cellos_init_end[];

namespace sandbox {
namespace {

base::Result<base::UniqueFd> MakeImage() {
  // Kernels that can forbid executable memory files want to be asked (6.3); older ones don't know the flag.
  constexpr unsigned kExecutable = 0x10;  // MFD_EXEC
  auto made = sys::Memfd("cellos-init", kExecutable);
  if (!made && made.error().os_errno == EINVAL) made = sys::Memfd("cellos-init");
  const base::UniqueFd writable = TRY(std::move(made));
  TRY(sys::WriteAll(writable.get(), InitProgram()));
  TRY(sys::SealAll(writable.get()));
  // A file that is open for writing can't be executed, so the descriptor that stays is one for reading.
  base::UniqueFd image = TRY(sys::OpenAt(AT_FDCWD, "/proc/self/fd/" + std::to_string(writable.get()), O_RDONLY));
  TRY(sys::Fchmod(writable.get(), 0111));
  return image;
}

}  // namespace

std::string_view InitProgram() {
  return {cellos_init_begin, static_cast<std::size_t>(cellos_init_end - cellos_init_begin)};
}

base::Result<int> InitImage() {
  static std::mutex mutex;
  static base::UniqueFd image;
  const std::lock_guard lock(mutex);
  if (!image) image = TRY_WITH("cellos-init", MakeImage());
  return image.get();
}

}  // namespace sandbox
