// SPDX-License-Identifier: Apache-2.0
// Adapter of Boost.JSON's incremental parser: its events become values in an arena; depth, duplicates, number range and
// the place of a fault are judged here.
#include "json/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "json/arena.h"
#include "json/scratch.h"

namespace json {
namespace {

// Objects with more members are checked by sorting when they end; in smaller ones each name is compared at once.
constexpr std::size_t kPairwiseMembers = 16;
constexpr std::size_t kNoMember = std::numeric_limits<std::size_t>::max();

// True when a number whose conversion left the range of double is too large, false when it is too small.
bool IsHuge(std::string_view number) {
  const auto e = number.find_first_of("eE");
  const std::string_view mantissa = number.substr(0, e);
  std::int64_t exponent = 0;
  if (e != std::string_view::npos) {
    const char* begin = number.data() + e + 1;
    if (*begin == '+') ++begin;
    std::from_chars(begin, number.data() + number.size(), exponent);
  }
  const auto point = std::min(mantissa.find('.'), mantissa.size());
  const auto digit = mantissa.find_first_of("123456789");
  if (digit == std::string_view::npos) return false;
  return static_cast<std::int64_t>(point) - static_cast<std::int64_t>(digit) + exponent > 0;
}

// Nearest double, or nullopt beyond its range.
std::optional<double> ToDouble(std::string_view number) {
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc::result_out_of_range) {
    if (IsHuge(number)) return std::nullopt;
    return number.starts_with('-') ? -0.0 : 0.0;
  }
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

struct Frame {
  std::size_t begin;  // index of the first member in the scratch stack
  bool is_object;
  bool repeated = false;  // a name occurs twice and the last shall be kept
};

// Builds values bottom-up. `text` is the arena's own copy, so strings without escapes are views into it.
class Builder {
 public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::size_t max_key_size = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::size_t max_string_size = std::numeric_limits<std::uint32_t>::max();
  using Code = boost::json::error_code;

  Builder(Arena& arena, std::string_view text, Duplicates duplicates)
      : arena_(arena), text_(text), cursor_(text.data()), duplicates_(duplicates) {}

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return Open(true); }
  bool on_array_begin(Code&) { return Open(false); }

  bool on_object_end(std::size_t, Code& code) {
    const Frame frame = frames_.back();
    std::size_t count = members_.size() - frame.begin;
    if ((count > kPairwiseMembers || frame.repeated) && !ResolveDuplicates(frame.begin, count, code)) return false;
    auto* kept = static_cast<Member*>(arena_.Allocate(count * sizeof(Member)));
    std::copy_n(members_.at(frame.begin), count, kept);
    Close();
    return Put(Value::Object({kept, count}));
  }

  bool on_array_end(std::size_t, Code&) {
    const Frame frame = frames_.back();
    const std::size_t count = members_.size() - frame.begin;
    auto* kept = static_cast<Value*>(arena_.Allocate(count * sizeof(Value)));
    for (std::size_t i = 0; i < count; ++i) kept[i] = members_.at(frame.begin + i)->value;
    Close();
    return Put(Value::Array({kept, count}));
  }

  bool on_key_part(std::string_view part, std::size_t, Code&) { return KeepPart(part); }
  bool on_key(std::string_view part, std::size_t, Code& code) {
    const std::string_view name = EndString(part);
    Frame& frame = frames_.back();
    const std::size_t count = members_.size() - frame.begin;
    if (count <= kPairwiseMembers) {
      for (std::size_t i = 0; i < count; ++i) {
        Member* earlier = members_.at(frame.begin + i);
        if (earlier->name != name) continue;
        if (duplicates_ == Duplicates::kRefuse) {
          members_.push_back({name, Value::Null()});
          return Duplicate(earlier->name, name, code);
        }
        frame.repeated = true;
      }
    }
    members_.push_back({name, Value::Null()});
    return true;
  }

  bool on_string_part(std::string_view part, std::size_t, Code&) { return KeepPart(part); }
  bool on_string(std::string_view part, std::size_t, Code&) { return Put(Value::String(EndString(part))); }

  bool on_number_part(std::string_view, Code&) { return true; }
  bool on_int64(std::int64_t value, std::string_view text, Code& code) {
    if (value == 0 && text.starts_with('-')) return on_double(-0.0, text, code);
    return Put(value < 0 ? Value::Int(value) : Value::Uint(static_cast<std::uint64_t>(value)));
  }
  bool on_uint64(std::uint64_t value, std::string_view, Code&) { return Put(Value::Uint(value)); }
  bool on_double(double, std::string_view text, Code& code) {
    const auto value = ToDouble(text);
    if (value) return Put(Value::Double(*value, text));
    fault_ = Fault::kNumberRange;
    return Refuse(code);
  }
  bool on_bool(bool value, Code&) { return Put(Value::Bool(value)); }
  bool on_null(Code&) { return Put(Value::Null()); }
  bool on_comment_part(std::string_view, Code& code) { return Refuse(code); }
  bool on_comment(std::string_view, Code& code) { return Refuse(code); }

