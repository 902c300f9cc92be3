// SPDX-License-Identifier: Apache-2.0
#include "spec/schema.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "json/canonical.h"
#include "json/reader.h"
#include "spec/document.h"
#include "spec/policy_pack.h"

namespace spec {
namespace {

std::string FileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// As much of JSON Schema as the schemas use.
class Validator {
 public:
  explicit Validator(const json::Value& root) : root_(root) {}
  bool Accepts(const json::Value& value) const { return Accepts(root_, value); }

 private:
  static bool IsType(std::string_view type, const json::Value& value) {
    using json::Kind;
    switch (value.kind()) {
      case Kind::kNull:
        return type == "null";
      case Kind::kBool:
        return type == "boolean";
      case Kind::kString:
        return type == "string";
      case Kind::kArray:
        return type == "array";
      case Kind::kObject:
        return type == "object";
      case Kind::kDouble:
        return type == "number";
      default:
        return type == "integer" || type == "number";
    }
  }

  const json::Value& Definition(std::string_view ref) const {
    return *root_.Find("$defs")->Find(ref.substr(std::string_view("#/$defs/").size()));
  }

  bool AcceptsMembers(const json::Value& schema, const json::Value& value) const {
    if (const auto* required = schema.Find("required")) {
      for (const json::Value& name : required->array()) {
        if (value.Find(name.string()) == nullptr) return false;
      }
    }
    const auto* properties = schema.Find("properties");
    const auto* more = schema.Find("additionalProperties");
    for (const json::Member& member : value.object()) {
      const json::Value* known = properties != nullptr ? properties->Find(member.name) : nullptr;
      if (known == nullptr && more != nullptr && more->kind() == json::Kind::kBool) return false;
      if (known == nullptr) known = more;
      if (known != nullptr && known->is_object() && !Accepts(*known, member.value)) return false;
    }
    return true;
  }

  static bool IsOneOf(const json::Value& list, const json::Value& value) {
    for (const json::Value& allowed : list.array()) {
      if (json::Sorted(allowed) == json::Sorted(value)) return true;
    }
    return false;
  }

  static bool InRange(const json::Value& schema, const json::Value& value) {
    const bool negative = value.kind() == json::Kind::kInt;
    if (!negative && value.kind() != json::Kind::kUint) return true;
    if (const auto* minimum = schema.Find("minimum")) {
      if (negative || value.unsigned_integer() < minimum->unsigned_integer()) return false;
    }
    const auto* maximum = schema.Find("maximum");
    return maximum == nullptr || value.unsigned_integer() <= maximum->unsigned_integer();
  }

  static bool IsString(const json::Value& schema, const json::Value& value) {
    const std::string text(value.string());
    const auto* pattern = schema.Find("pattern");
    if (pattern != nullptr && text.size() < 1000 &&
        !std::regex_search(text, std::regex(std::string(pattern->string()))))
      return false;
    const auto *shortest = schema.Find("minLength"), *longest = schema.Find("maxLength");
    if (shortest != nullptr && text.size() < shortest->unsigned_integer()) return false;
    return longest == nullptr || text.size() <= longest->unsigned_integer() * 4;  // code points
  }

  bool AcceptsAny(const json::Value& schemas, const json::Value& value) const {
    for (const json::Value& schema : schemas.array()) {
      if (Accepts(schema, value)) return true;
    }
    return false;
  }

  bool Accepts(const json::Value& schema, const json::Value& value) const {
    if (const auto* ref = schema.Find("$ref")) {
      if (!Accepts(Definition(ref->string()), value)) return false;
    }
    if (const auto* any = schema.Find("anyOf"); any != nullptr && !AcceptsAny(*any, value)) return false;
    if (const auto* one = schema.Find("oneOf"); one != nullptr && !AcceptsAny(*one, value)) return false;
    if (const auto* allowed = schema.Find("enum"); allowed != nullptr && !IsOneOf(*allowed, value)) return false;
    if (const auto* exact = schema.Find("const"); exact != nullptr && json::Sorted(*exact) != json::Sorted(value))
      return false;
    if (const auto* type = schema.Find("type")) {
      bool fits = type->is_string() && IsType(type->string(), value);
      if (type->is_array()) {
        for (const json::Value& one_type : type->array()) fits = fits || IsType(one_type.string(), value);
      }
      if (!fits) return false;
    }
    if (!InRange(schema, value)) return false;
    if (value.is_string() && !IsString(schema, value)) return false;
    if (value.is_array()) {
      if (const auto* fewest = schema.Find("minItems");
          fewest != nullptr && value.array().size() < fewest->unsigned_integer()) {
        return false;
      }
      if (const auto* items = schema.Find("items")) {
        for (const json::Value& item : value.array()) {
          if (!Accepts(*items, item)) return false;
        }
      }
    }
    return !value.is_object() || AcceptsMembers(schema, value);
  }

