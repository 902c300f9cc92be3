// SPDX-License-Identifier: Apache-2.0
// telemetry_flood [-n FRAMES] [-r FRAMES-A-SECOND] [-o]: a witness that says as much as it can, the real cellos-gate in
// its lock, the supervisor's session with a real log, frames file and checkpoints (CELLOS_BENCH_DIR, by default tmpfs).
// The witness waits while its socket is full; with -o (overload) it loses frames instead and declares how many, as the
// agent does. -r: what the gate lets through. The sum of what became of the frames is printed, and must close.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cell/network/helper.h"
#include "cell/network/programs.h"
#include "cell/telemetry/telemetry_session.h"
#include "event/types.h"
#include "plan/network.h"
#include "spec/document.h"
#include "sys/poll.h"
#include "sys/socket.h"
#include "wire/agent_config.h"
#include "wire/gate_config.h"
#include "wire/telemetry_frame.h"

namespace {

using wire::ProbeSource;

constexpr std::uint32_t kFramesASend = 256;  // as the agent's
constexpr ProbeSource kSources[] = {ProbeSource::kProcessSpawned, ProbeSource::kProcessExited, ProbeSource::kNetConnectAttempted,
                                    ProbeSource::kCapabilityDenied};

template <typename T>
T Need(base::Result<T> result, const char* what) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "telemetry_flood: %s: %s\n", what, result.error().message.c_str());
  std::exit(1);
}

double Seconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// On-CPU seconds of a process, from the kernel's scheduler.
double ProcessorOf(pid_t pid) {
  double sum = 0;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    double nanoseconds = 0;
    std::ifstream(task.path() / "schedstat") >> nanoseconds;
    sum += nanoseconds / 1e9;
  }
  return sum;
}

void Append(std::string* out, ProbeSource source, std::uint32_t pid, std::uint64_t value) {
  wire::TelemetryFrame frame;
  frame.source = source;
  frame.guest_pid = pid;
  frame.guest_monotonic_ns = value;
  wire::SanitizeComm("cc1", 3, &frame);
  std::uint8_t bytes[wire::kMaxEmittedFrame];
  out->append(reinterpret_cast<const char*>(bytes), wire::EncodeTelemetryFrame(frame, bytes, sizeof bytes));
}

bool AwaitRoom(int socket) {
  pollfd wait = {socket, POLLOUT, 0};
  return ::poll(&wait, 1, -1) == 1 && (wait.revents & POLLOUT) != 0;
}

// Everything of `bytes`; with `may_lose` nothing of it when the socket is full before its first byte.
bool SendWhole(int socket, std::string_view bytes, bool may_lose) {
  for (bool first = true; !bytes.empty(); first = false) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN || (first && may_lose) || !AwaitRoom(socket)) {
      return false;
    }
  }
  return true;
}

