// SPDX-License-Identifier: Apache-2.0
// The one record from which cellos-init starts a workload: a heap-free codec with hard bounds and no policy.
//
// Little-endian. Header: magic, total size, then fixed fields, then counted blocks in the order of InitRecord. Texts are
// stored with their terminating NUL and hold no other; a list of texts is their concatenation. Decoding is total: any
// bytes give a record whose every pointer lies inside them, or a refusal.
#pragma once

#include <cstddef>
#include <cstdint>

namespace wire {

struct Bytes {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

inline constexpr std::uint32_t kInitRecordMagic = 0x31524943;  // "CIR1"
inline constexpr std::size_t kMaxInitRecordBytes = 4u << 20;
inline constexpr std::uint32_t kMaxInitArguments = 65536;
inline constexpr std::uint32_t kMaxInitEnvironment = 4096;
inline constexpr std::uint32_t kMaxInitRlimits = 16;
inline constexpr std::size_t kMaxFilterBytes = 4096 * 8;  // BPF_MAXINSNS struct sock_filter
inline constexpr std::size_t kMaxWorkingDirectory = 4096;

struct InitRlimit {
  std::uint32_t resource = 0;
  std::uint64_t soft = 0, hard = 0;
};

// A view: pointers go into the bytes it was decoded from (or, for encoding, anywhere).
struct InitRecord {
  std::uint64_t ttl_deadline_ns = 0;  // CLOCK_BOOTTIME; 0 = none
  std::int32_t oom_score_adj = 0;
  bool terminal = false;
  bool agent = false;                 // a witness is there: it gets the listener of the workload's filter, and is watched
  std::uint32_t argument_count = 0;   // 0: nothing runs, the barrier stays shut
  std::uint32_t environment_count = 0;
  std::uint32_t rlimit_count = 0;
  InitRlimit rlimits[kMaxInitRlimits] = {};
  Bytes working_directory = {};       // one absolute path
  Bytes arguments = {};
  Bytes environment = {};             // "NAME=value" each
  Bytes filter = {};                  // raw struct sock_filter[], never empty
  Bytes guard_filter = {};            // the same for init and reaper themselves
};

enum class InitRecordFault : std::uint8_t {
  kNone, kTooShort, kTooLarge, kMagic, kSize, kCount, kText, kFilter, kWorkingDirectory, kFlags, kTrailing
};

// Bytes that `record` takes encoded, or 0 when it breaks a bound.
std::size_t EncodedSize(const InitRecord& record);
// Writes exactly EncodedSize(record) bytes to `out`; the count, or 0 when `size` is not that.
std::size_t EncodeInitRecord(const InitRecord& record, std::uint8_t* out, std::size_t size);
InitRecordFault DecodeInitRecord(Bytes bytes, InitRecord* record);

// Fills `list` (count + 1 entries, the last null) with the starts of `count` texts of a decoded list.
void ListTexts(Bytes texts, std::uint32_t count, const char** list);

}  // namespace wire
