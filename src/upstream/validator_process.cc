// SPDX-License-Identifier: Apache-2.0
// From the fork to the end of the link.
#include "upstream/validator_process.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "sys/poll.h"
#include "sys/socket.h"
#include "upstream/config.h"
#include "upstream/lock.h"
#include "upstream/validator_link.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
constexpr auto kStartBound = 5s;
constexpr int kLinkRoom = 1 << 20;

class ValidatorProcess {
 public:
  ValidatorProcess(std::unique_ptr<Loop> loop, int socket)
      : loop_(std::move(loop)),
        link_(*loop_, socket, [this](const LinkHeader& header, std::string_view bytes) { OnPacket(header, bytes); },
              [this] { loop_->Stop(); }) {}
  base::Result<> Build(std::span<const wire::GateResolver> resolvers, const TrustAnchors& anchors,
                       std::chrono::milliseconds bound) {
    for (std::uint32_t index = 0; index < resolvers.size(); ++index) {
      if (resolvers[index].via_upstream == 0 || resolvers[index].dnssec == wire::DnssecMode::kOff) continue;
      exchangers_.push_back(std::make_unique<LinkExchanger>(*loop_, link_, index, next_, asked_));
      validators_[index] = TRY(MakeValidator(*loop_, *exchangers_.back(), anchors, bound));
    }
    return link_.Start();
  }
  base::Result<> Serve(std::uint32_t facts) {
    link_.Send({.kind = LinkHeader::kReady, .value = facts}, "");
    return loop_->Run();
  }
  void Fail(const base::Error& error) { link_.Send({.kind = LinkHeader::kFailing}, error.message.substr(0, 1024)); }

 private:
  void OnPacket(const LinkHeader& header, std::string_view bytes);

  std::unique_ptr<Loop> loop_;
  Link link_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, Exchanger::Answer> asked_;
  std::vector<std::unique_ptr<LinkExchanger>> exchangers_;
  std::map<std::uint32_t, std::unique_ptr<Validator>> validators_;  // after what they ask
};

void ValidatorProcess::OnPacket(const LinkHeader& header, std::string_view bytes) {
  if (header.kind == LinkHeader::kReply) {
    const auto found = asked_.find(header.number);
    if (found == asked_.end()) return;
    const Exchanger::Answer answer = std::move(found->second);
    asked_.erase(found);
    if (header.value == 0 && bytes.size() >= kDnsHeaderBytes) return answer(std::string(bytes));
    return answer(base::Fail(base::ErrorKind::kIo, "the resolver gave no answer"));
  }
  const auto validator = validators_.find(header.resolver);
  const std::optional<Question> question = QuestionOf(bytes);
  if (header.kind != LinkHeader::kLook || validator == validators_.end() || !question) return;
  validator->second->Look(*question, [this, number = header.number](const Validation& found) {
    link_.Send({.number = number, .kind = LinkHeader::kFound, .value = static_cast<std::uint32_t>(found.outcome)}, found.packet);
  });
}

// In the child. Everything but the link is given up first: nothing that leads out may stay.
int RunValidator(int socket, std::span<const wire::GateResolver> resolvers, const TrustAnchors& anchors,
                 std::chrono::milliseconds bound, wire::Bytes filter) {
  for (const int fd : {kConfigFd, kRecordsFd, kDialFd, kGateFd, kCertificatesFd, kAnchorsFd}) ::dup2(STDIN_FILENO, fd);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  base::Result<std::unique_ptr<Loop>> loop = Loop::Create();
  if (!loop) return 1;
  ValidatorProcess process(std::move(*loop), socket);
  const base::Result<> built = process.Build(resolvers, anchors, bound);
  if (!built) {
    process.Fail(built.error());
    return 1;
  }
  const base::Result<std::uint32_t> facts = Lock(filter, Part::kValidator);
  if (!facts) {
    process.Fail(facts.error());
    return 1;
  }
  return process.Serve(*facts) ? 0 : 1;
}

base::Result<std::uint32_t> AwaitReady(int socket) {
  pollfd wait{.fd = socket, .events = POLLIN};
  if (TRY(sys::Poll({&wait, 1}, kStartBound)) == 0) {
    return base::Fail(base::ErrorKind::kDeadline, "the validator did not start in time");
  }
  char packet[sizeof(LinkHeader) + 1024];
  LinkHeader header;
  const ssize_t got = ::recv(socket, packet, sizeof(packet), MSG_DONTWAIT);
  if (got < static_cast<ssize_t>(sizeof(header))) return base::Fail(base::ErrorKind::kInternal, "the validator ended");
  std::memcpy(&header, packet, sizeof(header));
  if (header.kind == LinkHeader::kReady) return header.value;
  const std::string why(packet + sizeof(header), static_cast<std::size_t>(got) - sizeof(header));
  return base::Fail(base::ErrorKind::kInvalid, why);
}

}  // namespace

base::Result<ValidatorPart> StartValidatorPart(std::span<const wire::GateResolver> resolvers, const TrustAnchors& anchors,
                                               std::chrono::milliseconds bound, wire::Bytes filter) {
  auto [ours, its] = TRY(sys::SocketPair(SOCK_SEQPACKET));
  for (const int fd : {ours.get(), its.get()}) ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kLinkRoom, sizeof(kLinkRoom));
  const pid_t child = ::fork();
  if (child < 0) return base::FailOs(errno, "starting the validator: fork");
  if (child == 0) {
    ours.Reset();
    ::_exit(RunValidator(its.get(), resolvers, anchors, bound, filter));
  }
  its.Reset();
  const std::uint32_t facts = TRY(AwaitReady(ours.get()));
  return ValidatorPart{.socket = std::move(ours), .facts = facts};
}

}  // namespace upstream
