// SPDX-License-Identifier: Apache-2.0
// Bodies of telemetry frames spelled out for tests: the sample, and the sample with a value exchanged.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/cbor.h"
#include "wire/init_record.h"

namespace wire::body_fixture {

inline std::string Head(cbor::Major major, std::uint64_t argument) {
  std::uint8_t head[9];
  const std::uint8_t* end = cbor::WriteHead(major, argument, head);
  return {reinterpret_cast<const char*>(head), static_cast<std::size_t>(end - head)};
}
inline std::string Natural(std::uint64_t value) { return Head(cbor::Major::kNatural, value); }
inline std::string Text(std::string_view text) { return Head(cbor::Major::kText, text.size()).append(text); }
inline std::string Map(std::uint64_t pairs, std::string_view items) {
  return Head(cbor::Major::kMap, pairs).append(items);
}

inline constexpr std::array<std::string_view, 5> kKeys = {"content_version", "probe_source", "guest_pid", "guest_comm",
                                                          "guest_monotonic_ns"};
using Values = std::array<std::string, 5>;  // encoded, in the order of kKeys
inline Values SampleValues() {
  return {Natural(1), Text("process.spawned"), Natural(4711), Text("sleepy"), Natural(99887766554433)};
}

inline std::string Pairs(const Values& values) {
  std::string pairs;
  for (std::size_t i = 0; i < values.size(); ++i) pairs += Text(kKeys[i]) + values[i];
  return pairs;
}
inline std::string SamplePairs() { return Pairs(SampleValues()); }
inline std::string Sample() { return Map(5, SamplePairs()); }

// The sample with the value of key `at` (and of key `at2`) exchanged for an encoded one.
inline std::string With(std::size_t at, std::string_view value) {
  Values values = SampleValues();
  values[at] = value;
  return Map(5, Pairs(values));
}
inline std::string With(std::size_t at, std::string_view value, std::size_t at2, std::string_view value2) {
  Values values = SampleValues();
  values[at] = value;
  values[at2] = value2;
  return Map(5, Pairs(values));
}

// `body`, which has the keys in order and no value of over 23 bytes of text, with its pairs in another order.
inline std::string Permuted(const std::string& body, const std::vector<unsigned>& order) {
  std::array<std::string, 5> pairs;
  std::size_t begin = 1;
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    const std::size_t end = i + 1 < kKeys.size() ? body.find(Text(kKeys[i + 1]), begin) : body.size();
    pairs[i] = body.substr(begin, end - begin);
    begin = end;
  }
  std::string items;
  for (const unsigned i : order) items += pairs[i];
  return Map(5, items);
}

// With its header.
inline std::string Framed(const std::string& body) {
  std::string bytes;
  for (unsigned i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(body.size() >> (8 * i)));
  return bytes + body;
}

inline Bytes View(const std::string& bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace wire::body_fixture
