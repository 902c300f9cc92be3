// SPDX-License-Identifier: Apache-2.0
// The bytes of a leaf.
#include "event/leaf_writer.h"

#include "event/text_pen.h"

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

void WriteLeaf(std::string& out, const Draft& draft, const LeafStamp& stamp) {
  constexpr std::size_t kRest = 512;  // names, numbers, and texts that come from a closed list
  const std::size_t room =
      kRest + draft.data.size() + stamp.id.size() + draft.source.size() + stamp.time.size() + draft.type.size();
  const std::size_t before = out.size();
  out.resize_and_overwrite(before + room, [&](char* begin, std::size_t) {
    TextPen pen(begin + before);
    pen.Text(R"({"boottimens":")").Decimal(static_cast<std::uint64_t>(stamp.boot.count()));
    pen.Text(R"(","data":)").Text(draft.data);
    pen.Text(R"(,"datacontenttype":"application/json","id":")").Text(stamp.id);
    pen.Text(R"(","lane":")").Text(ToString(LaneOf(draft.observer)));
    pen.Text(R"(","observer":")").Text(ToString(draft.observer));
    pen.Text(R"(","sequence":")").PaddedDecimal(stamp.sequence);
    pen.Text(R"(","source":")").Text(draft.source);
    pen.Text(R"(","specversion":"1.0","time":")").Text(stamp.time);
    pen.Text(R"(","type":")").Text(draft.type).Text("\"}");
    return static_cast<std::size_t>(pen.end() - begin);
  });
}

}  // namespace event
