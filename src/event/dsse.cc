// SPDX-License-Identifier: Apache-2.0
// The envelope has one possible form per content, so it is read by comparison with that form, not by a JSON parser.
#include "event/dsse.h"

#include <fmt/format.h>

#include <algorithm>

namespace event {
namespace {

std::unexpected<base::Error> Bad(std::string_view why) {
  return base::Fail(base::ErrorKind::kInvalid, fmt::format("this is no DSSE envelope in canonical form: {}", why));
}

// Steps over exactly known text and strings without escapes.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}
  bool Take(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  // A JSON string: printable ASCII without quote and backslash.
  bool TakeString(std::string_view& out) {
    if (!Take("\"")) return false;
    const std::size_t end = rest_.find('"');
    if (end == std::string_view::npos) return false;
    out = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return std::ranges::all_of(out, [](unsigned char c) { return c >= 0x20 && c < 0x7f && c != '\\'; });
  }
  bool AtEnd() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

base::Result<DsseSignature> TakeSignature(Cursor& cursor) {
  std::string_view key_id, sig;
  if (!cursor.Take("{\"keyid\":") || !cursor.TakeString(key_id) || !cursor.Take(",\"sig\":") ||
      !cursor.TakeString(sig) || !cursor.Take("}")) {
    return Bad("a signature is not exactly {\"keyid\":…,\"sig\":…}");
  }
  auto bytes = base::Base64Decode(sig);
  if (!bytes) return Bad("a signature is no padded base64");
  return DsseSignature{std::string(key_id), *std::move(bytes)};
}

}  // namespace

std::string DssePae(std::string_view payload_type, std::string_view payload) {
  std::string out;
  out.reserve(payload_type.size() + payload.size() + 64);
  out += "DSSEv1 ";
  out += std::to_string(payload_type.size());
  out += ' ';
  out += payload_type;
  out += ' ';
  out += std::to_string(payload.size());
  out += ' ';
  out += payload;
  return out;
}

base::Result<DsseEnvelope> ParseDsse(std::string_view text) {
  if (text.size() > kMaxDsseBytes) return Bad("it is longer than 64 MiB");
  Cursor cursor(text);
  std::string_view payload, type;
  if (!cursor.Take("{\"payload\":") || !cursor.TakeString(payload))
    return Bad("member payload is not first or no string");
  if (!cursor.Take(",\"payloadType\":") || !cursor.TakeString(type))
    return Bad("member payloadType is not second or no string");
  if (!cursor.Take(",\"signatures\":[")) return Bad("member signatures is not third or no list");
  DsseEnvelope envelope{.payload_type = std::string(type)};
  if (!cursor.Take("]")) {
    do {
      if (envelope.signatures.size() == kMaxDsseSignatures) return Bad("it has more than 16 signatures");
      envelope.signatures.push_back(TRY(TakeSignature(cursor)));
    } while (cursor.Take(","));
    if (!cursor.Take("]")) return Bad("the list of signatures does not end");
  }
  if (!cursor.Take("}") || !cursor.AtEnd()) return Bad("something follows the signatures");
  const auto bytes = base::Base64Decode(payload);
  if (!bytes) return Bad("the payload is no padded base64");
  envelope.payload = base::AsText(*bytes);
  return envelope;
}

std::string FormatDsse(const DsseEnvelope& envelope) {
  std::string out = fmt::format("{{\"payload\":\"{}\",\"payloadType\":\"{}\",\"signatures\":[",
                                base::Base64Encode(base::AsBytes(envelope.payload)), envelope.payload_type);
  for (const DsseSignature& signature : envelope.signatures) {
    if (&signature != envelope.signatures.data()) out += ',';
    out +=
        fmt::format("{{\"keyid\":\"{}\",\"sig\":\"{}\"}}", signature.key_id, base::Base64Encode(signature.signature));
  }
  out += "]}";
  return out;
}

}  // namespace event
