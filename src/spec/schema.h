// SPDX-License-Identifier: Apache-2.0
// JSON Schema and reference page of every document, made from the tables that decode it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace spec {

// cell-document, policy-pack, authorization-policy, keys-file, authority-keys-file, keyset-envelope, derivation-token.
std::span<const std::string_view> DocumentNames();

// JSON Schema (draft 2020-12) of the document, compact; nullopt for another name. It takes no document that the decoder
// refuses for a type, a member or a presence; rules between members are in the reference page and the validation only.
std::optional<std::string> SchemaOf(std::string_view name);

// Markdown: every object of the document as a table of its members; nullopt for another name.
std::optional<std::string> ReferencePage(std::string_view name);

}  // namespace spec
