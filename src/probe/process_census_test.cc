// SPDX-License-Identifier: Apache-2.0
#include "probe/process_census.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "base/encoding.h"
#include "event/types.h"
#include "json/canonical.h"
#include "sys/fault.h"

namespace probe {
namespace {

using sys::ProcessEvent;
using testing::HasSubstr;
using Kind = ProcessEvent::Kind;

constexpr pid_t kRoot = 100;

class Tree : public testing::Test {
 protected:
  void See(ProcessEvent event) {
    event.sequence = sequence_++;
    tree_.See(event);
  }
  void Start(pid_t parent, pid_t child) {
    See({.kind = Kind::kFork, .thread = child, .process = child, .parent_process = parent});
  }
  void Thread(pid_t process, pid_t thread) {
    See({.kind = Kind::kFork, .thread = thread, .process = process, .parent_process = 1});
  }
  void Exec(pid_t process) { See({.kind = Kind::kExec, .thread = process, .process = process}); }
  void Exit(pid_t process, pid_t thread, std::uint32_t status = 0) {
    See({.kind = Kind::kExit, .thread = thread, .process = process, .status = status});
  }
  std::uint32_t sequence_ = 4000000000u;
  ProcessTree tree_{kRoot};
};

TEST_F(Tree, CountsDescendantsAndNeitherTheRootNorOthers) {
  Start(1, kRoot);
  Exec(kRoot);
  Start(kRoot, 101);
  Start(101, 102);
  Exec(102);
  Start(50, 51);
  Exec(51);
  Exit(51, 51);
  Exit(102, 102, 9);
  Exit(101, 101, 1 << 8);
  Exit(kRoot, kRoot);
  EXPECT_EQ(tree_.totals(), (CensusTotals{.processes = 2, .execs = 1, .exits = 2, .killed = 1}));
  EXPECT_EQ(tree_.alive(), 0u);
}

TEST_F(Tree, TellsThreadsFromProcessesAndAwaitsTheLast) {
  Start(kRoot, 101);
  Thread(101, 102);
  Thread(101, 103);
  Thread(77, 78);
  Exit(101, 101);
  Exit(101, 102);
  EXPECT_EQ(tree_.totals(), (CensusTotals{.processes = 1, .threads = 2}));
  Start(101, 104);
  Exit(101, 103);
  EXPECT_EQ(tree_.totals(), (CensusTotals{.processes = 2, .threads = 2, .exits = 1}));
  EXPECT_EQ(tree_.alive(), 1u);
}

TEST_F(Tree, NumberThatIsGivenOutAgainIsNotTheDeadOnes) {
  Start(kRoot, 101);
  Start(7, 101);
  Start(101, 102);
  EXPECT_EQ(tree_.totals(), (CensusTotals{.processes = 1}));
}

TEST_F(Tree, GapInTheNumbersOfACpuIsLoss) {
  ProcessEvent event{.kind = Kind::kOther, .cpu = 0, .sequence = 0xfffffffeu};
  tree_.See(event);
  event.sequence = 0xffffffffu;
  tree_.See(event);
  event.sequence = 0;
  tree_.See(event);
  tree_.See({.kind = Kind::kOther, .cpu = 1, .sequence = 17});
  EXPECT_EQ(tree_.totals().lost, 0u);
  event.sequence = 4;
  tree_.See(event);
  tree_.See({.kind = Kind::kOther, .cpu = 1, .sequence = 19});
  EXPECT_EQ(tree_.totals().lost, 4u);
}

// Runs `body` in a child and gives its exit code.
int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

void WaitAll() {
  while (waitpid(-1, nullptr, 0) > 0) {
  }
}

// 20 processes that end by themselves, one of them with two further threads; 10 that are killed; 5 that execute.
int Work() {
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child != 0) continue;
    if (i == 0) {
      std::thread([] {}).join();
      std::thread([] {}).join();
    }
    _exit(3);
  }
  for (int i = 0; i < 10; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      kill(getpid(), SIGKILL);
      _exit(1);
    }
  }
  for (int i = 0; i < 5; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      execl("/bin/true", "true", nullptr);
      _exit(1);
    }
  }
  WaitAll();
  return 0;
}
constexpr CensusTotals kWorkDone{.processes = 35, .threads = 2, .execs = 5, .exits = 35, .killed = 10};

