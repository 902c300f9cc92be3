// SPDX-License-Identifier: Apache-2.0
// Memory that a process which waits does not need.
#pragma once

namespace sys {

// Gives back what the program can get again: unmaps the pages of its own text and constants, which stay in the page cache
// and come back when they are used (madvise(2) MADV_DONTNEED on file pages that nobody wrote), and the heap's free pages.
// For a process that will wait a while; costs some tens of microseconds, and a minor fault for each cluster used again.
void ReleaseUnusedMemory();

}  // namespace sys
