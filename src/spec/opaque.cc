// SPDX-License-Identifier: Apache-2.0
// The members of a cell document that are more than a row: export targets by their tag, and the two opaque values.
#include "json/canonical.h"
#include "spec/cell_tables.h"
#include "spec/primitives.h"

namespace spec {
namespace {

// Documents are hashed, and printers of floating point numbers differ: none may occur.
bool HasOnlyIntegers(const json::Value& value, Decoder& decoder) {
  switch (value.kind()) {
    case json::Kind::kDouble:
      return decoder.Fail("non_integer", "found " + Describe(value) + "; allowed are integers only");
    case json::Kind::kArray: {
      const auto items = value.array();
      for (std::size_t i = 0; i < items.size(); ++i) {
        if (!HasOnlyIntegers(items[i], decoder)) return decoder.Inside(i);
      }
      return true;
    }
    case json::Kind::kObject:
      for (const json::Member& member : value.object()) {
        if (!HasOnlyIntegers(member.value, decoder)) return decoder.Inside(member.name);
      }
      return true;
    default:
      return true;
  }
}

std::optional<PathGrant> ToPathGrant(const json::Value& value) {
  PathGrant grant;
  if (value.is_string()) {
    grant.source = grant.target = value.string();
  } else {
    const json::Value *source = value.Find("source"), *target = value.Find("target");
    const bool two_strings = source != nullptr && target != nullptr && source->is_string() && target->is_string();
    if (!two_strings || value.object().size() != 2) return std::nullopt;
    grant.source = source->string();
    grant.target = target->string();
  }
  if (!IsGrantPath(grant.source) || !IsGrantPath(grant.target)) return std::nullopt;
  return grant;
}

bool ToPathGrants(const json::Value& list, std::vector<PathGrant>& grants) {
  if (!list.is_array()) return false;
  for (const json::Value& item : list.array()) {
    auto grant = ToPathGrant(item);
    if (!grant) return false;
    grants.push_back(std::move(*grant));
  }
  return true;
}

std::optional<FilesystemGrant> ToFilesystemGrant(const json::Value& value) {
  if (!value.is_object()) return std::nullopt;
  FilesystemGrant grant;
  for (const json::Member& member : value.object()) {
    const bool readable = member.name == "readable", writable = member.name == "writable";
    if (!readable && !writable) return std::nullopt;
    if (!ToPathGrants(member.value, readable ? grant.readable : grant.writable)) return std::nullopt;
  }
  return grant;
}

}  // namespace

bool Codec<ExportTarget>::Decode(ExportTarget& to, const json::Value& value, Decoder& decoder) {
  if (!value.is_object()) return decoder.WrongType(value, kType);
  const json::Value* kind = value.Find("kind");
  if (kind == nullptr) {
    decoder.Fail("missing_field", "found nothing; required is " + Describe(Codec<ExportTargetKind>::kType));
    return decoder.Inside("kind");
  }
  if (!Codec<ExportTargetKind>::Decode(to.kind, *kind, decoder)) return decoder.Inside("kind");
  return DecodeObject(kExportTargetShapes[static_cast<std::size_t>(to.kind)], &to, value, decoder, "kind");
}

void Codec<ExportTarget>::Encode(const ExportTarget& from, std::string& out) {
  const auto index = static_cast<std::size_t>(from.kind);
  EncodeObject(kExportTargetShapes[index], &from, out, kType.names[index]);
}

bool Codec<FilesystemAuthority>::Decode(FilesystemAuthority& to, const json::Value& value, Decoder& decoder) {
  if (!HasOnlyIntegers(value, decoder)) return false;
  json::AppendSorted(to.canonical, value);
  to.grant = ToFilesystemGrant(value);
  return true;
}

bool Codec<NetworkAuthority>::Decode(NetworkAuthority& to, const json::Value& value, Decoder& decoder) {
  if (!HasOnlyIntegers(value, decoder)) return false;
  json::AppendSorted(to.canonical, value);
  to.declared = to.canonical == R"({"mode":"declared"})";
  return true;
}

}  // namespace spec
