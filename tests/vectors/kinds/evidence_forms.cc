// SPDX-License-Identifier: Apache-2.0
// Vectors of the small evidence forms: signatures, notes, checkpoints, Merkle trees, canonical leaves, envelopes.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <vector>

#include "crypto/ed25519.h"
#include "crypto/sha256.h"
#include "crypto/spki.h"
#include "event/checkpoint_text.h"
#include "event/dsse.h"
#include "event/merkle.h"
#include "event/note.h"
#include "evidence/verify/jcs_scan.h"
#include "json/canonical.h"
#include "json/reader.h"
#include "vectors/kinds.h"

namespace vectors {
namespace {

bool IsTrue(const json::Value& record, std::string_view name) {
  const json::Value* value = record.Find(name);
  return value != nullptr && value->kind() == json::Kind::kBool && value->boolean();
}

// Bytes of member `name` (text), or of `name`_hex.
base::Bytes BytesAt(const json::Value& record, std::string_view name) {
  if (const auto text = TextAt(record, {name})) return {text->begin(), text->end()};
  return HexAt(record, {std::string(name) + "_hex"}).value_or(base::Bytes());
}

Outcome Decision(const json::Value& record, std::string_view member, bool found) {
  if (IsTrue(record, "either") || IsTrue(record, member) == found) return Passed();
  return Mismatch(member, IsTrue(record, member) ? "true" : "false", found ? "true" : "false");
}

crypto::Digest DigestAt(const json::Value& record, std::string_view name) {
  crypto::Digest digest{};
  const auto bytes = HexAt(record, {name});
  if (bytes && bytes->size() == digest.size()) std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

std::optional<std::uint64_t> NumberAt(const json::Value& record, std::string_view name) {
  const json::Value* value = record.Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->kind() == json::Kind::kUint) return value->unsigned_integer();
  if (!value->is_string()) return std::nullopt;
  const auto number = event::ParseDecimal(value->string());
  return number ? std::optional(*number) : std::nullopt;
}

// nullopt when an entry is no hash of 32 bytes.
std::optional<std::vector<crypto::Digest>> ProofAt(const json::Value& record) {
  std::vector<crypto::Digest> proof;
  const json::Value* list = record.Find("proof");
  if (list == nullptr || !list->is_array()) return std::nullopt;
  for (const json::Value& entry : list->array()) {
    const auto bytes = entry.is_string() ? base::HexDecode(entry.string()) : std::nullopt;
    if (!bytes || bytes->size() != 32) return std::nullopt;
    std::copy(bytes->begin(), bytes->end(), proof.emplace_back().begin());
  }
  return proof;
}

// The leaves beside a file of Merkle records, read once per directory.
const std::vector<base::Bytes>& LeavesBeside(const Source& source) {
  static std::map<std::string, std::vector<base::Bytes>> cache;
  const std::string path = (source.file.parent_path() / "merkle_leaves.jsonl").string();
  auto [entry, fresh] = cache.try_emplace(path);
  if (!fresh) return entry->second;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto tree = json::Parse(line);
    if (!tree) continue;
    const auto index = NumberAt(tree->root(), "index");
    if (index && *index == entry->second.size()) entry->second.push_back(BytesAt(tree->root(), "data"));
  }
  return entry->second;
}

Outcome JudgeRoot(const json::Value& record, const Source& source) {
  const auto& leaves = LeavesBeside(source);
  const auto size = NumberAt(record, "size");
  if (!size || *size > leaves.size()) return Failed("the leaves of this tree are not there");
  event::MerkleTree tree;
  for (std::uint64_t i = 0; i < *size; ++i) tree.Append(base::AsText(leaves[i]));
  const crypto::Digest expected = DigestAt(record, "root");
  if (tree.Root() == expected) return Passed();
  return Mismatch("root", crypto::Hex(expected), crypto::Hex(tree.Root()));
}

// Keys of the DSSE records, by name.
std::vector<crypto::SpkiKey> DsseKeysOf(const json::Value& record, const Source& source) {
  std::vector<crypto::SpkiKey> keys;
  std::map<std::string, crypto::SpkiKey, std::less<>> known;
  std::ifstream file(source.file.parent_path() / "dsse_keys.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto tree = json::Parse(line);
    if (!tree) continue;
    const auto name = TextAt(tree->root(), {"name"});
    const auto spki = HexAt(tree->root(), {"spki_hex"});
    if (!name || !spki) continue;
    if (auto key = crypto::ParseSpki(*spki)) known.emplace(std::string(*name), *std::move(key));
  }
  for (const json::Value& name : record.Find("keys")->array()) {
    if (const auto key = known.find(name.string()); key != known.end()) keys.push_back(key->second);
  }
  return keys;
}

}  // namespace

