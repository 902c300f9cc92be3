// SPDX-License-Identifier: Apache-2.0
// Reading, judging and answering one request.
#include "gate/secrets/secret_connection.h"

#include <errno.h>
#include <string.h>

#include <algorithm>

#include "base/encoding.h"
#include "gate/secrets/request.h"
#include "sys/inet.h"

namespace gate {
namespace {

// To ask, to be answered by whatever the supervisor asks in turn, and to read the answer.
constexpr std::chrono::milliseconds kWholeExchange{60000};

void Wipe(std::string* text) {
  ::explicit_bzero(text->data(), text->size());
  text->clear();
}

}  // namespace

SecretConnection::~SecretConnection() {
  owner_.loop_.Cancel(deadline_);
  owner_.loop_.Forget(socket_.get());
  Wipe(&in_);
  Wipe(&out_);
}

base::Result<> SecretConnection::Start() {
  in_.reserve(kMaxSecretLine);
  TRY(owner_.loop_.Watch(socket_.get(), EPOLLIN, this));
  deadline_ = owner_.loop_.At(owner_.loop_.Now() + kWholeExchange, [this] {
    deadline_ = 0;
    End();
  });
  return {};
}

void SecretConnection::End() { owner_.Release(this); }

void SecretConnection::OnReady(int, std::uint32_t) { return judged_ ? Write() : Read(); }

void SecretConnection::Read() {
  std::uint8_t buffer[kMaxSecretLine];
  const long got = sys::Receive(socket_.get(), {buffer, kMaxSecretLine - in_.size()});
  if (got == -EAGAIN) return;
  if (got > 0) in_.append(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(got));
  ::explicit_bzero(buffer, sizeof buffer);
  const auto end = in_.find('\n');
  if (end != std::string::npos && end + 1 == in_.size()) return Judge(std::string_view(in_).substr(0, end));
  if (got > 0 && end == std::string::npos && in_.size() < kMaxSecretLine) return;
  if (!in_.empty()) owner_.Deny(wire::SecretFault::kMalformed, {});
  End();
}

void SecretConnection::Judge(std::string_view text) {
  judged_ = true;
  auto line = ParseSecretLine(text);
  if (!line) {
    owner_.Deny(wire::SecretFault::kMalformed, {});
    return End();
  }
  const auto& token = owner_.grants_.header().secret_token;
  const auto* token_text = reinterpret_cast<const char*>(token);
  const bool authorized = EqualInConstantTime({token_text, strnlen(token_text, sizeof token)}, line->token);
  Wipe(&line->token);
  if (!authorized) {
    owner_.Deny(wire::SecretFault::kUnauthorized, line->key);
    return Answer("error", "unauthorized");
  }
  const auto keys = owner_.grants_.secrets();
  const auto key = std::find_if(keys.begin(), keys.end(),
                                [&](const wire::GateSecret& secret) { return line->key == secret.key; });
  if (key == keys.end()) {
    owner_.Deny(wire::SecretFault::kUnknownKey, line->key);
    return Answer("error", "unknown secret key \"" + line->key + "\"");
  }
  // Whether the workload ended its sending side meanwhile does not matter: the answer tells whether it is there.
  owner_.loop_.Unwatch(socket_.get());
  if (!owner_.Ask(static_cast<std::uint32_t>(key - keys.begin()), this)) End();
}

void SecretConnection::Answer(const char* member, std::string_view text) {
  // A value that is no text can't be written in JSON; a changed one would be worse than none.
  out_ = base::IsUtf8(text) ? FormatSecretReply(member, text) : FormatSecretReply("error", "the secret is no UTF-8 text");
  Write();
}

void SecretConnection::Write() {
  while (written_ < out_.size()) {
    const long sent = sys::Send(socket_.get(), {reinterpret_cast<const std::uint8_t*>(out_.data()) + written_,
                                                out_.size() - written_});
    if (sent == -EAGAIN) {
      if (!owner_.loop_.Watch(socket_.get(), EPOLLOUT, this)) End();
      return;
    }
    if (sent < 0) return End();
    written_ += static_cast<std::size_t>(sent);
  }
  End();
}

}  // namespace gate
