// SPDX-License-Identifier: Apache-2.0
// Reading of canonical JSON in place: one pass, no recursion, no tree. First JcsScanner judges the bytes, then the
// small walkers step through spans of bytes that it accepted.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace evidence {

// A member as it stands in the text: name without its quotes (escapes kept), value whole.
struct JsonMember {
  std::string_view name, value;
};

// Judges whether a text is exactly the JCS bytes (integers only) of one object of at most 32 levels. Keeps its vectors
// between calls, so that a million leaves cost no allocation.
class JcsScanner {
 public:
  static constexpr unsigned kMaxDepth = 32;
  enum class Record : std::uint8_t { kNothing, kMembers };

  // kMembers: members() and data() are filled, as views of `text`.
  bool Scan(std::string_view text, Record record = Record::kMembers);

  // Members of the outermost object, and of its member "data" where that is an object.
  const std::vector<JsonMember>& members() const { return members_; }
  const std::vector<JsonMember>& data() const { return data_; }
  bool data_is_object() const { return data_is_object_; }

  // Value of a member; empty when there is none.
  std::string_view Find(std::string_view name) const { return FindIn(members_, name); }
  std::string_view FindData(std::string_view name) const { return FindIn(data_, name); }

 private:
  struct Level {
    bool object = false;
    bool key_special = false;  // `key` needs the slow comparison
    std::string_view key;
    const char* value = nullptr;
  };
  static std::string_view FindIn(const std::vector<JsonMember>& members, std::string_view name);
  bool TakeKey();
  bool TakeString(std::string_view& raw, bool& special);
  bool TakeInteger();
  bool TakeLiteral();
  bool Open();
  bool Close();
  void RecordValue();

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  unsigned depth_ = 0;
  Record record_ = Record::kMembers;
  bool data_is_object_ = false;
  bool in_data_ = false;  // the container in hand is that object, or inside it
  std::array<Level, kMaxDepth + 1> levels_;
  std::vector<JsonMember> members_, data_;
};

// All of the following take spans of text that JcsScanner accepted.

// Steps through the elements of an array, or the members of an object; anything else has none.
class JsonArray {
 public:
  explicit JsonArray(std::string_view array);
  bool Next(std::string_view& element);

 private:
  std::string_view rest_;
};
class JsonObject {
 public:
  explicit JsonObject(std::string_view object);
  bool Next(JsonMember& member);

 private:
  std::string_view rest_;
};

bool IsObject(std::string_view value);
bool IsArray(std::string_view value);
bool IsString(std::string_view value);
inline bool IsNull(std::string_view value) { return value == "null"; }
// Value of member `name` of an object; empty when there is none.
std::string_view FindMember(std::string_view object, std::string_view name);
// Content of a string with its escapes resolved; nullopt for other values.
std::optional<std::string> StringOf(std::string_view value);
// The same without a copy, for strings without escapes; nullopt for all else.
std::optional<std::string_view> PlainStringOf(std::string_view value);
// A non-negative integer.
std::optional<std::uint64_t> UintOf(std::string_view value);
// An integer of 32 bits.
std::optional<std::int32_t> Int32Of(std::string_view value);

}  // namespace evidence
