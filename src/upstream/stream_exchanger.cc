// SPDX-License-Identifier: Apache-2.0
// Queries over one kept connection: dialling, handshake, framing, deadlines, one retry.
#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "upstream/config.h"
#include "upstream/exchanger.h"
#include "upstream/message.h"

namespace upstream {
namespace {

struct Pending {
  std::string query;
  Question question;
  Exchanger::Answer answer;
  Moment deadline;
  bool submitted = false, retried = false;
};

class StreamExchanger final : public Exchanger, private Handler {
 public:
  StreamExchanger(Loop& loop, Dialler& dialler, std::uint32_t resolver, Carrier carrier, ExchangeLimits limits)
      : loop_(loop), dialler_(dialler), resolver_(resolver), carrier_(std::move(carrier)), limits_(limits) {}
  ~StreamExchanger() override { Disconnect(); }
  void Ask(std::string query, Answer answer) override;

 private:
  enum class Phase : std::uint8_t { kNone, kDialling, kConnecting, kHandshake, kOpen };

  void OnReady(short what) override;
  void OnTimer() override;
  void Connect();
  void OnDialled(base::Result<base::UniqueFd> socket);
  base::Result<> Advance();        // as far as it goes without waiting
  base::Result<> AdvanceOpening();
  void BecomeOpen();
  base::Result<> SubmitWaiting();
  base::Result<> ReadAll();
  base::Result<> WriteAll();
  base::Result<> WatchWhatIsNeeded();
  void OnReply(Framing::Tag tag, base::Result<std::string> reply);
  void Finish(Framing::Tag tag, base::Result<std::string> result);
  void Disconnect();
  void Break(const base::Error& error);  // the connection failed
  void ArmTimer();

  Loop& loop_;
  Dialler& dialler_;
  std::uint32_t resolver_;
  Carrier carrier_;
  ExchangeLimits limits_;

