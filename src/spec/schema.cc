// SPDX-License-Identifier: Apache-2.0
// JSON Schema from the tables.
#include "spec/schema.h"

#include <fmt/format.h>

#include "json/writer.h"
#include "spec/documents_table.h"

namespace spec {
namespace {

constexpr std::string_view kPathDefinition =
    R"x({"anyOf":[{"type":"string","pattern":"^/"},{"type":"object","additionalProperties":false,)x"
    R"x("required":["source","target"],"properties":{"source":{"type":"string","pattern":"^/"},)x"
    R"x("target":{"type":"string","pattern":"^/"}}}]})x";

std::string_view SchemaTextOf(const Constraint* constraint) {
  return constraint != nullptr ? constraint->schema : std::string_view();
}

std::string TypeMember(std::string_view type, bool nullable) {
  return nullable ? fmt::format(R"("type":["{}","null"])", type) : fmt::format(R"("type":"{}")", type);
}

std::string Reference(const ObjectShape& shape) { return fmt::format(R"("$ref":"#/$defs/{}")", shape.name); }

std::string OrNull(std::string members, bool nullable) {
  return nullable ? fmt::format(R"("anyOf":[{{{}}},{{"type":"null"}}])", members) : members;
}

std::string SchemaMembers(const TypeShape& type, bool nullable, std::string_view constraint);

std::string ListMembers(const TypeShape& type, bool nullable, std::string_view constraint) {
  // minItems and uniqueItems are of the list, everything else is of its elements.
  const bool of_list = constraint.contains("Items");
  std::string members = TypeMember("array", nullable);
  members += fmt::format(R"(,"items":{{{}}})", SchemaMembers(*type.element, false, of_list ? "" : constraint));
  if (of_list) members.append(",").append(constraint);
  return members;
}

std::string EnumMembers(const TypeShape& type, bool nullable) {
  std::string names;
  json::Writer writer(names);
  writer.BeginArray();
  for (const std::string_view name : type.names) writer.String(name);
  if (nullable) writer.Null();
  writer.EndArray();
  return "\"enum\":" + names;
}

std::string TaggedMembers(const TypeShape& type) {
  std::string members = "\"oneOf\":[";
  for (std::size_t i = 0; i < type.names.size(); ++i) {
    members += fmt::format("{}{{{}}}", i == 0 ? "" : ",", Reference(type.object[i]));
  }
  return members + "]";
}

// The members of a schema object, without its braces.
std::string SchemaMembers(const TypeShape& type, bool nullable, std::string_view constraint) {
  const std::string more = constraint.empty() ? "" : fmt::format(",{}", constraint);
  switch (type.shape) {
    case Shape::kString:
      return TypeMember("string", nullable) + more;
    case Shape::kInteger:
      return TypeMember("integer", nullable) + (constraint.contains("\"minimum\"") ? "" : ",\"minimum\":0") +
             (constraint.contains("\"maximum\"") ? "" : fmt::format(",\"maximum\":{}", type.max)) + more;
    case Shape::kBool:
      return TypeMember("boolean", nullable) + more;
    case Shape::kEnum:
      return EnumMembers(type, nullable);
    case Shape::kList:
      return ListMembers(type, nullable, constraint);
    case Shape::kMap:
      return TypeMember("object", nullable) +
             fmt::format(R"(,"additionalProperties":{{{}}})", SchemaMembers(*type.element, false, "")) + more;
    case Shape::kObject:
      return OrNull(Reference(*type.object), nullable);
    case Shape::kTagged:
      return OrNull(TaggedMembers(type), nullable);
    case Shape::kAny:
      break;
  }
  return std::string(constraint);
}

std::string Description(const FieldRow& row) {
  std::string text(row.meaning);
  if (row.constraint != nullptr) text.append(": ").append(row.constraint->text);
  std::string quoted;
  json::AppendString(quoted, text);
  return quoted;
}

// The shape as a definition; `tag` is the value of "kind" in a tagged one.
std::string Definition(const ObjectShape& shape, std::string_view tag) {
  std::string properties, required;
  if (!tag.empty()) {
    properties = fmt::format(R"("kind":{{"const":"{}"}})", tag);
    required = "\"kind\"";
  }
  for (const FieldRow& row : shape.fields) {
    const bool nullable = row.presence == Presence::kNullable || row.presence == Presence::kSkipNull;
    properties +=
        fmt::format(R"({}"{}":{{"description":{})", properties.empty() ? "" : ",", row.name, Description(row));
    const std::string members = SchemaMembers(*row.type, nullable, SchemaTextOf(row.constraint));
    if (!members.empty()) properties.append(",").append(members);
    properties += '}';
    if (row.presence == Presence::kRequired)
      required += fmt::format(R"({}"{}")", required.empty() ? "" : ",", row.name);
  }
  return fmt::format(R"({{"type":"object","additionalProperties":false,"required":[{}],"properties":{{{}}}}})",
                     required, properties);
}

// The tag that leads to `shape` from anywhere below `type`, or "".
std::string_view TagOf(const TypeShape& type, const ObjectShape* shape) {
  if (type.shape == Shape::kTagged) {
    for (std::size_t i = 0; i < type.names.size(); ++i) {
      if (type.object + i == shape) return type.names[i];
    }
  }
  if (type.element != nullptr) return TagOf(*type.element, shape);
  if (type.shape != Shape::kObject) return {};
  for (const FieldRow& row : type.object->fields) {
    if (const auto tag = TagOf(*row.type, shape); !tag.empty()) return tag;
  }
  return {};
}

}  // namespace

std::optional<std::string> SchemaOf(std::string_view name) {
  const DocumentRow* document = FindDocument(name);
  if (document == nullptr) return std::nullopt;
  const TypeShape& type = *document->type;
  std::string schema =
      fmt::format(R"({{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"{}","description":"{}")",
                  document->title, document->about);
  if (type.shape == Shape::kMap) {
    return schema + fmt::format(R"(,"type":"object","additionalProperties":{{{}}}}})",
                                SchemaMembers(*type.element, false, SchemaTextOf(document->entry)));
  }
  schema += fmt::format(R"(,{},"$defs":{{)", Reference(*type.object));
  bool first = true;
  for (const ObjectShape* shape : ShapesBelow(type)) {
    schema += fmt::format(R"({}"{}":{})", first ? "" : ",", shape->name, Definition(*shape, TagOf(type, shape)));
    first = false;
  }
  if (document->name == "cell-document") schema += fmt::format(R"(,"Path":{})", kPathDefinition);
  return schema + "}}";
}

}  // namespace spec
