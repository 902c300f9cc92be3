// SPDX-License-Identifier: Apache-2.0
// Two bytes of length before each message, many queries under way, told apart by ids of this connection.
#include <sys/random.h>

#include <map>

#include "upstream/framing.h"
#include "upstream/message.h"

namespace upstream {
namespace {

constexpr std::size_t kMaxPipelined = 1024;

class LengthFraming final : public Framing {
 public:
  explicit LengthFraming(OnReply on_reply) : on_reply_(std::move(on_reply)) {}

  base::Result<> Submit(Tag tag, std::string_view query) override {
    if (query.size() < kDnsHeaderBytes || query.size() > kMaxDnsBytes || tags_.size() >= kMaxPipelined) {
      return base::Fail(base::ErrorKind::kLimit, "too many questions under way on one connection");
    }
    const std::uint16_t id = NewId();
    tags_[id] = tag;
    output_ += static_cast<char>(query.size() >> 8);
    output_ += static_cast<char>(query.size());
    std::string message(query);
    SetId(message, id);
    output_ += message;
    return {};
  }

  // The id stays taken, so that a late reply finds nobody instead of somebody else.
  void Forget(Tag tag) override {
    for (auto& [id, owner] : tags_) {
      if (owner == tag) owner = 0;
    }
  }

  base::Result<> Feed(std::string_view bytes) override {
    input_ += bytes;
    std::size_t at = 0;
    while (input_.size() - at >= 2) {
      const std::size_t length = static_cast<std::uint8_t>(input_[at]) << 8 | static_cast<std::uint8_t>(input_[at + 1]);
      if (length < kDnsHeaderBytes) return base::Fail(base::ErrorKind::kInvalid, "the resolver sent a frame that is no message");
      if (input_.size() - at - 2 < length) break;
      Deliver(input_.substr(at + 2, length));
      at += 2 + length;
    }
    input_.erase(0, at);
    return {};
  }

  base::Result<std::string_view> Output() override { return std::string_view(output_); }
  void Written(std::size_t bytes) override { output_.erase(0, bytes); }

 private:
  // Random as well as unique: under TLS it is not needed, over plain TCP it is one guess more.
  std::uint16_t NewId() const {
    for (;;) {
      std::uint16_t id = 0;
      if (::getrandom(&id, sizeof(id), 0) == sizeof(id) && !tags_.contains(id)) return id;
    }
  }
  void Deliver(std::string message) {
    const auto found = tags_.find(IdOf(message));
    if (found == tags_.end()) return;
    const Tag tag = found->second;
    tags_.erase(found);
    if (tag != 0) on_reply_(tag, std::move(message));
  }

  OnReply on_reply_;
  std::map<std::uint16_t, Tag> tags_;  // 0: forgotten
  std::string input_, output_;
};

}  // namespace

std::unique_ptr<Framing> MakeLengthFraming(Framing::OnReply on_reply) {
  return std::make_unique<LengthFraming>(std::move(on_reply));
}

}  // namespace upstream