[[noreturn]] void Flood(int socket, std::uint64_t frames, bool overload) {
  std::string batch, last;
  for (std::uint32_t i = 0; i < kFramesASend; ++i) Append(&batch, kSources[i % std::size(kSources)], 3 + i, 1'000'000'000 + i);
  std::uint64_t lost = 0;
  for (std::uint64_t made = 0; made < frames; made += kFramesASend) {
    if (SendWhole(socket, batch, overload)) continue;
    lost += kFramesASend;
    const timespec pause = {0, 200'000};  // an agent has other work
    nanosleep(&pause, nullptr);
  }
  if (lost > 0) Append(&last, ProbeSource::kAgentDropped, 2, lost);
  _exit(SendWhole(socket, last, false) ? 0 : 1);
}

struct World {
  std::string path;
  base::UniqueFd directory;
  plan::TelemetryPlan plan;
  cell::SecretTraces traces;
  std::optional<cell::Recorder> recorder;
  std::unique_ptr<cell::TelemetrySession> session;
  std::optional<cell::Helper> gate;

  explicit World(std::uint32_t rate) {
    const char* parent = std::getenv("CELLOS_BENCH_DIR");
    path = std::string(parent != nullptr ? parent : "/dev/shm") + "/telemetry_flood.XXXXXX";
    if (mkdtemp(path.data()) == nullptr) std::abort();
    directory = base::UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (const ProbeSource source : kSources) plan.sources |= wire::SourceBit(source);
    plan.frames_per_second = rate;
    plan.bytes_per_second = 1u << 31;
    recorder.emplace(Need(event::RunLog::Create(directory.get(), std::move(*crypto::SigningKey::Generate()),
                                                {.origin = "bench.example/runs/r1", .clock = &base::SystemClock()}),
                          "the log"),
                     event::CellRef{.cell_id = "bench", .spec_id = "bench", .run_id = "r1"});
    Need(recorder->Emit({.type = event::kLogOpened, .source = event::kSourceSupervisor, .data = "{}"}),
         "the log");
    if (!recorder->OpenCoverage(event::Observer::kAgent, {"process.spawned"})) std::abort();
    session = Need(cell::TelemetrySession::Create({.plan = &plan,
                                                   .recorder = &*recorder,
                                                   .clock = &base::SystemClock(),
                                                   .run_directory = directory.get(),
                                                   .spec_hash = "sha256:" + std::string(64, '0')}),
                   "the session");
    StartGate();
    session->Arm(traces, 0);
  }
  ~World() { std::filesystem::remove_all(path); }

  void StartGate() {
    const auto document =
        spec::ParseCellDocument(R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"bench","authority":{},)"
                                R"("lifetime":{"ttlSeconds":60},"run":{"argv":["/usr/bin/true"],"secretDelivery":"env"},)"
                                R"("telemetry":{"channel":"vsock-cbor","events":["process.spawned"],"agentVersion":"1.0.0"}}})");
    if (!document) std::abort();
    const auto network = Need(plan::MakeNetworkPlan(*document, {}, {}), "the plan");
    const base::UniqueFd program = Need(cell::OpenProgramBeside(cell::kGateProgram), "the gate");
    auto [cell_ours, cell_gates] = Need(sys::SocketPair(SOCK_SEQPACKET), "a socket");
    auto [dial_ours, dial_gates] = Need(sys::SocketPair(SOCK_SEQPACKET), "a socket");
    const bool by_root = ::geteuid() == 0;
    cell::HelperOptions options{.name = cell::kGateProgram,
                                .program = program.get(),
                                .config = plan::EncodeGateConfig(network, {.cell_uid_seen = 1000,
                                                                           .telemetry = wire::TelemetryMode::kStream,
                                                                           .frames_per_second = plan.frames_per_second,
                                                                           .bytes_per_second = plan.bytes_per_second}),
                                .descriptors = {dial_gates.get(), cell_gates.get(), -1, -1, session->gate_stream(),
                                                session->gate_frames()},
                                .host_uid = by_root ? 0x6f000001u : ::geteuid(),
                                .host_gid = by_root ? 0x6f000001u : ::getegid(),
                                .clock = &base::SystemClock()};
    gate = Need(cell::Helper::Start(std::move(options)), "the gate");
    session->CloseGateEnds();
    const base::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const std::vector<int> none(static_cast<std::size_t>(wire::CellFd::kFirstUdp), null.get());
    const auto count = static_cast<std::uint32_t>(none.size());
    Need(sys::SendMsg(cell_ours.get(), {reinterpret_cast<const char*>(&count), sizeof count}, none), "the gate's sockets");
    const auto ready = gate->AwaitReady(std::chrono::seconds(5), [](const wire::GateRecord&) {});
    if (!ready) Need(base::Result<int>(std::unexpected(ready.error())), "the gate");
    dial = std::move(dial_ours);
  }
  base::UniqueFd dial;

  // Until the stream has ended and all of it was taken.
  void Serve(int ended) {
    pollfd polls[3] = {{session->fd(), POLLIN, 0}, {gate->records_fd(), POLLIN, 0}, {ended, POLLIN, 0}};
    while (polls[2].revents == 0 || session->more()) {
      if (!recorder->log().Flush()) break;
      if (::poll(polls, 3, session->more() ? 0 : 100) < 0) break;
      if (polls[1].revents != 0) Heard(gate->Read([](const wire::GateRecord&) {}));
      if (polls[0].revents != 0 || session->more()) Heard(session->Read());
      session->Tick();
    }
    session->AwaitEnd(false);
    gate->Command({.kind = wire::GateCommandKind::kStop});
    while (!session->final_seen()) {
      pollfd wait = {session->fd(), POLLIN, 0};
      if (::poll(&wait, 1, 5000) != 1) break;
      Heard(session->Read());
    }
  }
  static void Heard(const std::optional<std::string>& failure) {
    if (!failure) return;
    std::fprintf(stderr, "telemetry_flood: %s\n", failure->c_str());
    std::exit(1);
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t frames = 2'000'000;
  std::uint32_t rate = 50'000'000;
  bool overload = false;
  for (int option; (option = getopt(argc, argv, "n:r:o")) != -1;) {
    if (option == 'n') frames = std::strtoull(optarg, nullptr, 10);
    if (option == 'r') rate = static_cast<std::uint32_t>(std::strtoul(optarg, nullptr, 10));
    if (option == 'o') overload = true;
    if (option == '?') return 2;
  }
  frames = (frames + kFramesASend - 1) / kFramesASend * kFramesASend;
  World world(rate);
  const double gate_before = ProcessorOf(world.gate->pid()), ours_before = Seconds(CLOCK_PROCESS_CPUTIME_ID);
  const double start = Seconds(CLOCK_MONOTONIC);
  const pid_t witness = fork();
  if (witness == 0) Flood(world.session->agent_end(), frames, overload);
  world.session->CloseAgentEnd();
  const base::UniqueFd ended(static_cast<int>(syscall(SYS_pidfd_open, witness, 0)));
  world.Serve(ended.get());
  const double took = Seconds(CLOCK_MONOTONIC) - start;
  const double ours = Seconds(CLOCK_PROCESS_CPUTIME_ID) - ours_before, gates = ProcessorOf(world.gate->pid()) - gate_before;
  world.session->Close();
  if (!world.recorder->log().Checkpoint()) return 1;
  int status = 0;
  waitpid(witness, &status, 0);
  const event::Counters counters = world.recorder->log().CountersOf(event::Observer::kAgent);
  const auto logged = static_cast<double>(counters.delivered);
  std::printf("%s: %.0f frames logged a second, by the clock, of %.0f made; a core of supervisor logs %.0f, a core of gate"
              " takes %.0f\n",
              overload ? "overload" : "waiting", logged / took, static_cast<double>(frames) / took, logged / ours,
              (logged + static_cast<double>(counters.dropped)) / gates);
  std::printf("  made %llu = logged %llu + declared lost %llu + unaccounted %lld; torn streams %llu%s\n",
              static_cast<unsigned long long>(frames), static_cast<unsigned long long>(counters.delivered),
              static_cast<unsigned long long>(counters.dropped),
              static_cast<long long>(frames) - static_cast<long long>(counters.delivered + counters.dropped),
              static_cast<unsigned long long>(counters.unknown), status == 0 ? "" : "; the witness failed");
  return counters.delivered + counters.dropped == frames && counters.unknown == 0 && status == 0 ? 0 : 1;
}
