// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "event/compliance_events.h"
#include "event/export_events.h"
#include "event/json_object.h"
#include "event/jsonl_file.h"
#include "event/leaf_writer.h"
#include "event/lifecycle_events.h"
#include "event/outside_sink.h"
#include "event/types.h"
#include "sys/fault.h"

namespace event {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string LeafOf(const Draft& draft) {
  std::string leaf;
  WriteLeaf(leaf, draft, {.sequence = 7, .boot = std::chrono::seconds(1), .time = "2026-01-02T03:04:05.678Z", .id = "e7"});
  return leaf;
}

const CellRef kCell{.cell_id = "demo", .spec_id = "demo", .run_id = "r1"};

TEST(PublishedForm, HasTheEightMembersInOrderAndNothingThatOnlyOursAdds) {
  const auto started = PublishedForm(LeafOf(StartedEvent(
      kCell, {.ttl_seconds = 60, .spec_hash = "8dec", .plan_digest = "sha256:p", .policy_pack_digest = "sha256:q"})));
  EXPECT_EQ((*started)->ToText(),
            R"({"specversion":"1.0","id":"e7","source":"cellos-supervisor",)"
            R"("type":"dev.cellos.events.cell.lifecycle.v1.started","datacontenttype":"application/json",)"
            R"("data":{"cellId":"demo","runId":"r1","specHash":"8dec","specId":"demo","ttlSeconds":60},)"
            R"("time":"2026-01-02T03:04:05.678Z","traceparent":null})");
  const auto completed = PublishedForm(LeafOf(CommandCompletedEvent(
      kCell, {.argv = {"/bin/true"}, .exit_code = -1, .duration_ms = 2, .signal = 9, .reason = "signal_killed"})));
  EXPECT_EQ((*completed)->data,
            R"({"argv":["/bin/true"],"cellId":"demo","durationMs":2,"exitCode":-1,"runId":"r1","specId":"demo"})");
  const auto exported = PublishedForm(LeafOf(
      ExportCompletedEvent(kCell, {.artifact_name = "out", .destination = "demo/out", .bytes_written = 4, .sha256 = "aa"})));
  EXPECT_EQ((*exported)->data,
            R"({"artifactName":"out","cellId":"demo","receipt":{"bytesWritten":4,"destination":"demo/out",)"
            R"("targetKind":"local","targetName":null},"runId":"r1","specId":"demo"})");
}

TEST(PublishedForm, CarriesTheRatioThatTheLogHoldsAsTwoIntegers) {
  const Draft draft =
      HomeostasisEvent(kCell, {.spec_hash = "sha256:x", .declared_egress_rules = 3, .exercised_egress = 1});
  EXPECT_THAT(draft.data, testing::Not(HasSubstr("authorityEfficiency")));
  EXPECT_THAT((*PublishedForm(LeafOf(draft)))->data,
              HasSubstr(R"({"accessedMountPaths":0,"authorityEfficiency":0.3333333333333333,"cellId")"));
}

TEST(PublishedForm, KeepsTypesOfOursBack) {
  for (const std::string_view type : {kLogOpened, kClosing, kEffectiveControls, kSecretDelivered, kAdmissionRefused}) {
    EXPECT_FALSE(PublishedForm(LeafOf({.type = type, .source = kSourceSupervisor, .data = "{}"}))->has_value()) << type;
  }
}

class SinkTest : public testing::Test {
 protected:
  SinkTest() {
    char name[] = "/tmp/sink_test.XXXXXX";
    path_ = mkdtemp(name);
    std::signal(SIGPIPE, SIG_IGN);
  }
  ~SinkTest() override {
    sys::fault::Disarm();
    std::filesystem::remove_all(path_);
  }
  std::unique_ptr<JsonlFile> OpenFile(milliseconds deadline = milliseconds(50)) {
    auto file = JsonlFile::Open(file_path(), {.deadline = deadline});
    EXPECT_TRUE(file.has_value()) << file.error().message;
    return std::move(*file);
  }
  std::string file_path() const { return path_ / "events"; }
  static base::Result<> Send(JsonlFile& file, std::string_view text, std::string_view type = "t") {
    return file.Send({.text = text, .id = "i", .type = type});
  }

