// SPDX-License-Identifier: Apache-2.0
// The metrics lines of a VMM.
#include "probe/vmm_metrics.h"

#include <algorithm>

#include "event/json_object.h"
#include "json/canonical.h"
#include "json/reader.h"

namespace probe {
namespace {

constexpr unsigned kMaxDepth = 8, kMaxFigureDepth = 3;
constexpr std::size_t kMaxName = 64;

struct LastValue {
  std::string_view group, member;  // an empty one: any
};
constexpr LastValue kLastValues[] = {
    {"api_server", ""},
    {"latencies_us", ""},
    {"", "min_us"},
    {"", "max_us"},
    {"seccomp", "num_faults"},
    {"signals", "sigbus"},
    {"signals", "sighup"},
    {"signals", "sigill"},
    {"signals", "sigsegv"},
    {"signals", "sigxcpu"},
    {"signals", "sigxfsz"},
    {"vhost_user_block", "activate_time_us"},
    {"vhost_user_block", "config_change_time_us"},
    {"vhost_user_block", "init_time_us"},
    {"vmm", "panic_count"},
};

// Of a group or one of its devices: "block", "block_rootfs".
bool IsOf(std::string_view group, std::string_view base) {
  return group.starts_with(base) && (group.size() == base.size() || group[base.size()] == '_');
}

// ASCII, so that their order by bytes is that of JCS.
bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace

void MetricsLines::Add(std::string_view bytes) { bytes_.append(bytes); }

std::optional<base::Result<std::string>> MetricsLines::Next() {
  const auto end = bytes_.find('\n');
  const std::size_t size = end == bytes_.npos ? bytes_.size() : end;
  const bool too_long = skipping_ || size > kMaxMetricsLine;
  if (end == bytes_.npos) {
    if (too_long) {
      bytes_.clear();
      skipping_ = true;
    }
    return std::nullopt;
  }
  std::string line = too_long ? std::string() : bytes_.substr(0, end);
  bytes_.erase(0, end + 1);
  skipping_ = false;
  if (too_long) {
    return base::Fail(base::ErrorKind::kLimit, "a line of more than " + std::to_string(kMaxMetricsLine) + " bytes");
  }
  return line;
}

bool IsIncrement(std::string_view group, std::string_view member) {
  return std::ranges::none_of(kLastValues, [&](const LastValue& value) {
    return (value.group.empty() || IsOf(group, value.group)) && (value.member.empty() || value.member == member);
  });
}

// One line into the sums.
class MetricsAdder {
 public:
  explicit MetricsAdder(MetricsTotals& totals) : totals_(totals) {}

  // Members of `object`, which stands at `depth` (the groups of a line: 1).
  void Add(MetricsTotals::Figure& into, const json::Value& object, unsigned depth) {
    for (const json::Member& member : object.object()) {
      if (depth == 1) group_ = member.name;
      if (member.value.is_object()) {
        AddGroup(into, member, depth);
      } else if (depth > 1 && member.value.kind() == json::Kind::kUint && IsIncrement(group_, member.name)) {
        AddFigure(into, member);
      }
    }
  }

 private:
  void AddGroup(MetricsTotals::Figure& into, const json::Member& member, unsigned depth) {
    const auto found = into.members.find(member.name);
    if (found != into.members.end()) {
      // What was a figure in an earlier line stays one.
      if (found->second.members.empty()) {
        ++totals_.left_out_;
      } else {
        Add(found->second, member.value, depth + 1);
      }
      return;
    }
    if (depth >= kMaxFigureDepth || !IsName(member.name)) {
      ++totals_.left_out_;
      return;
    }
    MetricsTotals::Figure group;
    Add(group, member.value, depth + 1);
    if (!group.members.empty()) into.members.emplace(member.name, std::move(group));
  }

  void AddFigure(MetricsTotals::Figure& into, const json::Member& member) {
    auto found = into.members.find(member.name);
    if (found == into.members.end()) {
      if (totals_.figures_ == MetricsTotals::kMaxFigures || !IsName(member.name)) {
        ++totals_.left_out_;
        return;
      }
      found = into.members.emplace(member.name, MetricsTotals::Figure{}).first;
      ++totals_.figures_;
    } else if (!found->second.members.empty()) {
      ++totals_.left_out_;
      return;
    }
    std::uint64_t& sum = found->second.sum;
    if (__builtin_add_overflow(sum, member.value.unsigned_integer(), &sum)) sum = UINT64_MAX;
  }

  MetricsTotals& totals_;
  std::string_view group_;
};

base::Result<std::string> MetricsTotals::Add(std::string_view line) {
  const auto tree = json::Parse(line, {.max_bytes = kMaxMetricsLine, .max_depth = kMaxDepth});
  if (!tree) return std::unexpected(json::ToError(tree.error(), "metrics line"));
  if (!tree->root().is_object()) return base::Fail(base::ErrorKind::kInvalid, "metrics line: no object");
  auto text = json::Jcs(tree->root());
  if (!text) return base::Fail(base::ErrorKind::kInvalid, "metrics line: a number that is no 64-bit integer");
  MetricsAdder(*this).Add(root_, tree->root(), 1);
  return std::move(*text);
}

std::string MetricsTotals::ToJson(const Figure& group) {
  event::Object object;
  for (const auto& [name, figure] : group.members) {
    if (figure.members.empty()) {
      object.Add(name, figure.sum);
    } else {
      object.Raw(name, ToJson(figure));
    }
  }
  return object.Take();
}

std::string MetricsTotals::ToJson() const { return ToJson(root_); }

}  // namespace probe
