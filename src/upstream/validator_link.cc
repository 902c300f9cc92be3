// SPDX-License-Identifier: Apache-2.0
// Packets between relay and validator, and the relay's side of a lookup.
#include "upstream/validator_link.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "upstream/config.h"

namespace upstream {

bool Link::Send(LinkHeader header, std::string_view bytes) {
  header.bytes = static_cast<std::uint32_t>(bytes.size());
  std::string packet(reinterpret_cast<const char*>(&header), sizeof(header));
  packet += bytes;
  return ::send(socket_, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(packet.size());
}

void Link::OnReady(short) {
  for (int i = 0; i < 32; ++i) {
    const ssize_t got = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      watch_.Stop();
      loop_.Defer(lost_);
      return;
    }
    LinkHeader header;
    const auto size = static_cast<std::size_t>(got);
    if (size < sizeof(header)) continue;
    std::memcpy(&header, buffer_.data(), sizeof(header));
    if (header.bytes == size - sizeof(header)) on_packet_(header, std::string_view(buffer_).substr(sizeof(header), header.bytes));
  }
}

class ValidatorClient::Remote final : public Validator {
 public:
  Remote(ValidatorClient& client, std::uint32_t index) : client_(client), index_(index) {}
  void Look(const Question& question, Answer answer) override { client_.Look(index_, question, std::move(answer)); }

 private:
  ValidatorClient& client_;
  std::uint32_t index_;
};

ValidatorClient::ValidatorClient(Loop& loop, int socket, std::chrono::milliseconds bound, std::function<void()> lost)
    : loop_(loop),
      link_(loop, socket, [this](const LinkHeader& header, std::string_view bytes) { OnPacket(header, bytes); }, std::move(lost)),
      bound_(bound) {}

std::unique_ptr<Validator> ValidatorClient::Attach(std::uint32_t index, Exchanger& resolver) {
  resolvers_[index] = &resolver;
  return std::make_unique<Remote>(*this, index);
}

void ValidatorClient::Look(std::uint32_t index, const Question& question, Validator::Answer answer) {
  std::string query("\0\0\1\0\0\1\0\0\0\0\0\0", kDnsHeaderBytes);
  query += question.name;
  for (const std::uint16_t word : {question.type, question.klass}) {
    query += static_cast<char>(word >> 8);
    query += static_cast<char>(word);
  }
  const std::uint64_t number = next_++;
  waiting_[number] = {.answer = std::move(answer), .deadline = Now() + bound_};
  if (!link_.Send({.number = number, .kind = LinkHeader::kLook, .resolver = index}, query)) Finish(number, {});
  ArmTimer();
}

void ValidatorClient::OnPacket(const LinkHeader& header, std::string_view bytes) {
  if (header.kind == LinkHeader::kFound) {
    const auto outcome = static_cast<wire::UpstreamOutcome>(header.value);
    const bool has_answer = outcome == wire::UpstreamOutcome::kValidated || outcome == wire::UpstreamOutcome::kInsecure;
    if (has_answer) return Finish(header.number, {.outcome = outcome, .packet = std::string(bytes)});
    const bool bogus = outcome == wire::UpstreamOutcome::kBogus;
    return Finish(header.number, {.outcome = bogus ? outcome : wire::UpstreamOutcome::kFailed});
  }
  const auto resolver = resolvers_.find(header.resolver);
  if (header.kind != LinkHeader::kAsk || resolver == resolvers_.end()) return;
  const auto reply = [this, number = header.number](const base::Result<std::string>& whole) {
    link_.Send({.number = number, .kind = LinkHeader::kReply, .value = whole ? 0u : 1u}, whole ? *whole : std::string());
  };
  if (asking_ >= kMaxInFlight) return reply(base::Fail(base::ErrorKind::kLimit, "too many questions of the validator"));
  ++asking_;
  resolver->second->Ask(std::string(bytes), [this, reply](const base::Result<std::string>& whole) {
    --asking_;
    reply(whole);
  });
}

void ValidatorClient::Finish(std::uint64_t number, Validation validation) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  loop_.Defer([answer = std::move(found->second.answer), validation = std::move(validation)]() mutable {
    answer(std::move(validation));
  });
  waiting_.erase(found);
}

void ValidatorClient::OnTimer() {
  while (!waiting_.empty() && waiting_.begin()->second.deadline <= Now()) Finish(waiting_.begin()->first, {});
  ArmTimer();
}

void ValidatorClient::ArmTimer() {
  if (waiting_.empty()) return timer_.Stop();
  // All bounds are equal, so the oldest lookup is the first that ends.
  if (!timer_.Start(loop_, waiting_.begin()->second.deadline - Now(), this)) loop_.Stop();
}

void LinkExchanger::Ask(std::string query, Answer answer) {
  const std::uint64_t number = next_++;
  if (waiting_.size() >= kMaxInFlight ||
      !link_.Send({.number = number, .kind = LinkHeader::kAsk, .resolver = index_}, query)) {
    return loop_.Defer([answer = std::move(answer)] {
      answer(base::Fail(base::ErrorKind::kLimit, "the relay takes no more questions"));
    });
  }
  waiting_[number] = std::move(answer);
}

}  // namespace upstream