// Forks and waits for strangers, which must not be counted.
void Strangers(int count) {
  for (int i = 0; i < count; ++i) InChild([] { return 0; });
}

testing::AssertionResult CountsExactly() {
  auto census = ProcessCensus::Open();
  if (!census) return testing::AssertionFailure() << census.error().message;
  const pid_t root = fork();
  if (root == 0) _exit(Work());
  census->Watch(root);
  Strangers(30);
  for (bool ended = false, more = true; !ended || more;) {
    pollfd wait{.fd = census->fd(), .events = POLLIN};
    if (!ended) poll(&wait, 1, 20);
    ended = ended || waitpid(root, nullptr, WNOHANG) == root;
    const auto read = census->Read();
    if (!read) return testing::AssertionFailure() << read.error().message;
    more = *read;
  }
  const CensusTotals totals = census->totals();
  if (totals == kWorkDone && census->alive() == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "processes " << totals.processes << " threads " << totals.threads << " execs "
                                     << totals.execs << " exits " << totals.exits << " killed " << totals.killed
                                     << " overruns " << totals.overruns << " lost " << totals.lost << " alive "
                                     << census->alive();
}

#define SKIP_WITHOUT_CONNECTOR() \
  if (auto probe = ProcessCensus::Open(); !probe) GTEST_SKIP() << probe.error().message

TEST(ProcessCensus, CountsEveryProcessOfACellAndNoOther) {
  SKIP_WITHOUT_CONNECTOR();
  EXPECT_TRUE(CountsExactly());
}

TEST(ProcessCensus, WorksForAnOrdinaryUserWhereTheKernelLetsIt) {
  if (getuid() != 0) GTEST_SKIP() << "needs root to become another user";
  // 77: refused. The child's own figures are judged there.
  const int code = InChild([] {
    if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) return 2;
    if (const auto probe = ProcessCensus::Open(); !probe) {
      return probe.error().kind == base::ErrorKind::kUnavailable ? 77 : 3;
    }
    const auto result = CountsExactly();
    if (!result) fprintf(stderr, "%s\n", result.message());
    return result ? 0 : 1;
  });
  if (code == 77) GTEST_SKIP() << "this kernel keeps the process connector to root";
  EXPECT_EQ(code, 0);
}

TEST(ProcessCensus, FdIsReadableWhenSomethingStarted) {
  SKIP_WITHOUT_CONNECTOR();
  auto census = ProcessCensus::Open();
  ASSERT_TRUE(census.has_value());
  Strangers(1);
  pollfd wait{.fd = census->fd(), .events = POLLIN};
  EXPECT_EQ(poll(&wait, 1, 5000), 1);
}

