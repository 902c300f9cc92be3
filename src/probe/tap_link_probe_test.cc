// SPDX-License-Identifier: Apache-2.0
// host.tap_link against fake trees, and against a real link in a network namespace of the test.
#include "probe/tap_link_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "json/canonical.h"
#include "json/reader.h"

namespace probe {
namespace {

using testing::HasSubstr;
using testing::Not;

const event::CellRef kCell{.cell_id = "c1", .spec_id = "s1", .run_id = "r1"};

class TapLink : public testing::Test {
 protected:
  TapLink() {
    char name[] = "/tmp/tap_link_probe_test.XXXXXX";
    root_ = mkdtemp(name);
    std::filesystem::create_directories(root_ / "tap0/statistics");
    clock_.wall = base::WallTime(std::chrono::milliseconds(1767323045678));
    Write("operstate", "up\n");
    Write("carrier", "1\n");
    for (const char* file : {"rx_packets", "tx_packets", "rx_bytes", "tx_bytes"}) {
      Write(std::string("statistics/") + file, "18446744073709551615\n");
    }
  }
  ~TapLink() override { std::filesystem::remove_all(root_); }
  void Write(const std::string& name, const std::string& text) { std::ofstream(root_ / "tap0" / name) << text; }
  std::string Sample(const std::string& iface = "tap0") {
    TapLinkProbe probe(kCell, {.iface = iface, .root = root_, .spec_signature_hash = "sha256:00"});
    const event::Draft draft = probe.Sample(clock_);
    EXPECT_EQ(draft.type, "dev.cellos.events.cell.observability.host.v1.tap_link");
    EXPECT_EQ(draft.observer, event::Observer::kHostTapLink);
    EXPECT_TRUE(json::IsCanonicalJcs(draft.data));
    return draft.data;
  }

  std::filesystem::path root_;
  base::FakeClock clock_;
};

TEST_F(TapLink, SaysWhatTheFilesSay) {
  EXPECT_EQ(Sample(),
            R"({"cellId":"c1","hostReceivedAt":"2026-01-02T03:04:05.678Z","inputs":{"iface":"tap0","sysfs":")" +
                root_.string() +
                R"(/tap0"},"output":{"carrier":"1","operstate":"up","rxBytes":18446744073709551615,"rxPackets":)"
                R"(18446744073709551615,"txBytes":18446744073709551615,"txPackets":18446744073709551615},)"
                R"("probeSource":"host.tap_link","runId":"r1","specSignatureHash":"sha256:00"})");
}

TEST_F(TapLink, KeepsWhatItReadAndNamesWhatItCouldNot) {
  Write("statistics/rx_bytes", "-1\n");
  Write("carrier", "2\n");
  std::filesystem::remove(root_ / "tap0/statistics/tx_packets");
  const std::string data = Sample();
  EXPECT_THAT(data, HasSubstr(R"("output":{"operstate":"up","rxPackets":18446744073709551615,"txBytes":1844)"));
  EXPECT_THAT(data, HasSubstr("carrier: neither 0 nor 1"));
  EXPECT_THAT(data, HasSubstr("statistics/rx_bytes: no count: -1"));
  EXPECT_THAT(data, HasSubstr("statistics/tx_packets: "));
}

TEST_F(TapLink, VanishedInterfaceIsAnEventAndNotSilence) {
  std::filesystem::remove_all(root_ / "tap0");
  EXPECT_THAT(Sample(),
              HasSubstr(R"("output":{},"probeSource":"host.tap_link","runId":"r1","sampleError":"operstate: )"));
}

TEST_F(TapLink, HostileContentIsNoWord) {
  for (const std::string& text : {std::string("up down"), std::string("\xff"), std::string("a\0b", 3), std::string(),
                                  std::string(33, 'a'), std::string(10000, 'a')}) {
    Write("operstate", text);
    const std::string data = Sample();
    EXPECT_THAT(data, Not(HasSubstr(R"("operstate":)"))) << text;
    EXPECT_THAT(data, HasSubstr(R"("sampleError":"operstate: )")) << text;
  }
}

TEST_F(TapLink, NameThatIsNoneIsNotLookedUp) {
  for (const char* name :
       {"", ".", "..", "../tap0", "tap0/../tap0", "tap 0", "tap0\n", "tap\xff", "abcdefghijklmnop"}) {
    const std::string data = Sample(name);
    EXPECT_THAT(data, HasSubstr(R"("output":{})")) << name;
    EXPECT_THAT(data, HasSubstr("not the name of an interface")) << name;
  }
}

// Runs `body` where a veth pair "cella"/"cellb" and its sysfs at `root` are; its text is empty on success.
std::string WithRealLink(const std::filesystem::path& root, const std::function<std::string()>& body) {
  int ends[2];
  if (pipe(ends) != 0) return "pipe";
  const pid_t child = fork();
  if (child == 0) {
    std::string result;
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("sysfs", root.c_str(), "sysfs", MS_RDONLY, nullptr) != 0) {
      result = "skip: no namespaces or sysfs here";
    } else if (system("ip link add cella type veth peer name cellb 2>/dev/null") != 0) {
      result = "skip: ip can't make a veth pair";
    } else {
      result = body();
    }
    if (write(ends[1], result.data(), result.size()) < 0) _exit(1);
    _exit(0);
  }
  close(ends[1]);
  std::string result;
  char buffer[4096];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;) result.append(buffer, static_cast<size_t>(got));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return result;
}

TEST_F(TapLink, RealLinkIsReadDownAndUp) {
  if (getuid() != 0) GTEST_SKIP() << "needs root to make a link";
  const std::filesystem::path sysfs = root_ / "sys";
  std::filesystem::create_directories(sysfs);
  const std::string result = WithRealLink(sysfs, [&]() -> std::string {
    TapLinkProbe probe(kCell, {.iface = "cella", .root = sysfs / "class/net"});
    const std::string down = probe.Sample(clock_).data;
    if (!down.contains(R"("output":{"carrier":"0","operstate":"down","rxBytes":0,)")) return "down: " + down;
    if (down.contains("sampleError")) return "down: " + down;
    if (system("ip link set cella up && ip link set cellb up") != 0) return "skip: ip can't set the links up";
    // Its operstate follows some time later.
    const std::string up = probe.Sample(clock_).data;
    if (!up.contains(R"("output":{"carrier":"1","operstate":")")) return "up: " + up;
    if (up.contains("sampleError")) return "up: " + up;
    return "";
  });
  if (result.starts_with("skip")) GTEST_SKIP() << result;
  EXPECT_EQ(result, "");
}

}  // namespace
}  // namespace probe
