// SPDX-License-Identifier: Apache-2.0
// Do53 over UDP: one dialled socket for each exchange.
#include <sys/random.h>
#include <sys/socket.h>

#include <map>
#include <optional>

#include "upstream/config.h"
#include "upstream/exchanger.h"
#include "upstream/message.h"

namespace upstream {
namespace {

constexpr std::uint16_t kUdpSize = 1232;  // what crosses the internet in one piece (DNS flag day 2020)

class UdpExchanger;

class UdpExchange final : private Handler {
 public:
  UdpExchange(UdpExchanger& owner, std::uint64_t number, std::string query, Question question, Exchanger::Answer answer)
      : owner_(owner), number_(number), query_(std::move(query)), question_(std::move(question)),
        answer_(std::move(answer)) {}
  ~UdpExchange() { Close(); }
  void Start();

 private:
  void OnDialled(base::Result<base::UniqueFd> socket);
  void OnReady(short what) override;
  void OnTimer() override;
  void Send();
  void Close();
  void Finish(base::Result<std::string> result);

  UdpExchanger& owner_;
  std::uint64_t number_;
  std::string query_;   // as asked
  std::string packet_;  // as sent: its own id, at most kUdpSize announced
  Question question_;
  Exchanger::Answer answer_;
  Dialler::Ticket ticket_ = 0;
  bool sent_again_ = false;
  base::UniqueFd socket_;
  Watch watch_;  // after socket_: ends before it is closed
  Timer timer_;
};

class UdpExchanger final : public Exchanger {
 public:
  UdpExchanger(Loop& loop, Dialler& dialler, std::uint32_t resolver, std::unique_ptr<Exchanger> tcp, ExchangeLimits limits)
      : loop_(loop), dialler_(dialler), resolver_(resolver), tcp_(std::move(tcp)), limits_(limits) {}

  void Ask(std::string query, Answer answer) override {
    std::optional<Question> question = QuestionOf(query);
    if (!question || exchanges_.size() >= kMaxInFlight) {
      return loop_.Defer([answer = std::move(answer)] {
        answer(base::Fail(base::ErrorKind::kLimit, "too many questions under way, or one without a single question"));
      });
    }
    const std::uint64_t number = next_++;
    auto exchange = std::make_unique<UdpExchange>(*this, number, std::move(query), std::move(*question), std::move(answer));
    exchange->Start();
    exchanges_[number] = std::move(exchange);
  }

 private:
  friend class UdpExchange;
  Loop& loop_;
  Dialler& dialler_;
  std::uint32_t resolver_;
  std::unique_ptr<Exchanger> tcp_;
  ExchangeLimits limits_;
  std::map<std::uint64_t, std::unique_ptr<UdpExchange>> exchanges_;
  std::uint64_t next_ = 1;
  std::string buffer_ = std::string(kMaxDnsBytes, '\0');
};

void UdpExchange::Start() {
  packet_ = query_;
  LimitUdpSize(packet_, kUdpSize);
  std::uint16_t id = 0;
  if (::getrandom(&id, sizeof(id), 0) != sizeof(id)) return Finish(base::FailOs(errno, "getrandom"));
  SetId(packet_, id);
  ticket_ = owner_.dialler_.Dial(owner_.resolver_, wire::IpProtocol::kUdp,
                                 [this](base::Result<base::UniqueFd> socket) { OnDialled(std::move(socket)); });
  if (base::Result<> armed = timer_.Start(owner_.loop_, owner_.limits_.exchange, this); !armed) Finish(std::unexpected(armed.error()));
}

void UdpExchange::OnDialled(base::Result<base::UniqueFd> socket) {
  ticket_ = 0;
  if (!socket) return Finish(std::unexpected(socket.error()));
  socket_ = std::move(*socket);
  if (base::Result<> watched = watch_.Start(owner_.loop_, socket_.get(), Watch::kRead, this); !watched) {
    return Finish(std::unexpected(watched.error()));
  }
  Send();
}

void UdpExchange::Send() {
  // A send that fails is a lost datagram: the second one or the deadline decides.
  [[maybe_unused]] const ssize_t sent = ::send(socket_.get(), packet_.data(), packet_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  const auto half = owner_.limits_.exchange / 2;
  if (base::Result<> armed = timer_.Start(owner_.loop_, half, this); !armed) Finish(std::unexpected(armed.error()));
}

void UdpExchange::OnReady(short) {
  std::string& buffer = owner_.buffer_;
  const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) return Finish(base::FailOs(errno, "asking a resolver"));
  std::string reply = buffer.substr(0, static_cast<std::size_t>(got));
  if (reply.size() < kDnsHeaderBytes || IdOf(reply) != IdOf(packet_) || !Answers(question_, packet_, reply)) return;
  if (IsTruncated(reply)) {
    // The other exchanger keeps the answer's promise from here on.
    Close();
    owner_.tcp_->Ask(query_, [this](base::Result<std::string> whole) { Finish(std::move(whole)); });
    return;
  }
  SetId(reply, IdOf(query_));
  Finish(std::move(reply));
}

void UdpExchange::OnTimer() {
  if (!socket_ || std::exchange(sent_again_, true)) {
    return Finish(base::Fail(base::ErrorKind::kDeadline, "the resolver did not answer in time"));
  }
  Send();
}

void UdpExchange::Close() {
  if (ticket_ != 0) owner_.dialler_.Cancel(std::exchange(ticket_, 0));
  timer_.Stop();
  watch_.Stop();
  socket_.Reset();
}

void UdpExchange::Finish(base::Result<std::string> result) {
  Close();
  owner_.loop_.Defer([&owner = owner_, number = number_, answer = std::move(answer_), result = std::move(result)]() mutable {
    owner.exchanges_.erase(number);
    answer(std::move(result));
  });
}

}  // namespace

std::unique_ptr<Exchanger> MakeUdpExchanger(Loop& loop, Dialler& dialler, std::uint32_t resolver,
                                            std::unique_ptr<Exchanger> tcp, ExchangeLimits limits) {
  return std::make_unique<UdpExchanger>(loop, dialler, resolver, std::move(tcp), limits);
}

}  // namespace upstream
