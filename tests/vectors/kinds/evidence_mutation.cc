// SPDX-License-Identifier: Apache-2.0
// Mutations of run directories.
#include "evidence_mutation.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <vector>

#include "base/encoding.h"
#include "json/reader.h"
#include "json/writer.h"
#include "vectors/kind.h"

namespace vectors {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

// Reading of an operation's members; a missing or impossible one is remembered as an error.
class Operation {
 public:
  Operation(const json::Value& value, const fs::path& runs, RunImage& run) : value_(value), runs_(runs), run_(run) {}

  std::size_t Number(std::string_view name, std::optional<std::size_t> otherwise = std::nullopt) {
    const json::Value* number = value_.Find(name);
    if (number != nullptr && number->kind() == json::Kind::kUint) return number->unsigned_integer();
    if (!otherwise) error_ = fmt::format("member {} is missing", name);
    return otherwise.value_or(0);
  }
  std::string Text(std::string_view name) { return std::string(TextAt(value_, {name}).value_or("")); }
  std::string Hex(std::string_view name) {
    const auto bytes = HexAt(value_, {name});
    if (!bytes) error_ = fmt::format("member {} is no hex", name);
    return bytes ? std::string(base::AsText(*bytes)) : std::string();
  }
  // `text` or `base64`.
  std::string Content() {
    if (const auto text = TextAt(value_, {"text"})) return std::string(*text);
    const auto bytes = base::Base64Decode(Text("base64"));
    if (!bytes) error_ = "neither text nor base64";
    return bytes ? std::string(base::AsText(*bytes)) : std::string();
  }
  const json::Value* Find(std::string_view name) const { return value_.Find(name); }
  std::string Kind() { return Text("op"); }
  // Operations on the seal name no file.
  std::string FileName() { return std::string(TextAt(value_, {"file"}).value_or("seal.json")); }
  std::string& File() { return run_.files[FileName()]; }
  RunImage& run() { return run_; }
  RunImage OtherRun() { return LoadRun(runs_ / Text("from")); }

  void Fail(std::string error) { error_ = std::move(error); }
  std::optional<std::string> error() const { return error_; }
  // False (and an error) when [offset, offset + count) is not inside a text of `size`.
  bool Inside(std::size_t offset, std::size_t count, std::size_t size) {
    if (offset <= size && count <= size - offset) return true;
    Fail(fmt::format("{} at {} lies outside {}", count, offset, size));
    return false;
  }

