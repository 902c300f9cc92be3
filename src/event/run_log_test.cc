// SPDX-License-Identifier: Apache-2.0
#include "event/run_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <csignal>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "event/leaf_rules.h"
#include "event/merkle.h"
#include "event/note.h"
#include "event/types.h"
#include "json/canonical.h"
#include "json/reader.h"

namespace event {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

struct Seen {
  std::vector<std::string> leaves;
  std::vector<std::uint64_t> indices;
  std::string file_when_told;  // the log file when the newest event was told
  bool fail = false;
};

class RecordingSink : public Sink {
 public:
  RecordingSink(Seen& seen, std::filesystem::path log) : seen_(seen), log_(std::move(log)) {}
  std::string_view name() const override { return "recording"; }
  base::Result<> Emit(const Delivered& event) override {
    if (seen_.fail) return base::Fail(base::ErrorKind::kIo, "told to fail");
    seen_.leaves.emplace_back(event.leaf);
    seen_.indices.push_back(event.index);
    seen_.file_when_told = ReadText(log_);
    return {};
  }
  base::Result<> Flush() override { return {}; }

 private:
  Seen& seen_;
  std::filesystem::path log_;
};

class RunLogTest : public testing::Test {
 protected:
  RunLogTest() {
    char name[] = "/tmp/run_log_test.XXXXXX";
    path_ = mkdtemp(name);
    directory_ = base::UniqueFd(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    clock_.wall = base::WallTime(milliseconds(1767323045678));
    clock_.boot = std::chrono::seconds(100);
  }
  ~RunLogTest() override { std::filesystem::remove_all(path_); }

  RunLog Make(Durability durability = Durability::kGrouped, std::size_t reserve = 1u << 20) {
    auto key = crypto::SigningKey::Generate();
    public_key_ = key->public_key();
    auto log = RunLog::Create(directory_.get(), std::move(*key),
                              {.origin = "d.example/runs/r1", .clock = &clock_, .durability = durability,
                               .reserve_bytes = reserve});
    EXPECT_TRUE(log.has_value()) << log.error().message;
    return std::move(*log);
  }
  static Draft Opened() { return {.type = kLogOpened, .source = kSourceSupervisor, .data = R"({"cellId":"c"})"}; }
  static Draft Plain(std::string data = R"({"cellId":"c","runId":"r"})") {
    return {.type = kProcessSpawned, .source = kSourceSupervisor, .data = std::move(data)};
  }
  std::filesystem::path events() const { return path_ / "events.jsonl"; }
  crypto::Digest RootOf(const std::vector<std::string>& lines, std::size_t count) const {
    MerkleTree tree;
    for (std::size_t i = 0; i < count; ++i) tree.Append(lines[i]);
    return tree.Root();
  }

  std::filesystem::path path_;
  base::UniqueFd directory_;
  base::FakeClock clock_;
  crypto::PublicKey public_key_{};
};

TEST_F(RunLogTest, LeafIsCanonicalAndHoldsEveryAttribute) {
  RunLog log = Make();
  ASSERT_EQ(log.Append(Opened()).value(), 0u);
  clock_.boot += milliseconds(5);
  clock_.wall += milliseconds(5);
  Draft draft = Plain();
  draft.observer = Observer::kHostCgroup;
  draft.id_form = IdForm::kEventUrn;
  draft.id = "11111111-1111-4111-8111-111111111111";
  ASSERT_EQ(log.Append(draft).value(), 1u);
  ASSERT_TRUE(log.Close());
  const auto lines = Lines(ReadText(events()));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(json::IsCanonicalJcs(lines[0])) << lines[0];
  EXPECT_EQ(lines[1],
            R"({"boottimens":"100005000000","data":{"cellId":"c","runId":"r"},"datacontenttype":"application/json",)"
            R"("id":"urn:cellos:event:11111111-1111-4111-8111-111111111111","lane":"witnessed","observer":"host.cgroup",)"
            R"("sequence":"00000000000000000001","source":"cellos-supervisor","specversion":"1.0",)"
            R"("time":"2026-01-02T03:04:05.683Z","type":"dev.cellos.events.cell.observability.v1.process_spawned"})");
}

TEST_F(RunLogTest, FilesAreOursAloneAndNeverReused) {
  RunLog log = Make();
  for (const char* name : {"events.jsonl", "checkpoints"}) {
    struct stat info {};
    ASSERT_EQ(stat((path_ / name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600u) << name;
  }
  auto key = crypto::SigningKey::Generate();
  const auto again = RunLog::Create(directory_.get(), std::move(*key), {.origin = "d/runs/r", .clock = &clock_});
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().kind, base::ErrorKind::kExists);
}

TEST_F(RunLogTest, BootTimeNeverDecreasesWithinOneObserver) {
  RunLog log = Make();
  ASSERT_TRUE(log.Append(Opened()));
  Draft late = Plain();
  late.observer = Observer::kInit;
  ASSERT_TRUE(log.Append(late));
  late.observed_at = clock_.boot - std::chrono::seconds(50);  // older than the newest of init
  ASSERT_TRUE(log.Append(late));
  Draft other = Plain();
  other.observer = Observer::kGateDns;
  other.observed_at = clock_.boot - milliseconds(1500);  // the first of its observer, so it stays
  ASSERT_TRUE(log.Append(other));
  ASSERT_TRUE(log.Close());
  const auto lines = Lines(ReadText(events()));
  EXPECT_THAT(lines[2], HasSubstr(R"("boottimens":"100000000000")"));
  EXPECT_THAT(lines[3], HasSubstr(R"("boottimens":"98500000000")"));
  EXPECT_THAT(lines[3], HasSubstr(R"("time":"2026-01-02T03:04:04.178Z")"));
}

TEST_F(RunLogTest, CheckpointIsASignedNoteOverEveryLine) {
  RunLog log = Make();
  ASSERT_TRUE(log.Append(Opened()));
  ASSERT_TRUE(log.Append(Plain()));
  EXPECT_EQ(log.last_note(), "");
  ASSERT_TRUE(log.Checkpoint());
  const std::string first = log.last_note();
  ASSERT_TRUE(log.Checkpoint());  // nothing new: no second note
  ASSERT_TRUE(log.Append(Plain()));
  ASSERT_TRUE(log.Checkpoint());
  const std::string second = log.last_note();
  EXPECT_EQ(ReadText(path_ / "checkpoints"), first + "\n" + second + "\n");
  const auto lines = Lines(ReadText(events()));
  ASSERT_EQ(lines.size(), 3u);
  const crypto::Vkey vkey{"d.example/runs/r1", crypto::VkeyType::kEd25519, public_key_};
  EXPECT_EQ(vkey.ToString(), log.run_vkey());
  const auto opened = OpenNote(second, {&vkey, 1});
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  EXPECT_EQ(opened->note.text, "d.example/runs/r1\n3\n" + base::Base64Encode(RootOf(lines, 3)) + "\n");
  EXPECT_EQ(log.Root(), RootOf(lines, 3));
}

TEST_F(RunLogTest, CheckpointIsDueAfterAQuarterSecondTenMillisecondsAfterADenialAndMadeAt256Events) {
  RunLog log = Make();
  EXPECT_EQ(log.CheckpointDue(), std::nullopt);
  ASSERT_TRUE(log.Append(Opened()));
  EXPECT_EQ(log.CheckpointDue(), clock_.boot + milliseconds(250));
  clock_.boot += milliseconds(20);
  log.HurryCheckpoint();
  EXPECT_EQ(log.CheckpointDue(), clock_.boot + milliseconds(10));
  ASSERT_TRUE(log.Checkpoint());
  EXPECT_EQ(log.CheckpointDue(), std::nullopt);
  for (int i = 0; i < 255; ++i) ASSERT_TRUE(log.Append(Plain()));
  EXPECT_THAT(log.last_note(), testing::StartsWith("d.example/runs/r1\n1\n"));
  ASSERT_TRUE(log.Append(Plain()));
  EXPECT_THAT(log.last_note(), testing::StartsWith("d.example/runs/r1\n257\n"));
}

TEST_F(RunLogTest, DenialHurriesItsCheckpointByItself) {
  RunLog log = Make();
  ASSERT_TRUE(log.Append(Opened()));
  Draft flow{.type = kNetworkFlowDecision, .source = kSourceSupervisor, .observer = Observer::kGateFlow};
  for (const char* data : {R"({"decision":"allow"})", R"({"cause":"\"decision\":\"deny\"","decision":"allow"})"}) {
    flow.data = data;
    ASSERT_TRUE(log.Append(flow));
    EXPECT_EQ(log.CheckpointDue(), clock_.boot + milliseconds(250)) << data;
  }
  for (const char* data : {R"({"decision":"deny"})", R"({"cause":"\"decision\":\"allow\"","decision":"deny","z":1})"}) {
    flow.data = data;
    ASSERT_TRUE(log.Append(flow));
    EXPECT_EQ(log.CheckpointDue(), clock_.boot + milliseconds(10)) << data;
    ASSERT_TRUE(log.Checkpoint());
  }
  ASSERT_TRUE(log.Append({.type = kSecretDenied, .source = kSourceSupervisor, .data = "{}"}));
  EXPECT_EQ(log.CheckpointDue(), clock_.boot + milliseconds(10));
}

TEST_F(RunLogTest, SinksAreToldOnlyWhatTheKernelHolds) {
  Seen seen;
  RunLog log = Make();
  log.AddSink(std::make_unique<RecordingSink>(seen, events()));
  ASSERT_TRUE(log.Append(Opened()));
  ASSERT_TRUE(log.Append(Plain()));
  ASSERT_TRUE(log.Append(Plain(R"({"x":1})")));
  ASSERT_TRUE(log.Flush());
  ASSERT_EQ(seen.leaves.size(), 3u);
  EXPECT_EQ(seen.indices, (std::vector<std::uint64_t>{0, 1, 2}));
  EXPECT_THAT(seen.file_when_told, HasSubstr(seen.leaves[2] + "\n"));
  EXPECT_EQ(Lines(ReadText(events())), seen.leaves);
}

TEST_F(RunLogTest, DurableTellsSinksOnlyWhatACheckpointCovers) {
  Seen seen;
  RunLog log = Make(Durability::kEachEvent);
  log.AddSink(std::make_unique<RecordingSink>(seen, path_ / "checkpoints"));
  ASSERT_TRUE(log.Append(Opened()));
  ASSERT_TRUE(log.Flush());
  EXPECT_TRUE(seen.leaves.empty());
  EXPECT_EQ(log.CheckpointDue(), clock_.boot);
  ASSERT_TRUE(log.Checkpoint());
  EXPECT_EQ(seen.leaves.size(), 1u);
  EXPECT_THAT(seen.file_when_told, HasSubstr("d.example/runs/r1\n1\n"));
  ASSERT_TRUE(log.Append(Plain()));
  ASSERT_TRUE(log.Close());
  EXPECT_EQ(seen.leaves.size(), 1u);
}

TEST_F(RunLogTest, FailingSinkIsCountedAndToldAndHarmsNothing) {
  Seen seen;
  RunLog log = Make();
  log.AddSink(std::make_unique<RecordingSink>(seen, events()));
  ASSERT_TRUE(log.Append(Opened()));
  ASSERT_TRUE(log.Flush());
  seen.fail = true;
  ASSERT_TRUE(log.Append(Plain()));
  ASSERT_TRUE(log.Append(Plain()));
  ASSERT_TRUE(log.Flush());
  const auto counters = log.SinkCountersNow();
  ASSERT_EQ(counters.size(), 1u);
  EXPECT_EQ(counters[0].name, "recording");
  EXPECT_EQ(counters[0].counters.issued, 3u);
  EXPECT_EQ(counters[0].counters.delivered, 1u);
  EXPECT_EQ(counters[0].counters.dropped, 2u);
  EXPECT_EQ(counters[0].counters.unknown, 0u);
  EXPECT_THAT(log.TakeSinkErrors(), testing::ElementsAre("recording: told to fail"));
  EXPECT_THAT(log.TakeSinkErrors(), testing::IsEmpty());
  EXPECT_EQ(log.CountersOf(Observer::kLog).delivered, 3u);
}

TEST_F(RunLogTest, CountsPerObserverAndForTheLogAsAWhole) {
  RunLog log = Make();
  ASSERT_TRUE(log.Append(Opened()));
  Draft draft = Plain();
  draft.observer = Observer::kInit;
  ASSERT_TRUE(log.Append(draft));
  log.CountDropped(Observer::kGateDns, 7);
  EXPECT_EQ(log.CountersOf(Observer::kSupervisor).issued, 1u);
  EXPECT_EQ(log.CountersOf(Observer::kInit).delivered, 1u);
  EXPECT_EQ(log.CountersOf(Observer::kLog).issued, 2u);
  EXPECT_EQ(log.CountersOf(Observer::kGateDns).issued, 7u);
  EXPECT_EQ(log.CountersOf(Observer::kGateDns).dropped, 7u);
}

TEST_F(RunLogTest, LeafOf65536BytesIsTakenAndOneByteMoreRefusedAndCounted) {
  RunLog log = Make();
  ASSERT_TRUE(log.Append(Opened()));
  ASSERT_TRUE(log.Append(Plain(R"({"x":""})")));
  ASSERT_TRUE(log.Flush());
  const std::size_t envelope = Lines(ReadText(events()))[1].size();
  ASSERT_TRUE(log.Append(Plain(R"({"x":")" + std::string(kMaxLeafBytes - envelope, 'a') + R"("})")));
  const auto over = log.Append(Plain(R"({"x":")" + std::string(kMaxLeafBytes - envelope + 1, 'a') + R"("})"));
  ASSERT_FALSE(over.has_value());
  EXPECT_EQ(over.error().kind, base::ErrorKind::kLimit);
  EXPECT_EQ(log.CountersOf(Observer::kSupervisor).dropped, 1u);
  EXPECT_EQ(log.Append(Plain()).value(), 3u);  // the refused one took no place
}

TEST_F(RunLogTest, KeepsIdsOfTheFirstAndTheNewestLeaves) {
  RunLog log = Make();
  ASSERT_TRUE(log.Append(Opened()));
  for (int i = 1; i < 4000; ++i) ASSERT_TRUE(log.Append(Plain()));
  ASSERT_TRUE(log.Flush());
  const auto lines = Lines(ReadText(events()));
  for (const std::uint64_t index : {0u, 511u, 3999u, 2976u}) {
    ASSERT_EQ(log.IdOf(index).size(), 36u) << index;
    EXPECT_THAT(lines[index], HasSubstr(log.IdOf(index)));
  }
  EXPECT_EQ(log.IdOf(512), "");
  EXPECT_EQ(log.IdOf(2975), "");
  EXPECT_EQ(log.IdOf(4000), "");
}

TEST_F(RunLogTest, ClosedLogRefusesAndHasGivenBackItsSpace) {
  RunLog log = Make();
  ASSERT_TRUE(log.Append(Opened()));
  ASSERT_TRUE(log.Checkpoint());
  struct stat open_info {};
  ASSERT_EQ(stat(events().c_str(), &open_info), 0);
  EXPECT_GE(open_info.st_blocks * 512, 400 << 10);
  ASSERT_TRUE(log.Close());
  EXPECT_FALSE(log.Append(Plain()).has_value());
  EXPECT_FALSE(log.Checkpoint().has_value());
  struct stat closed_info {};
  ASSERT_EQ(stat(events().c_str(), &closed_info), 0);
  EXPECT_LE(closed_info.st_blocks * 512, 8 << 10);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path_), {}), 2);
}