Outcome JudgeEd25519Strict(const json::Value& record, const Source&) {
  const auto key = crypto::CheckedPublicKey(BytesAt(record, "pub"));
  const bool holds = key && crypto::VerifyEd25519(*key, BytesAt(record, "msg"), BytesAt(record, "sig"));
  return Decision(record, "accept", holds);
}

Outcome JudgeSignedNote(const json::Value& record, const Source&) {
  const base::Bytes bytes = BytesAt(record, "note");
  std::vector<crypto::Vkey> keys;
  bool keys_are_good = true;
  for (const json::Value& text : record.Find("vkeys")->array()) {
    auto key = crypto::ParseVkey(text.string());
    keys_are_good &= key.has_value();
    if (key) keys.push_back(*std::move(key));
  }
  const auto opened = event::OpenNote(base::AsText(bytes), keys);
  const bool accepted = keys_are_good && opened.has_value();
  Outcome decision = Decision(record, "accept", accepted);
  if (decision.verdict != Outcome::Verdict::kPassed || !accepted || !IsTrue(record, "accept")) return decision;
  std::set<std::string> expected, found;
  for (const json::Value& name : record.Find("verified")->array()) expected.emplace(name.string());
  for (const crypto::Vkey* key : opened->verified) found.insert(fmt::format("{}+{:08x}", key->name, key->id()));
  if (expected != found)
    return Mismatch("verified", fmt::format("{}", fmt::join(expected, " ")), fmt::format("{}", fmt::join(found, " ")));
  if (NumberAt(record, "text_bytes") != opened->note.text.size()) return Failed("the text has another length");
  if (NumberAt(record, "unverified") != opened->unverified && !IsTrue(record, "either")) {
    return Mismatch("unverified", fmt::format("{}", NumberAt(record, "unverified").value_or(0)),
                    fmt::format("{}", opened->unverified));
  }
  return Passed();
}

Outcome JudgeCheckpoint(const json::Value& record, const Source&) {
  const base::Bytes bytes = BytesAt(record, "text");
  const auto parsed = event::ParseCheckpointText(base::AsText(bytes));
  Outcome decision = Decision(record, "accept", parsed.has_value());
  if (decision.verdict != Outcome::Verdict::kPassed || !parsed) return decision;
  const std::string found =
      fmt::format("{}|{}|{}|{}", parsed->origin, parsed->size, crypto::Hex(parsed->root), parsed->extension_lines);
  const std::string expected =
      fmt::format("{}|{}|{}|{}", TextAt(record, {"origin"}).value_or(""), NumberAt(record, "size").value_or(0),
                  TextAt(record, {"root_hex"}).value_or(""), NumberAt(record, "extension_lines").value_or(0));
  if (expected != found && !IsTrue(record, "either")) return Mismatch("checkpoint", expected, found);
  // What we write is what we read.
  if (parsed->extension_lines == 0 &&
      event::FormatCheckpointText(parsed->origin, parsed->size, parsed->root) != base::AsText(bytes)) {
    return Failed("written again, the text differs");
  }
  return Passed();
}