 private:
  const json::Value& value_;
  const fs::path& runs_;
  RunImage& run_;
  std::optional<std::string> error_;
};

Lines SplitLines(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t size = end == std::string_view::npos ? text.size() : end + 1;
    lines.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

std::string Join(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

// Changes the lines of the operation's file.
void EditLines(Operation& op, const std::function<void(Lines&)>& change) {
  Lines lines = SplitLines(op.File());
  change(lines);
  if (!op.error()) op.File() = Join(lines);
}

// `edits`: ascending [offset, bytes removed, text put in], offsets of the old content.
std::string ApplyEdits(Operation& op, const std::string& old) {
  std::string text;
  std::size_t at = 0;
  const json::Value* edits = op.Find("edits");
  if (edits == nullptr || !edits->is_array()) return old;
  for (const json::Value& edit : edits->array()) {
    const auto parts = edit.array();
    if (parts.size() != 3) return op.Fail("an edit has not three parts"), old;
    const std::size_t offset = parts[0].unsigned_integer(), removed = parts[1].unsigned_integer();
    if (offset < at || !op.Inside(offset, removed, old.size())) return op.Fail("an edit lies outside the file"), old;
    text.append(old, at, offset - at).append(parts[2].string());
    at = offset + removed;
  }
  return text.append(old, at);
}

struct SealParts {
  std::string payload, payload_type;
  std::vector<std::pair<std::string, std::string>> signatures;  // keyid, sig as texts
};

std::optional<SealParts> ReadSealParts(std::string_view text) {
  const auto tree = json::Parse(text, {.max_bytes = 64u << 20});
  if (!tree || tree->root().Find("signatures") == nullptr) return std::nullopt;
  const auto payload = base::Base64Decode(TextAt(tree->root(), {"payload"}).value_or(""));
  if (!payload) return std::nullopt;
  SealParts parts{
      std::string(base::AsText(*payload)), std::string(TextAt(tree->root(), {"payloadType"}).value_or("")), {}};
  for (const json::Value& signature : tree->root().Find("signatures")->array()) {
    parts.signatures.emplace_back(signature.StringOr("keyid", ""), signature.StringOr("sig", ""));
  }
  return parts;
}

std::string WriteSealParts(const SealParts& parts) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Member("payload", base::Base64Encode(base::AsBytes(parts.payload)));
  writer.Member("payloadType", parts.payload_type).Key("signatures").BeginArray();
  for (const auto& [keyid, sig] : parts.signatures)
    writer.BeginObject().Member("keyid", keyid).Member("sig", sig).EndObject();
  writer.EndArray().EndObject();
  return out;
}

void EditSeal(Operation& op) {
  auto parts = ReadSealParts(op.File());
  if (!parts) return op.Fail("the seal can't be read");
  parts->payload = ApplyEdits(op, parts->payload);
  if (const json::Value* sigs = op.Find("sigs"); sigs != nullptr && sigs->is_array()) {
    for (std::size_t i = 0; i < std::min(sigs->array().size(), parts->signatures.size()); ++i) {
      parts->signatures[i].second = sigs->array()[i].string();
    }
  }
  op.File() = WriteSealParts(*parts);
}

void RepeatSignature(Operation& op) {
  auto parts = ReadSealParts(op.File());
  if (!parts || parts->signatures.empty()) return op.Fail("the seal can't be read");
  const std::string sig = parts->signatures[0].second;
  const std::size_t count = op.Number("count");
  for (std::size_t i = 0; i < count; ++i) parts->signatures.emplace_back(fmt::format("{:064x}", i), sig);
  op.File() = WriteSealParts(*parts);
}

void Flip(Operation& op) {
  const std::size_t offset = op.Number("offset");
  if (op.Inside(offset, 1, op.File().size()))
    op.File()[offset] = static_cast<char>(op.File()[offset] ^ op.Number("mask"));
}
void Truncate(Operation& op) {
  if (op.Inside(0, op.Number("size"), op.File().size())) op.File().resize(op.Number("size"));
}
void AppendBytes(Operation& op) { op.File() += op.Hex("hex"); }
void Insert(Operation& op) {
  const std::size_t offset = op.Number("offset");
  if (!op.Inside(offset, 0, op.File().size())) return;
  std::string all;
  const std::string piece = op.Hex("hex");
  for (std::size_t i = op.Number("count", 1); i-- > 0;) all += piece;
  op.File().insert(offset, all);
}
void Cut(Operation& op) {
  if (op.Inside(op.Number("offset"), op.Number("count"), op.File().size()))
    op.File().erase(op.Number("offset"), op.Number("count"));
}

using Position = Lines::difference_type;

void DeleteLines(Operation& op) {
  EditLines(op, [&](Lines& lines) {
    const auto line = op.Number("line"), count = op.Number("count", 1);
    if (!op.Inside(line, count, lines.size())) return;
    lines.erase(lines.begin() + static_cast<Position>(line), lines.begin() + static_cast<Position>(line + count));
  });
}
void DuplicateLines(Operation& op) {
  EditLines(op, [&](Lines& lines) {
    const auto line = op.Number("line"), count = op.Number("count", 1);
    if (!op.Inside(line, count, lines.size())) return;
    const Lines copy(lines.begin() + static_cast<Position>(line), lines.begin() + static_cast<Position>(line + count));
    lines.insert(lines.begin() + static_cast<Position>(line), copy.begin(), copy.end());
  });
}
void SwapLines(Operation& op) {
  EditLines(op, [&](Lines& lines) {
    const auto a = op.Number("a"), b = op.Number("b"), count = op.Number("count", 1);
    if (!op.Inside(a, count, lines.size()) || !op.Inside(b, count, lines.size())) return;
    for (std::size_t i = 0; i < count; ++i) std::swap(lines[a + i], lines[b + i]);
  });
}
void InsertLines(Operation& op) {
  EditLines(op, [&](Lines& lines) {
    const auto line = op.Number("line");
    if (op.Inside(line, 0, lines.size())) lines.insert(lines.begin() + static_cast<Position>(line), op.Hex("hex"));
  });
}
void SetLine(Operation& op) {
  EditLines(op, [&](Lines& lines) {
    const auto line = op.Number("line");
    if (op.Inside(line, 1, lines.size())) lines[line] = op.Content() + "\n";
  });
}
void TakeLines(Operation& op) {
  RunImage other = op.OtherRun();
  const Lines from = SplitLines(other.files[op.FileName()]);
  EditLines(op, [&](Lines& lines) {
    const auto line = op.Number("line"), count = op.Number("count", 1);
    const auto from_line = op.Number("from_line"), from_count = op.Number("from_count", 1);
    if (!op.Inside(line, count, lines.size()) || !op.Inside(from_line, from_count, from.size())) return;
    lines.erase(lines.begin() + static_cast<Position>(line), lines.begin() + static_cast<Position>(line + count));
    lines.insert(lines.begin() + static_cast<Position>(line), from.begin() + static_cast<Position>(from_line),
                 from.begin() + static_cast<Position>(from_line + from_count));
  });
}
void Edit(Operation& op) { op.File() = ApplyEdits(op, op.File()); }
void Replace(Operation& op) {
  const std::string find = op.Hex("find_hex");
  const std::size_t at = op.File().find(find);
  if (at == std::string::npos) return op.Fail("what should be replaced is not there");
  op.File().replace(at, find.size(), op.Hex("with_hex"));
}
void Copy(Operation& op) {
  RunImage other = op.OtherRun();
  const auto file = other.files.find(op.FileName());
  if (file == other.files.end()) {
    op.run().files.erase(op.FileName());
  } else {
    op.File() = file->second;
  }
}
void Put(Operation& op) { op.File() = op.Content(); }
void DeleteFile(Operation& op) { op.run().files.erase(op.FileName()); }
void RenameDirectory(Operation& op) { op.run().name = op.Text("to"); }

constexpr struct {
  std::string_view name;
  void (*apply)(Operation&);
} kOperations[] = {
    {"flip", Flip},
    {"truncate", Truncate},
    {"append", AppendBytes},
    {"insert", Insert},
    {"cut", Cut},
    {"delete_lines", DeleteLines},
    {"duplicate_lines", DuplicateLines},
    {"swap_lines", SwapLines},
    {"insert_lines", InsertLines},
    {"set_line", SetLine},
    {"edit", Edit},
    {"take_lines", TakeLines},
    {"replace", Replace},
    {"copy", Copy},
    {"put", Put},
    {"delete_file", DeleteFile},
    {"rename_dir", RenameDirectory},
    {"seal", EditSeal},
    {"repeat_signature", RepeatSignature},
};

}  // namespace

RunImage LoadRun(const fs::path& directory) {
  RunImage run{.name = directory.filename().string(), .files = {}};
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory, ignored)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    run.files[fs::relative(entry.path(), directory).string()] = std::string((std::istreambuf_iterator<char>(file)), {});
  }
  return run;
}

void WriteRun(const RunImage& run, const fs::path& parent) {
  const fs::path directory = parent / run.name;
  fs::create_directories(directory);
  for (const auto& [name, content] : run.files) {
    fs::create_directories((directory / name).parent_path());
    std::ofstream(directory / name, std::ios::binary) << content;
  }
}

std::optional<std::string> ApplyOperation(const json::Value& operation, const fs::path& runs, RunImage& run) {
  Operation op(operation, runs, run);
  const std::string kind = op.Kind();
  const auto* row = std::ranges::find(kOperations, std::string_view(kind), [](const auto& each) { return each.name; });
  if (row == std::end(kOperations)) return "unknown operation " + kind;
  row->apply(op);
  return op.error();
}

}  // namespace vectors
