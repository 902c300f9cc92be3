// SPDX-License-Identifier: Apache-2.0
// The envelope members that the cross-witness needs.
#include "evidence/witness/leaf.h"

#include <chrono>

namespace evidence {
namespace {

// Two decimal digits at `text[at]`; -1 when they are none.
int TwoDigits(std::string_view text, std::size_t at) {
  const int tens = text[at] - '0', ones = text[at + 1] - '0';
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
}

// "2026-01-02T03:04:05.678Z", the form of every leaf.
std::optional<std::int64_t> ParseMillis(std::string_view text) {
  if (text.size() != 24) return std::nullopt;
  int parts[8];
  constexpr std::size_t kPlaces[8] = {0, 2, 5, 8, 11, 14, 17, 20};
  for (int i = 0; i < 8; ++i) {
    if ((parts[i] = TwoDigits(text, kPlaces[i])) < 0) return std::nullopt;
  }
  const int last = text[22] - '0';
  if (last < 0 || last > 9) return std::nullopt;
  const std::chrono::year_month_day day{std::chrono::year(parts[0] * 100 + parts[1]),
                                        std::chrono::month(static_cast<unsigned>(parts[2])),
                                        std::chrono::day(static_cast<unsigned>(parts[3]))};
  if (!day.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
  return (((days * 24 + parts[4]) * 60 + parts[5]) * 60 + parts[6]) * 1000 + parts[7] * 10 + last;
}

}  // namespace

std::string_view WitnessLeaf::Text(std::string_view name) const {
  return PlainStringOf(Data(name)).value_or(std::string_view());
}

std::uint64_t WitnessLeaf::Number(std::string_view name) const { return UintOf(Data(name)).value_or(0); }

std::optional<WitnessLeaf> ReadWitnessLeaf(event::LeafIndex index, const JcsScanner& line) {
  WitnessLeaf leaf{.index = index, .json = &line};
  std::string_view observer, boot, time;
  for (const JsonMember& member : line.members()) {
    if (member.name == "boottimens") boot = member.value;
    if (member.name == "observer") observer = member.value;
    if (member.name == "time") time = member.value;
    if (member.name == "type") leaf.type = PlainStringOf(member.value).value_or(std::string_view());
  }
  const auto known = event::ObserverOf(PlainStringOf(observer).value_or(std::string_view()));
  if (!known || leaf.type.empty()) return std::nullopt;
  leaf.observer = *known;
  leaf.boot_ns = UintOf(PlainStringOf(boot).value_or(std::string_view())).value_or(0);
  leaf.wall_ms = ParseMillis(PlainStringOf(time).value_or(std::string_view()));
  return leaf;
}

std::uint64_t NumberIn(std::string_view object, std::string_view name) {
  return IsObject(object) ? UintOf(FindMember(object, name)).value_or(0) : 0;
}

std::uint64_t AddUp(std::uint64_t a, std::uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

void Cite(Cites& cites, const Tally& tally) {
  if (tally.count > 0) cites.push_back(tally.first);
  if (tally.count > 1) cites.push_back(tally.last);
}

void Cite(Cites& cites, const std::optional<event::LeafIndex>& leaf) {
  if (leaf) cites.push_back(*leaf);
}

}  // namespace evidence
