// SPDX-License-Identifier: Apache-2.0
// Codec of the init record.
#include "wire/init_record.h"

#include "wire/blocks.h"

namespace wire {
namespace {

constexpr std::uint32_t kFlagTerminal = 1, kFlagAgent = 2;
constexpr std::size_t kHeaderBytes = 4 * 2 + 8 + 4 * 5;
constexpr std::size_t kRlimitBytes = 4 + 8 + 8;

bool AllTexts(Bytes texts, std::uint32_t count) {
  std::uint32_t ends = 0;
  for (std::size_t i = 0; i < texts.size; ++i) ends += texts.data[i] == 0;
  return ends == count && (texts.size == 0 ? count == 0 : texts.data[texts.size - 1] == 0);
}

bool IsFilter(Bytes filter) { return filter.size != 0 && filter.size % 8 == 0 && filter.size <= kMaxFilterBytes; }

InitRecordFault Check(const InitRecord& record) {
  // No argument at all is a cell that runs nothing: its barrier is never opened.
  if (record.argument_count > kMaxInitArguments || record.environment_count > kMaxInitEnvironment ||
      record.rlimit_count > kMaxInitRlimits) {
    return InitRecordFault::kCount;
  }
  if (!AllTexts(record.arguments, record.argument_count) ||
      (record.argument_count != 0 && record.arguments.data[0] == 0) ||
      !AllTexts(record.environment, record.environment_count)) {
    return InitRecordFault::kText;
  }
  const Bytes& directory = record.working_directory;
  if (directory.size < 2 || directory.size > kMaxWorkingDirectory || !AllTexts(directory, 1) ||
      directory.data[0] != '/') {
    return InitRecordFault::kWorkingDirectory;
  }
  if (!IsFilter(record.filter) || !IsFilter(record.guard_filter)) return InitRecordFault::kFilter;
  return InitRecordFault::kNone;
}

}  // namespace

std::size_t EncodedSize(const InitRecord& record) {
  if (Check(record) != InitRecordFault::kNone) return 0;
  const std::size_t size = kHeaderBytes + record.rlimit_count * kRlimitBytes + 5 * 4 + record.working_directory.size +
                           record.arguments.size + record.environment.size + record.filter.size +
                           record.guard_filter.size;
  return size <= kMaxInitRecordBytes ? size : 0;
}

std::size_t EncodeInitRecord(const InitRecord& record, std::uint8_t* out, std::size_t size) {
  if (size == 0 || size != EncodedSize(record)) return 0;
  BlockWriter writer{out};
  writer.Natural(kInitRecordMagic, 4);
  writer.Natural(size, 4);
  writer.Natural(record.ttl_deadline_ns, 8);
  writer.Natural(static_cast<std::uint32_t>(record.oom_score_adj), 4);
  writer.Natural((record.terminal ? kFlagTerminal : 0) | (record.agent ? kFlagAgent : 0), 4);
  writer.Natural(record.argument_count, 4);
  writer.Natural(record.environment_count, 4);
  writer.Natural(record.rlimit_count, 4);
  for (std::uint32_t i = 0; i < record.rlimit_count; ++i) {
    writer.Natural(record.rlimits[i].resource, 4);
    writer.Natural(record.rlimits[i].soft, 8);
    writer.Natural(record.rlimits[i].hard, 8);
  }
  writer.Block(record.working_directory);
  writer.Block(record.arguments);
  writer.Block(record.environment);
  writer.Block(record.filter);
  writer.Block(record.guard_filter);
  return size;
}

InitRecordFault DecodeInitRecord(Bytes bytes, InitRecord* record) {
  *record = InitRecord{};
  if (bytes.size > kMaxInitRecordBytes) return InitRecordFault::kTooLarge;
  if (bytes.size < kHeaderBytes) return InitRecordFault::kTooShort;
  BlockReader reader{bytes.data, bytes.size};
  if (reader.Natural(4) != kInitRecordMagic) return InitRecordFault::kMagic;
  if (reader.Natural(4) != bytes.size) return InitRecordFault::kSize;
  record->ttl_deadline_ns = reader.Natural(8);
  record->oom_score_adj = static_cast<std::int32_t>(reader.Natural(4));
  const std::uint64_t flags = reader.Natural(4);
  if ((flags & ~static_cast<std::uint64_t>(kFlagTerminal | kFlagAgent)) != 0) return InitRecordFault::kFlags;
  record->terminal = (flags & kFlagTerminal) != 0;
  record->agent = (flags & kFlagAgent) != 0;
  record->argument_count = reader.Number();
  record->environment_count = reader.Number();
  record->rlimit_count = reader.Number();
  if (record->rlimit_count > kMaxInitRlimits) return InitRecordFault::kCount;
  for (std::uint32_t i = 0; i < record->rlimit_count; ++i) {
    record->rlimits[i].resource = reader.Number();
    record->rlimits[i].soft = reader.Natural(8);
    record->rlimits[i].hard = reader.Natural(8);
  }
  record->working_directory = reader.Block();
  record->arguments = reader.Block();
  record->environment = reader.Block();
  record->filter = reader.Block();
  record->guard_filter = reader.Block();
  if (reader.broken) return InitRecordFault::kTooShort;
  if (reader.left != 0) return InitRecordFault::kTrailing;
  return Check(*record);
}

void ListTexts(Bytes texts, std::uint32_t count, const char** list) {
  const char* at = reinterpret_cast<const char*>(texts.data);
  for (std::uint32_t i = 0; i < count; ++i) {
    list[i] = at;
    while (*at != 0) ++at;
    ++at;
  }
  list[count] = nullptr;
}

}  // namespace wire
