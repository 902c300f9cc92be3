// SPDX-License-Identifier: Apache-2.0
// What a kind of test vector is, and the helpers every kind uses to judge a record.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "json/value.h"

namespace vectors {

// The judgement of one record. `detail`: for kFailed expected and found, for kSkipped the reason; else empty.
struct Outcome {
  enum class Verdict : std::uint8_t { kPassed, kFailed, kSkipped };
  Verdict verdict = Verdict::kPassed;
  std::string detail;
};

inline Outcome Passed() { return {}; }
inline Outcome Failed(std::string detail) { return {Outcome::Verdict::kFailed, std::move(detail)}; }
inline Outcome Skipped(std::string reason) { return {Outcome::Verdict::kSkipped, std::move(reason)}; }
// "expected <a>, found <b>", both escaped and capped.
Outcome Mismatch(std::string_view what, std::string_view expected, std::string_view found);

// Where a record came from: kinds that need files beside it (keys, leaves, run directories) start at file.parent_path().
struct Source {
  std::filesystem::path file;
  std::size_t line = 0;  // from 1
};

// Judges one record. Total: whatever the record holds, it returns. Called once per line, in order, from one thread.
using Judge = Outcome (*)(const json::Value& record, const Source& source);

// Judges `actual_json` (one JSON object, what our code did with the record) by the record's `expect`:
//  * `ours` is merged over `expect` at top level; a top-level member that is null in `ours` is not compared;
//  * with `questionable` and without `ours` anything passes;
//  * members that `actual_json` has beyond the expected ones at top level are ignored; nested values are compared whole.
Outcome Compare(const json::Value& record, std::string_view actual_json);

// The same for records that carry what is expected as members of their own (no `expect`): compares the members named,
// where the record has them. `either: true` passes with anything.
Outcome CompareMembers(const json::Value& record, std::string_view actual_json,
                       std::initializer_list<std::string_view> members);

// The member `name` of the merged expectation; nullptr when there is none or it is not compared.
const json::Value* Expected(const json::Value& record, std::string_view name);
// With `questionable` and without `ours`: either result is right.
bool EitherPasses(const json::Value& record);

// Equal as JSON values: integers exactly in 64 bits, objects without regard to order.
bool Equal(const json::Value& a, const json::Value& b);
// Compact JSON text of a value, members as they stand.
std::string ToText(const json::Value& value);

// Steps down through members: At(record, {"input", "text"}); nullptr when any is missing.
const json::Value* At(const json::Value& record, std::initializer_list<std::string_view> path);
// The string there; nullopt when it is missing or no string.
std::optional<std::string_view> TextAt(const json::Value& record, std::initializer_list<std::string_view> path);
// The bytes of the lower-case hex string there; nullopt when it is missing or no hex.
std::optional<base::Bytes> HexAt(const json::Value& record, std::initializer_list<std::string_view> path);

}  // namespace vectors
