// SPDX-License-Identifier: Apache-2.0
// The first header block of an HTTP/2 stream as a request: its authority, and whether two servers could read it
// differently. RFC 9113 §8.
#pragma once

#include <string>
#include <string_view>

#include "gate/l7/hpack.h"

namespace gate::l7 {

class H2Request final : public FieldSink {
 public:
  void OnField(std::string_view name, std::string_view value, Coding coding) override;
  // After the last field: what only the whole tells.
  void Finish();

  bool has_authority() const { return has_authority_; }
  // Lower-case, port and one trailing dot cut; of the first :authority that is not empty.
  const std::string& host() const { return host_; }
  bool ascii() const { return ascii_; }  // :authority has no byte beyond ASCII
  Coding coding() const { return coding_; }
  bool connect() const { return method_ == "CONNECT"; }
  bool host_differs() const { return host_differs_; }  // a `host` field that is not the authority
  bool has_pseudo() const { return pseudo_ != 0; }
  const char* irregular() const { return irregular_; }  // null: nothing

 private:
  void Pseudo(std::string_view name, std::string_view value, Coding coding);
  void Refuse(const char* why) {
    if (irregular_ == nullptr) irregular_ = why;
  }
  bool has_authority_ = false, ascii_ = true, regular_ = false, host_differs_ = false, has_host_ = false;
  unsigned pseudo_ = 0;  // bits of those seen
  std::string authority_, host_, method_, path_, host_field_;
  Coding coding_ = Coding::kPlain;
  const char* irregular_ = nullptr;
};

}  // namespace gate::l7
