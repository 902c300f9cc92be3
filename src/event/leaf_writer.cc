// SPDX-License-Identifier: Apache-2.0
// The bytes of a leaf.
#include "event/leaf_writer.h"

#include <charconv>

namespace event {

std::string_view TimeText::Format(base::WallTime time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  if (second != second_ || text_.empty()) {
    second_ = second;
    text_ = base::FormatMillis(time);
    return text_;
  }
  const auto millis = static_cast<unsigned>((time - second).count());
  char* digits = text_.data() + text_.size() - 4;
  digits[0] = static_cast<char>('0' + millis / 100);
  digits[1] = static_cast<char>('0' + millis / 10 % 10);
  digits[2] = static_cast<char>('0' + millis % 10);
  return text_;
}

namespace {

void AppendDecimal(std::string& out, std::uint64_t value, std::size_t width = 0) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  const auto count = static_cast<std::size_t>(end - digits);
  if (count < width) out.append(width - count, '0');
  out.append(digits, count);
}

}  // namespace

void WriteLeaf(std::string& out, const Draft& draft, const LeafStamp& stamp) {
  out.assign(R"({"boottimens":")");
  AppendDecimal(out, static_cast<std::uint64_t>(stamp.boot.count()));
  out.append(R"(","data":)").append(draft.data);
  out.append(R"(,"datacontenttype":"application/json","id":")").append(stamp.id);
  out.append(R"(","lane":")").append(ToString(LaneOf(draft.observer)));
  out.append(R"(","observer":")").append(ToString(draft.observer));
  out.append(R"(","sequence":")");
  AppendDecimal(out, stamp.sequence, 20);
  out.append(R"(","source":")").append(draft.source);
  out.append(R"(","specversion":"1.0","time":")").append(stamp.time);
  out.append(R"(","type":")").append(draft.type).append("\"}");
}

}  // namespace event
