// SPDX-License-Identifier: Apache-2.0
// Reference pages from the tables.
#include <fmt/format.h>

#include "spec/documents_table.h"
#include "spec/schema.h"

namespace spec {
namespace {

// Text for a cell of a Markdown table.
std::string Cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string Link(const ObjectShape& shape) {
  std::string anchor;
  for (const char c : shape.name) anchor += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return fmt::format("[{}](#{})", shape.name, anchor);
}

std::string TypeText(const TypeShape& type) {
  switch (type.shape) {
    case Shape::kString:
      return "string";
    case Shape::kInteger:
      return fmt::format("integer, 0 to {}", type.max);
    case Shape::kBool:
      return "boolean";
    case Shape::kEnum:
      return fmt::format("`{}`", fmt::join(type.names, "`, `"));
    case Shape::kList:
      return "list of " + TypeText(*type.element);
    case Shape::kMap:
      return "map from string to " + TypeText(*type.element);
    case Shape::kObject:
      return Link(*type.object);
    case Shape::kTagged: {
      std::string text;
      for (std::size_t i = 0; i < type.names.size(); ++i) {
        text += fmt::format("{}{} (`kind` `{}`)", i == 0 ? "" : " or ", Link(type.object[i]), type.names[i]);
      }
      return text;
    }
    case Shape::kAny:
      break;
  }
  return "any JSON without fractions";
}

std::string_view PresenceText(Presence presence) {
  switch (presence) {
    case Presence::kRequired:
      return "required";
    case Presence::kNullable:
      return "optional; absent is null";
    case Presence::kSkipNull:
      return "optional; null is absent";
    case Presence::kDefault:
    case Presence::kSkipDefault:
      break;
  }
  return "optional, never null";
}

void AppendShape(std::string& page, const ObjectShape& shape) {
  page += fmt::format("\n## {}\n\n| member | type | presence | allowed | meaning |\n| --- | --- | --- | --- | --- |\n",
                      shape.name);
  for (const FieldRow& row : shape.fields) {
    page += fmt::format("| `{}` | {} | {} | {} | {} |\n", row.name, TypeText(*row.type), PresenceText(row.presence),
                        row.constraint != nullptr ? Cell(row.constraint->text) : "", Cell(row.meaning));
  }
}

}  // namespace

std::optional<std::string> ReferencePage(std::string_view name) {
  const DocumentRow* document = FindDocument(name);
  if (document == nullptr) return std::nullopt;
  std::string page = fmt::format(
      "# {}\n\n{}\n\nJSON, UTF-8, at most 1 MiB and 32 levels; unknown and repeated members are refused. Members stand "
      "in the "
      "order that is hashed. `cellos schema {}` prints the JSON Schema. This page is made from the tables that decode "
      "the "
      "document.\n",
      document->title, document->about, document->name);
  if (document->type->shape == Shape::kMap) {
    page += fmt::format("\nOne object: {}, each value {}.\n", TypeText(*document->type), document->entry->text);
  }
  for (const ObjectShape* shape : ShapesBelow(*document->type)) AppendShape(page, *shape);
  return page;
}

}  // namespace spec