  const Value& root() const { return root_; }
  Fault fault() const { return fault_; }
  std::size_t duplicate_offset() const { return duplicate_offset_; }
  std::size_t earlier_offset() const { return earlier_offset_; }

  // RFC 6901 pointer of the value in hand.
  std::string Pointer() const {
    std::string pointer;
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      const Frame& frame = *frames_.at(i);
      const std::size_t next = i + 1 < frames_.size() ? frames_.at(i + 1)->begin : members_.size();
      if (!frame.is_object) {
        // An inner container of an array is not on the stack yet while it is read.
        pointer += fmt::format("/{}", next - frame.begin);
      } else if (next > frame.begin) {
        AppendPointerToken(pointer, members_.at(next - 1)->name);
      }
    }
    return pointer;
  }

 private:
  bool Open(bool is_object) {
    frames_.push_back({members_.size(), is_object});
    return true;
  }

  void Close() {
    members_.resize(frames_.back().begin);
    frames_.pop_back();
  }

  bool Put(const Value& value) {
    if (frames_.empty()) {
      root_ = value;
    } else if (frames_.back().is_object) {
      members_.back().value = value;
    } else {
      members_.push_back({{}, value});
    }
    return true;
  }

  // Sorts an index of the members by name, stable: the first equal pair is refused, or only the last of each is kept.
  bool ResolveDuplicates(std::size_t begin, std::size_t& count, Code& code) {
    std::vector<std::uint32_t> order(count);
    for (std::uint32_t i = 0; i < count; ++i) order[i] = i;
    const Member* members = members_.at(begin);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      const int compared = members[a].name.compare(members[b].name);
      return compared != 0 ? compared < 0 : a < b;
    });
    std::vector<bool> superseded(count);
    for (std::size_t i = 1; i < count; ++i) {
      const Member &earlier = members[order[i - 1]], &later = members[order[i]];
      if (earlier.name != later.name) continue;
      if (duplicates_ == Duplicates::kRefuse) {
        members_.resize(begin + order[i] + 1);
        return Duplicate(earlier.name, later.name, code);
      }
      superseded[order[i - 1]] = true;
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!superseded[i]) *members_.at(begin + kept++) = members[i];
    }
    count = kept;
    return true;
  }

  bool Duplicate(std::string_view earlier, std::string_view later, Code& code) {
    fault_ = Fault::kDuplicate;
    earlier_offset_ = OffsetOf(earlier);
    duplicate_offset_ = OffsetOf(later);
    return Refuse(code);
  }

  bool Refuse(Code& code) {
    code = boost::json::make_error_code(boost::json::error::syntax);
    return false;
  }

  bool IsInText(std::string_view part) const {
    return part.data() >= text_.data() && part.data() + part.size() <= text_.data() + text_.size();
  }

  bool KeepPart(std::string_view part) {
    parts_.append(part);
    return true;
  }

  // The whole string: a view into the text, or, where it has escapes, a copy behind its own offset in the text.
  std::string_view EndString(std::string_view part) {
    if (parts_.empty() && IsInText(part)) [[likely]] {
      cursor_ = part.data() + part.size() + 1;
      return part;
    }
    parts_.append(part);
    const char* end = text_.data() + text_.size();
    const char* quote = std::find(cursor_, end, '"');
    auto* stored = static_cast<char*>(arena_.Allocate(sizeof(std::uint32_t) + parts_.size()));
    const auto offset = static_cast<std::uint32_t>(quote - text_.data());
    std::memcpy(stored, &offset, sizeof offset);
    std::memcpy(stored + sizeof offset, parts_.data(), parts_.size());
    const std::string_view whole(stored + sizeof offset, parts_.size());
    parts_.clear();
    for (cursor_ = quote + 1; cursor_ < end && *cursor_ != '"'; ++cursor_) {
      if (*cursor_ == '\\') ++cursor_;
    }
    cursor_ = std::min(cursor_ + 1, end);
    return whole;
  }

  // Of the quote that opens a name.
  std::size_t OffsetOf(std::string_view name) const {
    if (IsInText(name)) return static_cast<std::size_t>(name.data() - text_.data()) - 1;
    std::uint32_t offset;
    std::memcpy(&offset, name.data() - sizeof offset, sizeof offset);
    return offset;
  }

  Arena& arena_;
  std::string_view text_;
  const char* cursor_;  // just behind the last string that ended
  Duplicates duplicates_;
  Fault fault_ = Fault::kSyntax;
  std::size_t duplicate_offset_ = kNoMember, earlier_offset_ = 0;
  Value root_;
  std::string parts_;
  Scratch<Member, 48> members_;
  Scratch<Frame, 32> frames_;
};