TEST_F(RunLogTest, DestructorLosesNoLine) {
  {
    RunLog log = Make();
    ASSERT_TRUE(log.Append(Opened()));
    ASSERT_TRUE(log.Append(Plain()));
    ASSERT_TRUE(log.Append(Plain()));
  }
  EXPECT_EQ(Lines(ReadText(events())).size(), 3u);
}

TEST_F(RunLogTest, RefusesWhatWouldMakeTheLogInvalid) {
  RunLog log = Make();
  EXPECT_FALSE(log.Append(Plain()).has_value());  // leaf 0 is opened
  ASSERT_TRUE(log.Append(Opened()));
  EXPECT_FALSE(log.Append(Opened()).has_value());
  EXPECT_FALSE(log.Append(Plain("{\"a\":\n1}")).has_value());
  EXPECT_FALSE(log.Append(Plain("[]")).has_value());
  const std::string frame = R"("frameSha256":")" + std::string(64, 'a') + "\"";
  Draft claim = Plain("{" + frame + "}");
  claim.observer = Observer::kAgent;
  EXPECT_TRUE(log.Append(claim).has_value());
  claim.data = R"({"x":1})";
  EXPECT_FALSE(log.Append(claim).has_value());
  claim.data = R"({"decision":"allow",)" + frame + "}";
  EXPECT_FALSE(log.Append(claim).has_value());
  claim.data = "{" + frame + "}";
  claim.type = kFinding;
  EXPECT_FALSE(log.Append(claim).has_value());
  Draft finding{.type = kFinding, .source = kSourceSupervisor, .observer = Observer::kWitness};
  finding.data = R"({"cites":[0,1]})";
  EXPECT_TRUE(log.Append(finding).has_value());
  finding.data = R"({"cites":[]})";
  EXPECT_FALSE(log.Append(finding).has_value());
  finding.data = R"({"cites":[3]})";
  EXPECT_FALSE(log.Append(finding).has_value());
}

}  // namespace
}  // namespace event
