// SPDX-License-Identifier: Apache-2.0
// Chained hash over the slots; the slot freed last is used next, which keeps the pages in use few.
#include "process_table.h"

namespace guest {

Process* ProcessTable::Find(uint32_t pid) {
  for (uint16_t at = Bucket(pid); at != 0; at = slots_[at - 1].next) {
    if (slots_[at - 1].pid == pid) return &slots_[at - 1];
  }
  return nullptr;
}

Process* ProcessTable::Insert(uint32_t pid) {
  uint32_t slot = top_;
  if (free_ != 0) {
    slot = free_ - 1u;
    free_ = slots_[slot].next;
  } else if (top_ == kCapacity) {
    return nullptr;
  } else {
    ++top_;
  }
  ++used_;
  Process& process = slots_[slot];
  process = Process{};
  process.pid = pid;
  process.phase = Process::Phase::kAlive;
  uint16_t& bucket = Bucket(pid);
  process.next = bucket;
  bucket = static_cast<uint16_t>(slot + 1);
  return &process;
}

void ProcessTable::Remove(Process* process) {
  const auto link = static_cast<uint16_t>(SlotOf(*process) + 1);
  uint16_t* at = &Bucket(process->pid);
  while (*at != link) at = &slots_[*at - 1].next;
  *at = process->next;
  process->phase = Process::Phase::kFree;
  process->next = free_;
  free_ = link;
  --used_;
}

}  // namespace guest