std::string_view What(const boost::json::error_code& code) {
  using boost::json::error;
  if (code == error::incomplete) return "the text ends inside a value";
  if (code == error::extra_data) return "found more text after the value; allowed is white space only";
  if (code == error::illegal_leading_surrogate || code == error::illegal_trailing_surrogate ||
      code == error::expected_utf16_escape) {
    return "found half of a surrogate pair; allowed are whole code points";
  }
  if (code == error::expected_hex_digit) return "found a \\u escape without four hexadecimal digits";
  return "found no valid JSON here";
}

ParseError Explain(const Builder& builder, const boost::json::error_code& code, std::string_view text,
                   std::size_t offset, const Limits& limits) {
  using boost::json::error;
  ParseError fault{builder.fault(), offset, builder.Pointer(), {}, {}};
  if (code == error::too_deep) {
    fault.fault = Fault::kTooDeep;
    fault.message = fmt::format("found nesting deeper than the allowed {} levels", limits.max_depth);
  } else if (fault.fault == Fault::kDuplicate) {
    fault.offset = builder.duplicate_offset();
    fault.earlier = fmt::format("{}", builder.earlier_offset());
    fault.message = fmt::format("found the same member name twice, first at byte {}; allowed is once", fault.earlier);
  } else if (fault.fault == Fault::kNumberRange || code == error::exponent_overflow) {
    fault.fault = Fault::kNumberRange;
    fault.message = "found a number beyond the range of a 64-bit float";
  } else if (text.starts_with("\xef\xbb\xbf")) {
    fault.message = "found a byte order mark; allowed is plain UTF-8";
  } else if (!base::IsUtf8(text.substr(0, std::min(text.size(), offset + 4))) && !base::IsUtf8(text)) {
    fault.fault = Fault::kBadUtf8;
    fault.message = "found bytes that are no UTF-8";
  } else {
    fault.message = What(code);
    if (offset < text.size() && code != error::incomplete && code != error::extra_data) {
      fault.message += fmt::format(" ('{}')", base::Escape(text.substr(offset, 1)));
    }
  }
  return fault;
}

}  // namespace

struct Tree::Storage {
  explicit Storage(std::size_t text_size) : arena(text_size + text_size * 2 + 512) {}
  Arena arena;
  Value root;
};

Tree::Tree(std::unique_ptr<Storage> storage, const Value* root) : storage_(std::move(storage)), root_(root) {}
Tree::Tree(Tree&&) noexcept = default;
Tree& Tree::operator=(Tree&&) noexcept = default;
Tree::~Tree() = default;

void AppendPointerToken(std::string& pointer, std::string_view name) {
  pointer += '/';
  for (const char c : name) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
}

std::expected<Tree, ParseError> Parse(std::string_view text, const Limits& limits) {
  const std::size_t max_bytes = std::min<std::size_t>(limits.max_bytes, std::numeric_limits<std::int32_t>::max());
  if (text.size() > max_bytes) {
    return std::unexpected(ParseError{
        Fault::kTooLarge, max_bytes, {}, fmt::format("found {} bytes; allowed are {}", text.size(), max_bytes), {}});
  }
  auto storage = std::make_unique<Tree::Storage>(text.size());
  const std::string_view copy(storage->arena.Copy(text), text.size());
  boost::json::parse_options options;
  options.max_depth = limits.max_depth;
  boost::json::basic_parser<Builder> parser(options, storage->arena, copy, limits.duplicates);
  boost::json::error_code code;
  std::size_t used = parser.write_some(false, copy.data(), copy.size(), code);
  if (!code && used < copy.size()) code = boost::json::make_error_code(boost::json::error::extra_data);
  if (code) [[unlikely]]
    return std::unexpected(Explain(parser.handler(), code, copy, used, limits));
  storage->root = parser.handler().root();
  const Value* root = &storage->root;
  return Tree(std::move(storage), root);
}

base::Error ToError(const ParseError& error, std::string_view what) {
  return {base::ErrorKind::kInvalid,
          fmt::format("{}: {}: {} (byte {})", what, error.pointer.empty() ? "document" : base::Escape(error.pointer),
                      error.message, error.offset)};
}

}  // namespace json