  const json::Value& root_;
};

json::Tree SchemaTree(std::string_view name) {
  auto tree = json::Parse(SchemaOf(name).value_or(""));
  EXPECT_TRUE(tree) << name;
  return std::move(*tree);
}

std::vector<std::string> Texts(const std::string& file, std::string_view member) {
  std::vector<std::string> texts;
  std::ifstream lines(CELLOS_SOURCE_DIR "/tests/vectors/data/" + file);
  for (std::string line; std::getline(lines, line);) {
    const auto record = json::Parse(line, {.max_bytes = line.size(), .max_depth = 200});
    if (!record) continue;
    const json::Value* input = record->root().Find("input");
    if (input != nullptr && input->Find(member) != nullptr) texts.emplace_back(input->Find(member)->string());
  }
  return texts;
}

TEST(Schema, EveryNamedDocumentHasOneAndAPage) {
  EXPECT_EQ(DocumentNames().size(), 7u);
  for (const std::string_view name : DocumentNames()) {
    const auto tree = SchemaTree(name);
    EXPECT_TRUE(tree.root().Find("$schema")) << name;
    EXPECT_TRUE(ReferencePage(name)) << name;
  }
  EXPECT_FALSE(SchemaOf("cell"));
  EXPECT_FALSE(ReferencePage("cell"));
}

TEST(Schema, AgreesWithTheDecoderOfCellDocuments) {
  const auto schema = SchemaTree("cell-document");
  const Validator validator(schema.root());
  std::size_t accepted = 0, refused = 0;
  for (const std::string& text : Texts("cell_documents.jsonl", "text")) {
    const auto tree = json::Parse(text);
    if (!tree) continue;
    const auto document = ParseCellDocument(text);
    const bool shaped = document &&
                        (!document->spec.authority.filesystem || document->spec.authority.filesystem->grant) &&
                        (!document->spec.authority.network || document->spec.authority.network->declared);
    if (document && shaped) {
      EXPECT_TRUE(validator.Accepts(tree->root())) << text;
      ++accepted;
    } else if (!DecodeCellDocument(text)) {
      EXPECT_FALSE(validator.Accepts(tree->root())) << text;
      ++refused;
    }
  }
  EXPECT_GT(accepted, 100u);
  EXPECT_GT(refused, 50u);
}

TEST(Schema, AgreesWithTheDecoderOfPolicyPacks) {
  const auto schema = SchemaTree("policy-pack");
  const Validator validator(schema.root());
  std::size_t accepted = 0, refused = 0;
  for (const std::string& text : Texts("policy_admission.jsonl", "pack_text")) {
    const auto tree = json::Parse(text);
    if (!tree) continue;
    if (ParsePolicyPack(text)) {
      EXPECT_TRUE(validator.Accepts(tree->root())) << text;
      ++accepted;
    } else if (!DecodePolicyPack(text)) {
      EXPECT_FALSE(validator.Accepts(tree->root())) << text;
      ++refused;
    }
  }
  EXPECT_GT(accepted, 50u);
  EXPECT_GT(refused, 5u);
}

// With CELLOS_UPDATE_REFERENCE set the pages are written instead of compared.
TEST(ReferencePages, AreCurrent) {
  for (const std::string_view name : DocumentNames()) {
    const std::string path = CELLOS_SOURCE_DIR "/docs/reference/" + std::string(name) + ".md";
    const std::string page = ReferencePage(name).value_or("");
    if (std::getenv("CELLOS_UPDATE_REFERENCE") != nullptr) std::ofstream(path, std::ios::binary) << page;
    EXPECT_TRUE(FileText(path) == page)
        << path << " is not what the tables say: run this test once with CELLOS_UPDATE_REFERENCE=1";
  }
}

}  // namespace
}  // namespace spec