  Phase phase_ = Phase::kNone;
  Dialler::Ticket ticket_ = 0;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Framing> framing_;
  Io wants_ = Io::kWantRead;
  bool used_ = false;  // this connection has answered before
  Moment connect_deadline_, idle_since_, last_reply_;
  std::map<Framing::Tag, Pending> pending_;
  Framing::Tag next_ = 1;
  Watch watch_;
  Timer timer_;
};

void StreamExchanger::Ask(std::string query, Answer answer) {
  std::optional<Question> question = QuestionOf(query);
  if (!question || pending_.size() >= kMaxInFlight) {
    return loop_.Defer([answer = std::move(answer), bad = !question] {
      answer(bad ? base::Fail(base::ErrorKind::kInvalid, "the query has no single question")
                 : base::Fail(base::ErrorKind::kLimit, "too many questions under way to one resolver"));
    });
  }
  const auto allowed = limits_.exchange + (phase_ == Phase::kOpen ? std::chrono::milliseconds(0) : limits_.connect);
  pending_[next_++] = {.query = std::move(query), .question = std::move(*question), .answer = std::move(answer),
                       .deadline = Now() + allowed};
  if (phase_ == Phase::kNone) {
    Connect();
  } else if (phase_ == Phase::kOpen) {
    if (const base::Result<> advanced = Advance(); !advanced) return Break(advanced.error());
  }
  ArmTimer();
}

void StreamExchanger::Connect() {
  phase_ = Phase::kDialling;
  used_ = false;
  connect_deadline_ = Now() + limits_.connect;
  ticket_ = dialler_.Dial(resolver_, wire::IpProtocol::kTcp,
                          [this](base::Result<base::UniqueFd> socket) { OnDialled(std::move(socket)); });
}

void StreamExchanger::OnDialled(base::Result<base::UniqueFd> socket) {
  ticket_ = 0;
  if (!socket) return Break(socket.error());
  base::Result<std::unique_ptr<Stream>> stream = carrier_.stream(std::move(*socket));
  if (!stream) return Break(stream.error());
  stream_ = std::move(*stream);
  phase_ = Phase::kConnecting;
  if (const base::Result<> watched = watch_.Start(loop_, stream_->fd(), Watch::kWrite, this); !watched) Break(watched.error());
}

void StreamExchanger::OnReady(short) {
  if (const base::Result<> advanced = Advance(); !advanced) return Break(advanced.error());
  ArmTimer();
}

base::Result<> StreamExchanger::Advance() {
  if (phase_ != Phase::kOpen) TRY(AdvanceOpening());
  if (phase_ == Phase::kOpen) {
    TRY(ReadAll());
    TRY(SubmitWaiting());
    TRY(WriteAll());
  }
  return WatchWhatIsNeeded();
}

base::Result<> StreamExchanger::AdvanceOpening() {
  if (phase_ == Phase::kConnecting) {
    int error = 0;
    socklen_t size = sizeof(error);
    if (::getsockopt(stream_->fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return base::FailOs(error, "connecting to a resolver");
    phase_ = Phase::kHandshake;
  }
  wants_ = TRY(stream_->Handshake());
  if (wants_ == Io::kClosed) return base::Fail(base::ErrorKind::kIo, "the resolver closed the connection while it was set up");
  if (wants_ == Io::kDone) BecomeOpen();
  return {};
}

void StreamExchanger::BecomeOpen() {
  phase_ = Phase::kOpen;
  wants_ = Io::kWantRead;
  framing_ = carrier_.framing([this](Framing::Tag tag, base::Result<std::string> reply) { OnReply(tag, std::move(reply)); });
  framing_->Open();
  // The time a connection takes is not taken from, and not given to, the exchange.
  for (auto& [tag, pending] : pending_) pending.deadline = Now() + limits_.exchange;
}

base::Result<> StreamExchanger::SubmitWaiting() {
  for (auto& [tag, pending] : pending_) {
    if (pending.submitted) continue;
    TRY(framing_->Submit(tag, pending.query));
    pending.submitted = true;
  }
  return {};
}

base::Result<> StreamExchanger::ReadAll() {
  char buffer[16384];
  for (;;) {
    const IoResult got = TRY(stream_->Read(buffer));
    if (got.state == Io::kClosed) return base::Fail(base::ErrorKind::kIo, "the resolver closed the connection");
    if (got.state != Io::kDone) return {};
    TRY(framing_->Feed({buffer, got.bytes}));
  }
}

base::Result<> StreamExchanger::WriteAll() {
  wants_ = Io::kWantRead;
  for (;;) {
    const std::string_view output = TRY(framing_->Output());
    if (output.empty()) return {};
    const IoResult sent = TRY(stream_->Write(output));
    if (sent.state != Io::kDone) {
      wants_ = sent.state;
      return {};
    }
    framing_->Written(sent.bytes);
  }
}

base::Result<> StreamExchanger::WatchWhatIsNeeded() {
  short what = Watch::kRead;
  if (phase_ == Phase::kOpen ? wants_ == Io::kWantWrite : false) what |= Watch::kWrite;
  if (phase_ == Phase::kHandshake) what = wants_ == Io::kWantWrite ? Watch::kWrite : Watch::kRead;
  return watch_.Start(loop_, stream_->fd(), what, this);
}

void StreamExchanger::OnReply(Framing::Tag tag, base::Result<std::string> reply) {
  const auto found = pending_.find(tag);
  if (found == pending_.end()) return;
  if (reply && !Answers(found->second.question, found->second.query, *reply)) {
    reply = base::Fail(base::ErrorKind::kInvalid, "the resolver answered something that was not asked");
  }
  if (reply) {
    SetId(*reply, IdOf(found->second.query));
    used_ = true;
    last_reply_ = Now();
  }
  Finish(tag, std::move(reply));
}

void StreamExchanger::Finish(Framing::Tag tag, base::Result<std::string> result) {
  const auto found = pending_.find(tag);
  if (found == pending_.end()) return;
  loop_.Defer([answer = std::move(found->second.answer), result = std::move(result)]() mutable { answer(std::move(result)); });
  pending_.erase(found);
  if (pending_.empty()) idle_since_ = Now();
}

void StreamExchanger::Disconnect() {
  if (ticket_ != 0) dialler_.Cancel(std::exchange(ticket_, 0));
  timer_.Stop();
  watch_.Stop();
  framing_.reset();
  stream_.reset();
  phase_ = Phase::kNone;
}

void StreamExchanger::Break(const base::Error& error) {
  const bool was_used = used_, was_open = phase_ == Phase::kOpen;
  Disconnect();
  std::vector<Framing::Tag> lost;
  for (auto& [tag, pending] : pending_) {
    if ((was_used || (was_open && !pending.submitted)) && !pending.retried && pending.deadline > Now()) {
      pending.submitted = false;
      pending.retried = true;
      pending.deadline = Now() + limits_.exchange + limits_.connect;
    } else {
      lost.push_back(tag);
    }
  }
  for (const Framing::Tag tag : lost) Finish(tag, std::unexpected(error));
  if (pending_.empty()) return;
  Connect();
  ArmTimer();
}

void StreamExchanger::OnTimer() {
  const Moment now = Now();
  std::vector<Framing::Tag> late;
  for (const auto& [tag, pending] : pending_) {
    if (pending.deadline <= now) late.push_back(tag);
  }
  for (const Framing::Tag tag : late) {
    if (framing_ != nullptr) framing_->Forget(tag);
    Finish(tag, base::Fail(base::ErrorKind::kDeadline, "the resolver did not answer in time"));
  }
  const base::Error timed_out{base::ErrorKind::kDeadline, "no connection to the resolver in time"};
  if (phase_ != Phase::kNone && phase_ != Phase::kOpen && connect_deadline_ <= now) return Break(timed_out);
  // A connection that was silent to a question and to all others since may be half dead: the next one gets a new one.
  if (phase_ == Phase::kOpen && !late.empty() && last_reply_ + limits_.exchange <= now) return Break(timed_out);
  if (phase_ == Phase::kOpen && pending_.empty() && idle_since_ + limits_.idle <= now) return Disconnect();
  ArmTimer();
}

void StreamExchanger::ArmTimer() {
  std::optional<Moment> next;
  const auto earliest = [&next](Moment moment) { next = next ? std::min(*next, moment) : moment; };
  for (const auto& [tag, pending] : pending_) earliest(pending.deadline);
  if (phase_ != Phase::kNone && phase_ != Phase::kOpen) earliest(connect_deadline_);
  if (phase_ == Phase::kOpen && pending_.empty()) earliest(idle_since_ + limits_.idle);
  if (!next) return timer_.Stop();
  // Without a timer a lost answer would wait for ever: better no connection.
  if (!timer_.Start(loop_, *next - Now(), this)) Disconnect();
}

}  // namespace

std::unique_ptr<Exchanger> MakeStreamExchanger(Loop& loop, Dialler& dialler, std::uint32_t resolver, Carrier carrier,
                                               ExchangeLimits limits) {
  return std::make_unique<StreamExchanger>(loop, dialler, resolver, std::move(carrier), limits);
}

Carrier PlainTcpCarrier() {
  return {.stream = [](base::UniqueFd socket) -> base::Result<std::unique_ptr<Stream>> {
            return MakePlainStream(std::move(socket));
          },
          .framing = MakeLengthFraming};
}

Carrier DotCarrier(const TlsContext& context, TlsIdentity identity) {
  return {.stream = [&context, identity](base::UniqueFd socket) { return context.Connect(std::move(socket), identity); },
          .framing = MakeLengthFraming};
}

Carrier DohCarrier(const TlsContext& context, TlsIdentity identity, HttpTarget target) {
  identity.alpn = "h2";
  return {.stream = [&context, identity](base::UniqueFd socket) { return context.Connect(std::move(socket), identity); },
          .framing = [target = std::move(target)](Framing::OnReply on_reply) {
            return MakeHttp2Framing(target, std::move(on_reply));
          }};
}

}  // namespace upstream