  std::filesystem::path path_;
};

TEST_F(SinkTest, AppendsOneLineEachToAFileOfOurOwn) {
  auto file = OpenFile();
  ASSERT_TRUE(Send(*file, "{\"a\":1}"));
  ASSERT_TRUE(Send(*file, "{\"a\":2}", kDestroyed));
  EXPECT_EQ(ReadText(file_path()), "{\"a\":1}\n{\"a\":2}\n");
  EXPECT_EQ(std::filesystem::status(file_path()).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(SinkTest, FollowsNoSymbolicLink) {
  std::filesystem::create_symlink(path_ / "target", file_path());
  const auto file = JsonlFile::Open(file_path(), {});
  ASSERT_FALSE(file.has_value());
  EXPECT_THAT(file.error().message, StartsWith("jsonl open: "));
  EXPECT_FALSE(std::filesystem::exists(path_ / "target"));
}

TEST_F(SinkTest, CutsATornLastLineAndTells) {
  std::ofstream(file_path()) << "{\"whole\":1}\n{\"torn\":";
  auto file = OpenFile();
  EXPECT_THAT(file->recovered(), HasSubstr("torn last line of 8 bytes"));
  ASSERT_TRUE(Send(*file, "{}"));
  EXPECT_EQ(ReadText(file_path()), "{\"whole\":1}\n{}\n");
}

TEST_F(SinkTest, LeavesTheLineOfAWriterThatLives) {
  auto first = OpenFile();
  std::ofstream(file_path(), std::ios::app) << "{\"in the making\":";
  auto second = OpenFile();
  EXPECT_EQ(second->recovered(), "");
  EXPECT_EQ(ReadText(file_path()), "{\"in the making\":");
}

TEST_F(SinkTest, RefusesALineOverAMebibyteAndGoesOn) {
  auto file = OpenFile();
  const auto refused = Send(*file, std::string(kMaxJsonlBytes + 1, 'x'));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message,
            "jsonl event too large: 1048577 bytes exceeds MAX_EVENT_BYTES (1048576 bytes)");
  EXPECT_TRUE(Send(*file, std::string(kMaxJsonlBytes, 'x')));
}

TEST_F(SinkTest, TellsAFullDisk) {
  auto file = JsonlFile::Open("/dev/full", {});
  ASSERT_TRUE(file.has_value()) << file.error().message;
  const auto full = Send(**file, "{}");
  ASSERT_FALSE(full.has_value());
  EXPECT_THAT(full.error().message, StartsWith("event sink: sink full: /dev/full ("));
}

TEST_F(SinkTest, FifoWithoutReaderIsAnErrorWithinTheDeadline) {
  ASSERT_EQ(mkfifo(file_path().c_str(), 0600), 0);
  const auto before = std::chrono::steady_clock::now();
  const auto file = JsonlFile::Open(file_path(), {.deadline = milliseconds(60)});
  ASSERT_FALSE(file.has_value());
  EXPECT_THAT(file.error().message, HasSubstr("nobody reads"));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
}

TEST_F(SinkTest, FifoWhoseReaderStopsReadingHoldsUpOnlyOnce) {
  ASSERT_EQ(mkfifo(file_path().c_str(), 0600), 0);
  base::UniqueFd reader(open(file_path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  auto file = OpenFile(milliseconds(100));
  const std::string big(60000, 'x');
  base::Result<> sent;
  while ((sent = Send(*file, big))) {
  }
  EXPECT_EQ(sent.error().kind, base::ErrorKind::kDeadline);
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(Send(*file, big).has_value());
  EXPECT_LT(std::chrono::steady_clock::now() - before, milliseconds(100));
  reader.Reset();
  EXPECT_FALSE(Send(*file, "{}").has_value());
}

TEST_F(SinkTest, AfterALineThatAReaderGotInPartTheNextOneIsALineOfItsOwn) {
  ASSERT_EQ(mkfifo(file_path().c_str(), 0600), 0);
  const base::UniqueFd reader(open(file_path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  auto file = OpenFile(milliseconds(10));
  ASSERT_FALSE(Send(*file, std::string(200'000, 'x')));
  std::string taken(1 << 20, '\0');
  const ssize_t part = read(reader.get(), taken.data(), taken.size());
  ASSERT_GT(part, 0);
  ASSERT_TRUE(Send(*file, "{}"));
  ASSERT_TRUE(Send(*file, "{}"));
  const ssize_t rest = read(reader.get(), taken.data(), taken.size());
  ASSERT_GT(rest, 0);
  EXPECT_EQ(taken.substr(0, static_cast<std::size_t>(rest)), "\n{}\n{}\n");
}

// Files of this process grow to `bytes` and no further, as on a disk that is full in the middle of a line.
class SizeLimit {
 public:
  explicit SizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_ = {};
};

TEST_F(SinkTest, WhatFitsOfALineIsTakenBack) {
  auto file = OpenFile();
  ASSERT_TRUE(Send(*file, "{\"a\":1}"));
  {
    const SizeLimit limit(100);
    EXPECT_FALSE(Send(*file, std::string(200, 'x')));
  }
  EXPECT_EQ(ReadText(file_path()), "{\"a\":1}\n");
  ASSERT_TRUE(Send(*file, "{\"a\":2}"));
  EXPECT_EQ(ReadText(file_path()), "{\"a\":1}\n{\"a\":2}\n");
}

TEST_F(SinkTest, WhatFitsOfALineStaysWhereAnotherWriterLives) {
  auto file = OpenFile(), other = OpenFile();
  ASSERT_TRUE(Send(*file, "{}"));
  {
    const SizeLimit limit(10);
    EXPECT_FALSE(Send(*file, std::string(200, 'x')));
  }
  ASSERT_TRUE(Send(*file, "{}"));
  EXPECT_EQ(ReadText(file_path()), "{}\nxxxxxxx\n{}\n") << "what the other wrote behind it is not ours to cut";
}

TEST_F(SinkTest, WritesToTheNewFileAfterARotation) {
  auto file = OpenFile();
  ASSERT_TRUE(Send(*file, "{\"a\":1}"));
  std::filesystem::rename(file_path(), path_ / "old");
  ASSERT_TRUE(Send(*file, "{\"a\":2}"));
  EXPECT_EQ(ReadText(path_ / "old"), "{\"a\":1}\n");
  EXPECT_EQ(ReadText(file_path()), "{\"a\":2}\n");
}

TEST_F(SinkTest, SyncsAfterLifecycleEventsOnly) {
  auto file = OpenFile();
  sys::fault::ArmCall("fdatasync", EIO);
  EXPECT_TRUE(Send(*file, "{}", kProcessSpawned));
  const auto failed = Send(*file, "{}", kStarted);
  ASSERT_FALSE(failed.has_value());
  EXPECT_THAT(failed.error().message, StartsWith("jsonl flush: "));
}

class FailingTransport : public Transport {
 public:
  std::string_view name() const override { return "failing"; }
  base::Result<> Send(const Outgoing&) override { return base::Fail(base::ErrorKind::kIo, "no route"); }
  base::Result<> Flush() override { return {}; }
};

TEST_F(SinkTest, DeadLettersHoldWhatWouldHaveBeenSentRedactedAndSigned) {
  const auto seed = base::Bytes(32, 0x42);
  base::FakeClock clock;
  clock.wall = base::WallTime(milliseconds(1767323045678));
  OutsideSink sink(std::make_unique<FailingTransport>(),
                   {.redaction = Redaction::FromSetting("argv"),
                    .signer = std::move(*EventSigner::WithSeed(seed, "k1")),
                    .dead_letters = std::move(*DeadLetters::Open(path_, clock))});
  const std::string leaf = LeafOf(CommandCompletedEvent(kCell, {.argv = {"hush"}, .exit_code = 0}));
  ASSERT_TRUE(sink.Emit({.index = 7, .leaf = leaf}));
  ASSERT_TRUE(sink.Emit({.index = 7, .leaf = leaf}));  // same name: a counter follows
  const std::string letter = ReadText(path_ / "1767323045678-e7.jsonl");
  EXPECT_TRUE(std::filesystem::exists(path_ / "1767323045678-e7-1.jsonl"));
  EXPECT_THAT(letter, StartsWith(R"({"error":"no route","event":{"specversion":"1.0","id":"e7",)"));
  EXPECT_THAT(letter, testing::Not(HasSubstr("hush")));

  const auto object = SplitObject(std::string_view(letter).substr(0, letter.size() - 1));
  VerifyingKeys keys;
  const auto key = crypto::SigningKey::FromSeed(seed)->public_key();
  keys.ed25519.emplace("k1", base::Bytes(key.begin(), key.end()));
  const auto event = DecodeEvent(object->Find("event")->value, keys, Signing::kRequired);
  ASSERT_TRUE(event.has_value()) << event.error().message;
  EXPECT_THAT(event->data, HasSubstr(R"("argv":["[redacted]"])"));
}

TEST_F(SinkTest, WithoutDeadLettersTheFailureIsTold) {
  OutsideSink sink(std::make_unique<FailingTransport>(), {});
  const auto failed = sink.Emit({.index = 7, .leaf = LeafOf(StartedEvent(kCell, {}))});
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().message, "no route");
}

TEST_F(SinkTest, DeadLetterDirectoryThatCantBeUsedIsAnError) {
  base::FakeClock clock;
  EXPECT_FALSE(DeadLetters::Open(path_ / "missing", clock).has_value());
  std::ofstream(path_ / "file") << "x";
  EXPECT_FALSE(DeadLetters::Open(path_ / "file", clock).has_value());
}

class KeepingTransport : public Transport {
 public:
  explicit KeepingTransport(std::string& text) : text_(text) {}
  std::string_view name() const override { return "keeping"; }
  base::Result<> Send(const Outgoing& event) override {
    text_ = event.text;
    return {};
  }
  base::Result<> Flush() override { return {}; }

 private:
  std::string& text_;
};

TEST_F(SinkTest, LogFormIsTheLeafAndRedactionTouchesItsDataOnly) {
  std::string text;
  const std::string leaf = LeafOf(CommandCompletedEvent(kCell, {.argv = {"a"}, .exit_code = 0, .reason = "completed"}));
  OutsideSink plain(std::make_unique<KeepingTransport>(text), {.form = EventsForm::kLog});
  ASSERT_TRUE(plain.Emit({.index = 7, .leaf = leaf}));
  EXPECT_EQ(text, leaf);
  OutsideSink redacting(std::make_unique<KeepingTransport>(text),
                        {.form = EventsForm::kLog, .redaction = Redaction::FromSetting("argv")});
  ASSERT_TRUE(redacting.Emit({.index = 7, .leaf = leaf}));
  std::string expected = leaf;
  expected.replace(expected.find(R"(["a"])"), 5, R"(["[redacted]"])");
  EXPECT_EQ(text, expected);
}

TEST_F(SinkTest, ThePublishedFormSendsWhatIsPublishedAlone) {
  std::string text;
  OutsideSink sink(std::make_unique<KeepingTransport>(text), {.form = EventsForm::kPublished});
  ASSERT_TRUE(sink.Emit({.index = 7, .leaf = LeafOf({.type = kSecretDelivered, .source = kSourceSupervisor, .data = "{}"})}));
  EXPECT_EQ(text, "");
  const std::string leaf = LeafOf(StartedEvent(kCell, {.ttl_seconds = 60, .plan_digest = "sha256:p"}));
  ASSERT_TRUE(sink.Emit({.index = 7, .leaf = leaf}));
  EXPECT_EQ(text, (*PublishedForm(leaf))->ToText());
}

TEST(EventSigner, WhatItWrapsVerifiesAfterAPublishedReaderTookItIn) {
  const base::Bytes key(16, 7);
  const auto signer = EventSigner::WithHmacKey(key, "h");
  Event event{.specversion = "1.0", .id = "i", .source = "s", .type = "t", .data = R"({"x":0.42857142857142855})"};
  const Event wrapped = signer->Wrap(event);
  const auto object = SplitObject(wrapped.data);
  VerifyingKeys keys;
  keys.hmac.emplace("h", key);
  const auto inner = ReadEvent(object->Find("event")->value, Numbers::kPublished);
  EXPECT_EQ(Quoted(signer->Sign(*inner)), object->Find("signature")->value);
}

}  // namespace
}  // namespace event
