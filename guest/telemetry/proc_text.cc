// SPDX-License-Identifier: Apache-2.0
// Parsers of /proc texts.
#include "proc_text.h"

namespace guest {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Field 3 of a stat text is `state`; the numbers start with field 4.
constexpr unsigned kFirstNumber = 4;
enum Field : unsigned {
  kParent = 4, kGroup = 5, kSession = 6, kFlags = 9, kThreads = 20, kStart = 22, kStartCode = 26, kEndCode = 27,
  kStartStack = 28, kStartData = 45, kEndData = 46, kStartBreak = 47, kArgStart = 48, kArgEnd = 49, kEnvStart = 50,
  kEnvEnd = 51, kExitCode = 52
};

bool TellsImage(unsigned field) {
  return (field >= kStartCode && field <= kStartStack) || (field >= kStartData && field <= kEnvEnd);
}

void SetField(unsigned field, uint64_t value, ProcessStat* stat) {
  switch (field) {
    case kParent: stat->parent = static_cast<uint32_t>(value); break;
    case kGroup: stat->group = static_cast<uint32_t>(value); break;
    case kSession: stat->session = static_cast<uint32_t>(value); break;
    case kFlags: stat->flags = static_cast<uint32_t>(value); break;
    case kThreads: stat->threads = static_cast<uint32_t>(value); break;
    case kStart: stat->start = value; break;
    case kExitCode: stat->exit_code = static_cast<uint32_t>(value); break;
    default: break;
  }
}

}  // namespace

bool ParseStat(const char* text, size_t size, ProcessStat* stat) {
  *stat = ProcessStat{};
  size_t open = 0, close = size;
  while (open < size && text[open] != '(') ++open;
  // A name may hold anything, brackets too; nothing behind it does.
  while (close > open && text[close - 1] != ')') --close;
  if (close <= open + 1 || close + 2 >= size) return false;
  for (size_t at = open + 1; at < close - 1 && stat->comm.size < sizeof stat->comm.bytes; ++at) {
    stat->comm.bytes[stat->comm.size++] = text[at];
  }
  stat->state = text[close + 1];
  unsigned field = kFirstNumber;
  uint64_t image = 0;
  bool shown = false;
  for (size_t at = close + 3; at < size && text[at] != '\n'; ++field) {
    uint64_t value = 0;
    const bool negative = text[at] == '-';
    if (negative) ++at;
    if (at >= size || !IsDigit(text[at])) return false;
    for (; at < size && IsDigit(text[at]); ++at) value = value * 10 + static_cast<uint64_t>(text[at] - '0');
    if (at < size && text[at] == ' ') ++at;
    if (TellsImage(field)) {
      shown = shown || value > 1;  // hidden: 0, and 1 for the ends of the code
      image = (image ^ value) * 0x100000001b3;
    }
    SetField(field, negative ? 0 - value : value, stat);
  }
  if (shown) stat->image = image | 1;
  return field > kStart;
}

uint32_t ParseNumber(const char* text, size_t size) {
  uint64_t value = 0;
  for (size_t at = 0; at < size && IsDigit(text[at]); ++at) {
    value = value * 10 + static_cast<uint64_t>(text[at] - '0');
    if (value > 0xffffffff) return 0;
  }
  return static_cast<uint32_t>(value);
}

uint32_t ParseCursor(const char* text, size_t size) {
  while (size > 0 && !IsDigit(text[size - 1])) --size;
  size_t start = size;
  while (start > 0 && IsDigit(text[start - 1])) --start;
  return ParseNumber(text + start, size - start);
}

uint32_t ParseThreadGroup(const char* text, size_t size) {
  static constexpr char kKey[] = "\nTgid:\t";
  constexpr size_t kLength = sizeof kKey - 1;
  for (size_t at = 0; at + kLength < size; ++at) {
    size_t same = 0;
    while (same < kLength && text[at + same] == kKey[same]) ++same;
    if (same == kLength) return ParseNumber(text + at + kLength, size - at - kLength);
  }
  return 0;
}

void ForkCount::Feed(const char* text, size_t size) {
  static constexpr char kKey[] = "processes ";
  for (size_t at = 0; at < size && state_ != kDone; ++at) {
    const char c = text[at];
    if (state_ == kDigits) {
      if (IsDigit(c)) {
        value_ = value_ * 10 + static_cast<uint64_t>(c - '0');
      } else {
        state_ = kDone;
      }
      continue;
    }
    if (state_ == kLineStart) {
      state_ = kMatch;
      matched_ = 0;
    }
    if (state_ == kMatch) {
      state_ = c == kKey[matched_] ? kMatch : kSkip;
      if (state_ == kMatch && ++matched_ == sizeof kKey - 1) state_ = kDigits;
    }
    if (c == '\n') state_ = kLineStart;
  }
}

}  // namespace guest
