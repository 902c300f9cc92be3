// SPDX-License-Identifier: Apache-2.0
// The secret socket's request: what is accepted says the same when written again, and a reply is always one line.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/encoding.h"
#include "gate/secrets/request.h"

namespace {

void Require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::AsText({data, size});
  if (base::IsUtf8(text)) {
    const std::string reply = gate::FormatSecretReply("value", text);
    Require(reply.find('\n') == reply.size() - 1);
  }
  const auto line = gate::ParseSecretLine(text);
  if (!line) return 0;
  Require(size < gate::kMaxSecretLine && base::IsUtf8(line->token) && base::IsUtf8(line->key));
  std::string token = gate::FormatSecretReply("token", line->token), key = gate::FormatSecretReply("key", line->key);
  // {"token":"…"}\n and {"key":"…"}\n make one request.
  const std::string again = token.substr(0, token.size() - 2) + "," + key.substr(1, key.size() - 2);
  if (again.size() >= gate::kMaxSecretLine) return 0;
  const auto second = gate::ParseSecretLine(again);
  Require(second && second->token == line->token && second->key == line->key);
  return 0;
}