Outcome JudgeMerkleLeaf(const json::Value& record, const Source&) {
  if (record.Find("leaf_hash") == nullptr) return Passed();
  const base::Bytes data = BytesAt(record, "data");
  const crypto::Digest found = event::LeafHash(base::AsText(data));
  if (found == DigestAt(record, "leaf_hash")) return Passed();
  return Mismatch("leaf_hash", crypto::Hex(DigestAt(record, "leaf_hash")), crypto::Hex(found));
}

Outcome JudgeMerkle(const json::Value& record, const Source& source) {
  const auto kind = TextAt(record, {"kind"});
  if (kind == "root") return JudgeRoot(record, source);
  const auto proof = ProofAt(record);
  bool valid = false;
  if (kind == "inclusion") {
    const auto index = NumberAt(record, "index"), size = NumberAt(record, "size");
    valid = proof && index && size &&
            event::VerifyInclusion(DigestAt(record, "leaf_hash"), *index, *size, *proof, DigestAt(record, "root"));
  } else if (kind == "consistency") {
    const auto old_size = NumberAt(record, "size1"), new_size = NumberAt(record, "size2");
    valid =
        proof && old_size && new_size &&
        event::VerifyConsistency(*old_size, *new_size, DigestAt(record, "root1"), DigestAt(record, "root2"), *proof);
  } else {
    return Failed("unknown kind of Merkle record");
  }
  return Decision(record, "valid", valid);
}

Outcome JudgeJcs(const json::Value& record, const Source&) {
  const base::Bytes bytes = BytesAt(record, "in");
  const std::string_view text = base::AsText(bytes);
  evidence::JcsScanner scanner;
  const bool leaf = scanner.Scan(text);
  if (leaf != json::IsCanonicalJcs(text)) return Failed("the scanner and json::IsCanonicalJcs disagree");
  Outcome decision = Decision(record, "leaf_ok", leaf);
  if (decision.verdict != Outcome::Verdict::kPassed) return decision;
  const json::Value* expected = record.Find("canonical_hex");
  if (expected == nullptr) return Passed();
  const auto tree = json::Parse(text, {.max_bytes = 1u << 20, .max_depth = evidence::JcsScanner::kMaxDepth});
  const auto canonical = tree ? json::Jcs(tree->root()) : std::nullopt;
  const std::string found = canonical ? base::HexEncode(base::AsBytes(*canonical)) : "null";
  const std::string_view wanted = expected->is_string() ? expected->string() : "null";
  if (found == wanted || IsTrue(record, "either")) return Passed();
  return Mismatch("canonical_hex", wanted, found);
}

Outcome JudgeDsseKey(const json::Value& record, const Source&) {
  const auto key = crypto::ParseSpki(BytesAt(record, "spki"));
  if (!key) return Failed(key.error().message);
  if (key->key_id != TextAt(record, {"keyid"}))
    return Mismatch("keyid", TextAt(record, {"keyid"}).value_or(""), key->key_id);
  return Passed();
}

Outcome JudgeDsse(const json::Value& record, const Source& source) {
  const base::Bytes text = BytesAt(record, "envelope");
  const std::vector<crypto::SpkiKey> keys = DsseKeysOf(record, source);
  const auto envelope = event::ParseDsse(base::AsText(text));
  bool accepted = envelope && envelope->payload_type == event::kInTotoPayloadType &&
                  envelope->signatures.size() == keys.size() && !keys.empty();
  if (envelope) {
    const std::string pae = event::DssePae(envelope->payload_type, envelope->payload);
    for (std::size_t i = 0; accepted && i < keys.size(); ++i) {
      accepted = envelope->signatures[i].key_id == keys[i].key_id &&
                 keys[i].Verify(base::AsBytes(pae), envelope->signatures[i].signature);
    }
    const auto expected = TextAt(record, {"pae_sha256"});
    const std::string found = crypto::Hex(crypto::Sha256Of(pae));
    if (expected && *expected != found) return Mismatch("pae_sha256", *expected, found);
    if (event::FormatDsse(*envelope) != base::AsText(text)) return Failed("written again, the envelope differs");
  }
  return Decision(record, "accept", accepted);
}

}  // namespace vectors
