// SPDX-License-Identifier: Apache-2.0
// One connection to the secret socket: a line in, a line out, the end.
#pragma once

#include <string>
#include <string_view>

#include "gate/secrets/secret_socket.h"

namespace gate {

class SecretConnection final : private Loop::Watcher {
 public:
  SecretConnection(SecretSocket& owner, base::UniqueFd socket) : owner_(owner), socket_(std::move(socket)) {}
  ~SecretConnection();
  base::Result<> Start();

  // The supervisor's answer: a value, or the text of an error. It is copied; the connection may be over after it.
  void Answer(const char* member, std::string_view text);

 private:
  void OnReady(int fd, std::uint32_t events) override;
  void Read();
  void Judge(std::string_view line);
  void Write();
  void End();  // `this` is gone

  SecretSocket& owner_;
  base::UniqueFd socket_;
  Loop::TimerId deadline_ = 0;
  std::string in_, out_;
  std::size_t written_ = 0;
  bool judged_ = false;
};

}  // namespace gate
