// SPDX-License-Identifier: Apache-2.0
// The one strict JSON reader (RFC 8259): size limit before parsing, depth, duplicates, UTF-8, each fault with its
// place.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"

namespace json {

enum class Duplicates : std::uint8_t { kRefuse, kKeepLast };

struct Limits {
  std::size_t max_bytes = 1u << 20;             // judged before anything is parsed
  unsigned max_depth = 32;                      // containers inside each other; the outermost is level 1
  Duplicates duplicates = Duplicates::kRefuse;  // compared after escapes are resolved
};

enum class Fault : std::uint8_t { kSyntax, kTooLarge, kTooDeep, kDuplicate, kBadUtf8, kNumberRange };

struct ParseError {
  Fault fault;
  std::size_t offset;   // byte offset in the text
  std::string pointer;  // RFC 6901 pointer of the value in hand
  std::string message;  // what was found and what is allowed; escaped, capped
  std::string earlier;  // kDuplicate: the pointer of both places is the same; this is the offset of the first, decimal
};

// An owned parse result; moves freely, values stay where they are.
class Tree {
 public:
  const Value& root() const { return *root_; }

  Tree(Tree&&) noexcept;
  Tree& operator=(Tree&&) noexcept;
  ~Tree();

 private:
  friend std::expected<Tree, ParseError> Parse(std::string_view, const Limits&);
  struct Storage;
  Tree(std::unique_ptr<Storage> storage, const Value* root);
  std::unique_ptr<Storage> storage_;
  const Value* root_;
};

// Parses exactly one value with nothing but white space around it. `text` need not outlive the result.
std::expected<Tree, ParseError> Parse(std::string_view text, const Limits& limits = {});

// Appends "/" and `name` with ~ and / escaped (RFC 6901 §3).
void AppendPointerToken(std::string& pointer, std::string_view name);

// The error as a base::Error of kind kInvalid: "<what>: <pointer>: <message> (byte N)".
base::Error ToError(const ParseError& error, std::string_view what);

}  // namespace json
