// SPDX-License-Identifier: Apache-2.0
// host.fc_metrics against a VMM of the test: a thread that answers on a Unix socket and writes into the FIFO.
#include "probe/fc_metrics_probe.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "event/run_log.h"
#include "json/canonical.h"
#include "json/reader.h"
#include "sys/file.h"
#include "sys/socket.h"

namespace probe {
namespace {

using testing::HasSubstr;
using testing::Not;

const event::CellRef kCell{.cell_id = "c1", .spec_id = "s1", .run_id = "r1"};
constexpr std::string_view kNoContent = "HTTP/1.1 204 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n";

class FcMetrics : public testing::Test {
 protected:
  FcMetrics() {
    char name[] = "/tmp/fc_metrics_probe_test.XXXXXX";
    path_ = mkdtemp(name);
    directory_ = *sys::OpenAt(AT_FDCWD, path_.string(), O_RDONLY | O_DIRECTORY);
    clock_.wall = base::WallTime(std::chrono::milliseconds(1767323045678));
  }
  ~FcMetrics() override {
    if (vmm_.joinable()) vmm_.join();
    std::filesystem::remove_all(path_);
  }

  base::Result<FcMetricsProbe> Create() {
    return FcMetricsProbe::Create(kCell, {.directory = directory_.get(),
                                          .api_socket = "api.sock",
                                          .fifo = "metrics",
                                          .endpoint = "unix:///x/api.sock/metrics",
                                          .spec_signature_hash = "sha256:00",
                                          .deadline = std::chrono::milliseconds(2000)});
  }
  void Listen() { listener_ = *sys::ListenUnix(directory_.get(), "api.sock", 4, 0600); }
  // What the VMM writes by itself; it opens the FIFO at PUT /metrics and keeps it.
  void Write(std::string_view bytes) {
    if (!fifo_) fifo_ = *sys::OpenAt(directory_.get(), "metrics", O_RDWR | O_NONBLOCK);
    ASSERT_EQ(write(fifo_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  // Answers one request: writes `line` into the FIFO, then `response`.
  void Serve(std::string line, std::string_view response = kNoContent) {
    if (vmm_.joinable()) vmm_.join();
    vmm_ = std::thread([this, line = std::move(line), response] {
      const int peer = accept(listener_.get(), nullptr, nullptr);
      request_.clear();
      char buffer[4096];
      while (!request_.ends_with("}")) {
        const ssize_t got = recv(peer, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        request_.append(buffer, static_cast<std::size_t>(got));
      }
      if (!line.empty()) Write(line);
      send(peer, response.data(), response.size(), MSG_NOSIGNAL);
      close(peer);
    });
  }
  std::vector<std::string> SampleAll(FcMetricsProbe& probe) {
    std::vector<std::string> texts;
    for (const event::Draft& draft : probe.SampleAll(clock_)) {
      EXPECT_EQ(draft.type, "dev.cellos.events.cell.observability.host.v1.fc_metrics");
      EXPECT_EQ(draft.observer, event::Observer::kHostFcMetrics);
      EXPECT_TRUE(json::IsCanonicalJcs(draft.data)) << draft.data.substr(0, 300);
      EXPECT_LT(draft.data.size(), event::kMaxLeafBytes - 1024);
      texts.push_back(draft.data);
    }
    if (vmm_.joinable()) vmm_.join();
    return texts;
  }

  std::filesystem::path path_;
  base::UniqueFd directory_, listener_, fifo_;
  std::thread vmm_;
  std::string request_;
  base::FakeClock clock_;
};

TEST_F(FcMetrics, AsksForALineAndKeepsItWithTheSumsBeside) {
  auto probe = Create();
  ASSERT_TRUE(probe.has_value()) << probe.error().message;
  Listen();
  Serve("{\"utc_timestamp_ms\":1,\"net\":{\"rx_count\":2}}\n");
  EXPECT_THAT(
      SampleAll(*probe),
      testing::ElementsAre(
          R"({"cellId":"c1","hostReceivedAt":"2026-01-02T03:04:05.678Z","inputs":{"endpoint":)"
          R"("unix:///x/api.sock/metrics","kind":"firecracker.metrics"},"output":{"metrics":{"net":{"rx_count":2},)"
          R"("utc_timestamp_ms":1},"totals":{"net":{"rx_count":2}}},"probeSource":"host.fc_metrics","runId":"r1",)"
          R"("specSignatureHash":"sha256:00"})"));
  EXPECT_EQ(request_,
            "PUT /actions HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
            "Content-Length: 30\r\n\r\n{\"action_type\":\"FlushMetrics\"}");
  Serve("{\"utc_timestamp_ms\":2,\"net\":{\"rx_count\":5}}\n");
  EXPECT_THAT(SampleAll(*probe),
              testing::ElementsAre(HasSubstr(
                  R"("metrics":{"net":{"rx_count":5},"utc_timestamp_ms":2},"totals":{"net":{"rx_count":7}})")));
}

TEST_F(FcMetrics, LinesThatTheVmmWritesByItselfAreReadingsToo) {
  auto probe = Create();
  Listen();
  Write("{\"net\":{\"rx_count\":1}}\n{\"net\":{\"rx_");
  Serve("count\":2}}\n{\"net\":{\"rx_count\":4}}\n");
  const auto texts = SampleAll(*probe);
  ASSERT_EQ(texts.size(), 3u);
  EXPECT_THAT(texts[0], HasSubstr(R"({"metrics":{"net":{"rx_count":1}},"totals":{"net":{"rx_count":1}}})"));
  EXPECT_THAT(texts[1], HasSubstr(R"({"metrics":{"net":{"rx_count":2}},"totals":{"net":{"rx_count":3}}})"));
  EXPECT_THAT(texts[2], HasSubstr(R"({"metrics":{"net":{"rx_count":4}},"totals":{"net":{"rx_count":7}}})"));
}

TEST_F(FcMetrics, VmmThatIsGoneIsAnEventAndNotSilence) {
  auto probe = Create();
  EXPECT_THAT(SampleAll(*probe),
              testing::ElementsAre(HasSubstr(
                  R"("output":{},"probeSource":"host.fc_metrics","runId":"r1","sampleError":"FlushMetrics: )")));
  // Its last words are still read.
  Write("{\"net\":{\"rx_count\":1}}\n");
  fifo_.Reset();
  EXPECT_THAT(SampleAll(*probe), testing::ElementsAre(testing::AllOf(HasSubstr(R"("totals":{"net":{"rx_count":1}})"),
                                                                     HasSubstr("FlushMetrics: "))));
}

TEST_F(FcMetrics, RefusalNonsenseAndSilenceAreTold) {
  auto probe = Create();
  Listen();
  Serve("", "HTTP/1.1 400 \r\n\r\n");
  EXPECT_THAT(SampleAll(*probe), testing::ElementsAre(HasSubstr("the VMM answers 400")));
  Serve("", "hello\r\n");
  EXPECT_THAT(SampleAll(*probe), testing::ElementsAre(HasSubstr("no HTTP: hello")));
  Serve("", "");
  EXPECT_THAT(SampleAll(*probe), testing::ElementsAre(HasSubstr("no HTTP")));
  const std::string endless(100000, 'a');
  Serve("", endless);
  EXPECT_THAT(SampleAll(*probe), testing::ElementsAre(HasSubstr("no HTTP")));
  Serve("");
  EXPECT_THAT(SampleAll(*probe), testing::ElementsAre(HasSubstr("confirms a flush and writes no line")));
}

TEST_F(FcMetrics, VmmThatHangsHoldsUpNobodyForLongerThanTheDeadline) {
  auto probe = FcMetricsProbe::Create(kCell, {.directory = directory_.get(),
                                              .api_socket = "api.sock",
                                              .fifo = "metrics",
                                              .deadline = std::chrono::milliseconds(20)});
  Listen();
  Write("{\"net\":{\"rx_count\":1}}\n");
  // Accepted by the kernel, answered by nobody; then the queue is full.
  for (int i = 0; i < 8; ++i) {
    const auto texts = SampleAll(*probe);
    ASSERT_EQ(texts.size(), 1u);
    EXPECT_THAT(texts[0], HasSubstr("FlushMetrics: "));
  }
}

TEST_F(FcMetrics, HostileLinesAreEventsAndTheNextGoodOneCounts) {
  auto probe = Create();
  Listen();
  Write("\n[1]\n{\"net\":{\"rx_count\":1.5}}\n\xff\xfe\n");
  Serve("{\"net\":{\"rx_count\":4}}\n");
  const auto texts = SampleAll(*probe);
  ASSERT_EQ(texts.size(), 5u);
  for (int i = 0; i < 4; ++i) EXPECT_THAT(texts[i], HasSubstr(R"("output":{},)")) << texts[i];
  EXPECT_THAT(texts[0], HasSubstr("sampleError"));
  EXPECT_THAT(texts[4], HasSubstr(R"("totals":{"net":{"rx_count":4}})"));
  EXPECT_THAT(texts[4], Not(HasSubstr("sampleError")));
}

TEST_F(FcMetrics, LineBiggerThanAnEventIsCutAndSaysSo) {
  auto probe = Create();
  Listen();
  std::string line = "{\"net\":{\"rx_count\":4},\"id\":\"" + std::string(50000, '\x7f') + "\"}\n";
  Serve(std::move(line));
  const auto texts = SampleAll(*probe);
  ASSERT_EQ(texts.size(), 1u);
  EXPECT_THAT(texts[0],
              HasSubstr(R"("output":{"metricsBytes":50030,"totals":{"net":{"rx_count":4}},"truncated":true})"));
  std::string most = "{\"g\":{";
  for (int i = 0; i < 2000; ++i) {
    most.append(i == 0 ? "\"" : ",\"").append("member").append(std::to_string(i)).append("\":1000000");
  }
  Serve(most + "}}\n");
  EXPECT_THAT(SampleAll(*probe), testing::ElementsAre(HasSubstr("totalsBytes")));
}

TEST_F(FcMetrics, VmmThatWritesWithoutEndFillsItsOwnPipe) {
  auto probe = Create();
  fifo_ = *sys::OpenAt(directory_.get(), "metrics", O_RDWR | O_NONBLOCK);
  const std::string many(65536, '\n');
  while (write(fifo_.get(), many.data(), many.size()) > 0) {
  }
  EXPECT_EQ(SampleAll(*probe).size(), FcMetricsProbe::kMaxLines);
  EXPECT_EQ(SampleAll(*probe).size(), FcMetricsProbe::kMaxLines);
  // One piece was taken, not all of it.
  ssize_t room = 0;
  for (ssize_t wrote; (wrote = write(fifo_.get(), many.data(), many.size())) > 0;) room += wrote;
  EXPECT_LE(room, 65536);
}

TEST_F(FcMetrics, FifoIsOursAloneAndGoesWithTheProbe) {
  {
    auto probe = Create();
    ASSERT_TRUE(probe.has_value());
    struct stat found;
    ASSERT_EQ(lstat((path_ / "metrics").c_str(), &found), 0);
    EXPECT_TRUE(S_ISFIFO(found.st_mode));
    EXPECT_EQ(found.st_mode & 07777, 0600u);
    EXPECT_EQ(Create().error().kind, base::ErrorKind::kExists);
  }
  EXPECT_FALSE(std::filesystem::exists(path_ / "metrics"));
  for (const mode_t mode : {0755, 0710, 0701, 0770}) {
    chmod(path_.c_str(), mode);
    EXPECT_EQ(Create().error().kind, base::ErrorKind::kDenied) << mode;
  }
  chmod(path_.c_str(), 0700);
  std::filesystem::create_symlink("/tmp", path_ / "metrics");
  EXPECT_EQ(Create().error().kind, base::ErrorKind::kExists);
}

}  // namespace
}  // namespace probe