TEST(ProcessCensus, SaysHowMuchItCouldNotHold) {
  SKIP_WITHOUT_CONNECTOR();
  auto census = ProcessCensus::Open();
  ASSERT_TRUE(census.has_value());
  const int small = 1;
  ASSERT_EQ(setsockopt(census->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
  const pid_t root = fork();
  if (root == 0) _exit(Work());
  census->Watch(root);
  waitpid(root, nullptr, 0);
  while (*census->Read()) {
  }
  const CensusTotals totals = census->totals();
  EXPECT_GE(totals.overruns, 1u);
  // Each start and each end is an event: what is missing from the figures is not more than what is said to be lost.
  EXPECT_GE(totals.lost, (kWorkDone.processes - totals.processes) + (kWorkDone.exits - totals.exits));
  EXPECT_GT(totals.lost, 0u);
}

TEST(ProcessCensus, EventThatAnotherProcessSendsIsNotTheKernels) {
  SKIP_WITHOUT_CONNECTOR();
  if (getuid() != 0) GTEST_SKIP() << "needs root to send over netlink";
  auto census = ProcessCensus::Open();
  ASSERT_TRUE(census.has_value());
  census->Watch(100);
  sockaddr_nl address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(getsockname(census->fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  address.nl_groups = 0;
  // A fork of process 100.
  const base::Bytes forged = *base::HexDecode(
      "4c0000000300000000000000000000000100000001000000070000000000000028000000"
      "01000000000000001122334455667708"
      "64000000640000006500000065000000"
      "0000000000000000");
  ASSERT_EQ(sys::ParseProcessEvent(forged)->parent_process, 100);
  const int socket = ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
  const auto sent = sendto(socket, forged.data(), forged.size(), 0, reinterpret_cast<sockaddr*>(&address), size);
  close(socket);
  ASSERT_EQ(sent, static_cast<ssize_t>(forged.size()));
  while (*census->Read()) {
  }
  EXPECT_EQ(census->totals().processes, 0u);
}

TEST(ProcessCensus, RefusalIsAValueWithItsReason) {
  if (getuid() != 0) GTEST_SKIP() << "needs root to make a network namespace";
  const int code = InChild([] {
    if (unshare(CLONE_NEWNET) != 0) return 77;
    const auto census = ProcessCensus::Open();
    if (census || census.error().kind != base::ErrorKind::kUnavailable) return 1;
    return census.error().message.contains("ECONNREFUSED") && census.error().message.contains("network namespace") ? 0
                                                                                                                   : 2;
  });
  if (code == 77) GTEST_SKIP() << "no network namespace here";
  EXPECT_EQ(code, 0);
}

TEST(ProcessCensus, SilentRefusalInAnotherPidNamespaceIsNotTakenForCalm) {
  SKIP_WITHOUT_CONNECTOR();
  if (getuid() != 0) GTEST_SKIP() << "needs root to make a pid namespace";
  const int code = InChild([] {
    if (unshare(CLONE_NEWPID) != 0) return 77;
    return InChild([] {
      const auto census = ProcessCensus::Open();
      return !census && census.error().kind == base::ErrorKind::kUnavailable &&
                     census.error().message.contains("no answer")
                 ? 0
                 : 1;
    });
  });
  if (code == 77) GTEST_SKIP() << "no pid namespace here";
  EXPECT_EQ(code, 0);
}

TEST(ProcessCensus, FailureOfTheSocketIsToldAndIsNoCount) {
  SKIP_WITHOUT_CONNECTOR();
  for (const char* call : {"socket", "bind", "sendto", "recvfrom"}) {
    sys::fault::ArmCall(call, EACCES);
    const auto census = ProcessCensus::Open();
    sys::fault::Disarm();
    ASSERT_FALSE(census.has_value()) << call;
    EXPECT_EQ(census.error().kind, base::ErrorKind::kUnavailable) << call;
  }
  auto census = ProcessCensus::Open();
  ASSERT_TRUE(census.has_value());
  sys::fault::ArmCall("recvmmsg", EBADF);
  EXPECT_FALSE(census->Read().has_value());
  sys::fault::Disarm();
}

const event::CellRef kCell{.cell_id = "c", .spec_id = "s", .run_id = "r"};

TEST(CensusEvent, CarriesTheFiguresAndStaysInTheLog) {
  const event::Draft draft = CensusEvent(
      kCell, CensusTotals{.processes = 5, .threads = 2, .execs = 3, .exits = 4, .killed = 1, .overruns = 1, .lost = 6});
  EXPECT_EQ(draft.type, "dev.cellos.events.cell.observability.v1.process_census");
  EXPECT_EQ(draft.observer, event::Observer::kSupervisor);
  EXPECT_EQ(draft.data,
            R"({"cellId":"c","lost":6,"overruns":1,"runId":"r","scope":"descendants of the cell's outermost process",)"
            R"("specId":"s","totals":{"execs":3,"exits":4,"killed":1,"processes":5,"threads":2}})");
  EXPECT_TRUE(json::IsCanonicalJcs(draft.data));
}

TEST(CensusEvent, WithoutFiguresSaysWhy) {
  const event::Draft draft = CensusEvent(kCell, base::Fail(base::ErrorKind::kUnavailable, "refused"));
  EXPECT_THAT(draft.data, HasSubstr(R"("totals":{},"unavailable":"refused")"));
  EXPECT_TRUE(json::IsCanonicalJcs(draft.data));
}

}  // namespace
}  // namespace probe
