// SPDX-License-Identifier: Apache-2.0
// Only segments that were never writable: nothing that a relocation or the program wrote is dropped.
#include "sys/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>

namespace sys {
namespace {

constexpr std::uintptr_t kPage = 4096;

int ReleaseSegments(dl_phdr_info* object, std::size_t, void*) {
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(kPage - 1);
    const std::uintptr_t end = (object->dlpi_addr + segment.p_vaddr + segment.p_filesz + kPage - 1) & ~(kPage - 1);
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 1;  // the program itself comes first; libraries are left alone
}

}  // namespace

void ReleaseUnusedMemory() {
  malloc_trim(0);
  dl_iterate_phdr(&ReleaseSegments, nullptr);
}

}  // namespace sys
