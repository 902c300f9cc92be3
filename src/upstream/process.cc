// SPDX-License-Identifier: Apache-2.0
// Reads what it is told, locks itself, says so, serves.
#include "upstream/process.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/clock.h"
#include "sys/file.h"
#include "sys/socket.h"
#include "upstream/config.h"
#include "upstream/lock.h"
#include "upstream/service.h"
#include "upstream/validator_process.h"

namespace upstream {
namespace {

bool IsRegular(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

void Send(const wire::GateRecord& record) {
  [[maybe_unused]] const auto sent =
      sys::SendMsg(kRecordsFd, {reinterpret_cast<const char*>(&record), sizeof(record)}, {}, MSG_DONTWAIT);
}

wire::GateRecord RecordOf(wire::GateRecordKind kind, std::uint32_t count) {
  wire::GateRecord record;
  record.kind = kind;
  record.count = count;
  record.at_ns = static_cast<std::uint64_t>(base::SystemClock().Boot().count());
  return record;
}

void SendFailing(const base::Error& error) {
  wire::GateRecord record = RecordOf(wire::GateRecordKind::kFailing, 0);
  record.code = static_cast<std::uint32_t>(error.os_errno);
  std::size_t at = 0;
  for (const char c : error.message) {
    if (at + 1 < sizeof(record.name) && c >= ' ' && c <= '~') record.name[at++] = c;
  }
  Send(record);
}

class Process final : private Handler {
 public:
  base::Result<> Run();

 private:
  base::Result<> Read();
  base::Result<> StartValidator();
  base::Result<> Build();
  std::span<const wire::GateResolver> resolvers() const { return {config_.resolvers, config_.header->resolvers}; }
  std::chrono::milliseconds upstream() const { return std::chrono::milliseconds(config_.header->limits.upstream_ms); }
  void OnReady(short what) override;  // the supervisor's end of the record socket
  void OnTimer() override;            // beats
  static std::chrono::milliseconds Beat() { return std::chrono::milliseconds(wire::kGateBeatMs); }

  std::string config_bytes_;
  wire::GateConfig config_;
  std::unique_ptr<Loop> loop_;
  std::optional<TlsContext> tls_;
  TrustAnchors anchors_ = IanaRoot();
  ValidatorPart validator_part_;
  std::optional<ValidatorClient> validators_;
  bool validator_ended_ = false;
  std::optional<SocketDialler> dialler_;
  std::unique_ptr<Service> service_;
  Watch supervisor_;
  Timer beat_;
};

base::Result<> Process::Read() {
  config_bytes_ = TRY_WITH("reading the configuration", sys::ReadAll(kConfigFd, wire::kMaxGateConfigBytes));
  const wire::Bytes bytes{reinterpret_cast<const std::uint8_t*>(config_bytes_.data()), config_bytes_.size()};
  if (const auto fault = wire::DecodeGateConfig(bytes, &config_); fault != wire::GateConfigFault::kNone) {
    return base::Fail(base::ErrorKind::kInvalid, "the configuration is malformed: fault " + std::to_string(static_cast<int>(fault)));
  }
  const bool encrypted = std::ranges::any_of(resolvers(), [](const wire::GateResolver& resolver) {
    return resolver.transport == wire::Transport::kDot || resolver.transport == wire::Transport::kDoh;
  });
  if (encrypted && IsRegular(kCertificatesFd)) {
    const std::string pem = TRY_WITH("reading the trusted authorities", sys::ReadAll(kCertificatesFd, kMaxCertificatesBytes));
    tls_.emplace(TRY(TlsContext::Create(pem)));
  }
  if (IsRegular(kAnchorsFd)) {
    const std::string text = TRY_WITH("reading the trust anchors", sys::ReadAll(kAnchorsFd, kMaxAnchorsBytes));
    anchors_ = TRY(ParseTrustAnchors(text));
  }
  // Their numbers stay taken: none that is opened later is mistaken for one of the start.
  for (const int fd : {kConfigFd, kCertificatesFd, kAnchorsFd}) ::dup2(STDIN_FILENO, fd);
  return {};
}

base::Result<> Process::StartValidator() {
  const bool wanted = std::ranges::any_of(resolvers(), [](const wire::GateResolver& resolver) {
    return resolver.via_upstream != 0 && resolver.dnssec != wire::DnssecMode::kOff;
  });
  if (!wanted) return {};
  validator_part_ = TRY(StartValidatorPart(resolvers(), anchors_, kLookupFactor * upstream(), config_.filter));
  return {};
}

base::Result<> Process::Build() {
  loop_ = TRY(Loop::Create());
  dialler_.emplace(*loop_, kDialFd, resolvers(), [this] { loop_->Stop(); });
  if (validator_part_.socket) {
    validators_.emplace(*loop_, validator_part_.socket.get(), (kLookupFactor + 1) * upstream(), [this] {
      validator_ended_ = true;
      loop_->Stop();
    });
    TRY(validators_->Start());
  }
  std::vector<std::unique_ptr<Resolver>> made;
  for (std::uint32_t index = 0; index < resolvers().size(); ++index) {
    made.emplace_back();
    if (resolvers()[index].via_upstream == 0) continue;
    made.back() = TRY_WITH(std::string("resolver ") + resolvers()[index].id,
                           Resolver::Create(*loop_, *dialler_, index, resolvers()[index], tls_ ? &*tls_ : nullptr,
                                            validators_ ? &*validators_ : nullptr, upstream()));
  }
  service_ = std::make_unique<Service>(*loop_, kGateFd, std::move(made), [this] { loop_->Stop(); });
  TRY(dialler_->Start());
  TRY(service_->Start());
  TRY(supervisor_.Start(*loop_, kRecordsFd, Watch::kRead, this));
  return beat_.Start(*loop_, Beat(), this);
}

void Process::OnReady(short) {
  char bytes[sizeof(wire::GateCommand)];
  const base::Result<sys::Received> received = sys::RecvMsg(kRecordsFd, bytes, MSG_DONTWAIT);
  // There is no command for this process; the end of file is one.
  if (received ? received->bytes == 0 : received.error().os_errno != EAGAIN) loop_->Stop();
}

void Process::OnTimer() {
  Send(RecordOf(wire::GateRecordKind::kBeat, service_->in_flight()));
  if (!beat_.Start(*loop_, Beat(), this)) loop_->Stop();
}

base::Result<> Process::Run() {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write(2)
  TRY(Read());
  // Before anything of this part exists that the other one must not have.
  TRY(StartValidator());
  TRY(Build());
  std::uint32_t facts = TRY(Lock(config_.filter, Part::kRelay));
  if (validator_part_.socket) facts &= validator_part_.facts;
  Send(RecordOf(wire::GateRecordKind::kReady, facts));
  TRY(loop_->Run());
  if (validator_ended_) return base::Fail(base::ErrorKind::kInternal, "the validator has ended");
  return {};
}

}  // namespace

int RunProcess() {
  Process process;
  const base::Result<> ran = process.Run();
  if (ran) return 0;
  SendFailing(ran.error());
  return 1;
}

}  // namespace upstream
