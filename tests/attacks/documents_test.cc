// SPDX-License-Identifier: Apache-2.0
// Rows DC of the threats: documents, policy, command line. What is refused starts nothing and leaves evidence.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "harness.h"

namespace attacks {
namespace {

namespace fs = std::filesystem;

class Documents : public Attack {
 protected:
  static std::string Document(const std::string& run = R"("argv":["/bin/true"],"secretDelivery":"env")",
                              const std::string& id = "doc", const std::string& authority = "{}") {
    return R"({"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":")" + id + R"(","authority":)" +
           authority + R"(,"lifetime":{"ttlSeconds":60},"run":{)" + run + "}}}";
  }
  Finished Spec(const std::string& text) { return Run({}, {.options = {"--spec", "-"}, .input = text}); }
  void ExpectRefused(const Finished& run, const std::string& what) {
    EXPECT_EQ(run.status, 126) << what << run.err;
    EXPECT_EQ(run.Reason(), "refused") << what;
    EXPECT_FALSE(run.Logged("lifecycle.v1.started")) << what;
    EXPECT_TRUE(run.Logged("admission.v1.refused")) << what;
    EXPECT_EQ(run.err.find_first_of("\033\007"), std::string::npos) << what;
    EXPECT_LT(run.err.size() + run.json.size(), 64u << 10) << what;
    EXPECT_LT(run.took.count(), 10000) << what;
  }
};

TEST_P(Documents, DC01_TheBytesThatWereParsedRun) {
  const std::string path = Write("spec.json", Document(R"("argv":["/bin/echo","one"],"secretDelivery":"env")"));
  const Finished run = Run({}, {.options = {"--spec", path}});
  EXPECT_EQ(run.out, "one\n") << run.err;
  const std::string document = Read(run.directory + "/document.json");
  EXPECT_EQ(document, Read(path));
  EXPECT_TRUE(run.Logged("lifecycle.v1.started",
                         {"\"specHash\":\"" + Sha256Of(run.directory + "/document.json"), "\"planDigest\":"}));
  const Finished bound = Run({"/bin/true"}, {.options = {"--if-policy", "sha256:" + std::string(64, '0')}});
  EXPECT_TRUE(bound.status == 126 || bound.status == 2) << bound.status;
}

TEST_P(Documents, DC02_SizeAndDepthAreBoundedBeforeParsing) {
  ExpectRefused(Spec(std::string(100000, '[')), "100,000 arrays");
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "{\"a\":";
  ExpectRefused(Spec(deep + "1" + std::string(33, '}')), "depth 33");
  ExpectRefused(Spec(Document() + std::string((1 << 20) + 1, ' ')), "1 MiB + 1");
  EXPECT_EQ(Run({}, {.options = {"--spec", "/dev/zero"}}).status, 126);
  ExpectRefused(Spec(""), "nothing");
  EXPECT_EQ(Spec(Document()).status, 0) << "the twin";
}

TEST_P(Documents, DC03_DuplicateMembersAreRefused) {
  ExpectRefused(Spec(Document(R"("argv":["/bin/true"],"secretDelivery":"env","argv":["/bin/false"])")), "argv twice");
  ExpectRefused(Spec(Document(R"("argv":["/bin/true"],"secretDelivery":"env","arg\u0076":["/bin/false"])")), "escaped");
  ExpectRefused(Spec(R"({"kind":"ExecutionCell",)" + Document().substr(1)), "at the top");
}

TEST_P(Documents, DC04_TextIsWellFormed) {
  for (const char* bad : {"\xc0\xaf", "\\ud800", "\\u0000", "\xed\xa0\x80", "\xff"}) {
    ExpectRefused(Spec(Document(std::string(R"("argv":["/bin/true",")") + bad + R"("],"secretDelivery":"env")")), bad);
  }
  ExpectRefused(Spec("\xef\xbb\xbf" + Document()), "byte order mark");
  for (const char* id : {"a\\u202eb", "a\\u200bb", "a\\u001bb"})
    ExpectRefused(Spec(Document(R"("argv":["/bin/true"],"secretDelivery":"env")", id)), id);
}

TEST_P(Documents, DC05_DocumentsAndPacksAreOwnFiles) {
  const std::string path = Write("spec.json", Document());
  for (const std::string& bad : {top(), std::string("/dev/null")}) {
    const Finished run = Run({}, {.options = {"--spec", bad}});
    EXPECT_TRUE(run.status == 126 || run.status == 2) << bad << " " << run.status;
  }
  const std::string pack =
      Write("pack.json",
            R"({"apiVersion":"cellos.io/v1","kind":"PolicyPack","spec":{"id":"p","version":"1.0.0","rules":{}}})");
  const Finished twin = Run({"/bin/true"}, {.options = {"--policy", pack}});
  EXPECT_EQ(twin.status, 0) << twin.err << twin.json;
  EXPECT_TRUE(twin.Logged("lifecycle.v1.started", {"\"policyPackDigest\":\"sha256:"})) << twin.log;
  fs::permissions(pack, static_cast<fs::perms>(0666));
  const Finished open = Run({"/bin/true"}, {.options = {"--policy", pack}});
  EXPECT_TRUE(open.status == 126 || open.status == 2) << open.status << open.json;
  for (const std::string& bad : {top(), std::string("/dev/zero"), top() + "/none"}) {
    const Finished run = Run({"/bin/true"}, {.options = {"--policy", bad}});
    EXPECT_TRUE(run.status == 126 || run.status == 2) << bad << " " << run.status;
  }
}

TEST_P(Documents, DC06_GrantsDoNotCoverWhatTheCellNeeds) {
  for (const char* target : {"/proc", "/dev", "/dev/shm/x/../..", "/run/cellos", "/usr", "/etc/passwd", "/", "/sys",
                             "/usr/bin", "x/y", "/proc/self"}) {
    const Finished run =
        Spec(Document(R"("argv":["/bin/true"],"secretDelivery":"env")", "g",
                      R"({"filesystem":{"readable":[{"source":")" + Rw() + R"(","target":")" + target + R"("}]}})"));
    EXPECT_EQ(run.status, 126) << target << run.json;
  }
  for (const char* source : {"/", "/proc", "/sys", "/dev", "/proc/1", "/run/cellos", "/dev/null"}) {
    const Finished run = Run({"/bin/true"}, {.options = {"--ro", std::string(source) + ":/g"}});
    EXPECT_TRUE(run.status == 126 || run.status == 125) << source << " " << run.status;
    EXPECT_FALSE(run.Logged("lifecycle.v1.started")) << source;
  }
  OwnDirectory("rw/inner");
  const Finished narrow = Shell("echo x > /g/a && ! echo x > /g/inner/a 2>/dev/null && echo narrow",
                                {.options = {"--rw", Rw() + ":/g", "--ro", Rw() + "/inner:/g/inner"}});
  EXPECT_EQ(narrow.out, "narrow\n") << narrow.err << narrow.json;
}

TEST_P(Documents, DC07_HostsThatAreNoneAreRefusedByPointer) {
  for (const char* host : {"*", "http://x", "x:0", "[::1%lo]", "010.0.0.1", "10.0.0.1/8", "a.1"}) {
    const Finished run = Spec(Document(R"("argv":["/bin/true"],"secretDelivery":"env")", "h",
                                       std::string(R"({"egressRules":[{"host":")") + host + R"(","port":443}]})"));
    ExpectRefused(run, host);
    EXPECT_NE((run.json + run.log).find("egressRules"), std::string::npos) << host;
  }
}

TEST_P(Documents, DC08_NamesAndArgumentsAreBounded) {
  for (const std::string& id :
       {std::string(".."), std::string("a/b"), std::string("-rf"), std::string(129, 'a'), std::string("a b")}) {
    const Finished run = Spec(Document(R"("argv":["/bin/true"],"secretDelivery":"env")", id));
    EXPECT_EQ(run.status, 126) << id << run.err;
  }
  ExpectRefused(Spec(Document(R"("argv":[],"secretDelivery":"env")")), "argv empty");
  ExpectRefused(Spec(Document(R"("argv":[""],"secretDelivery":"env")")), "argv[0] empty");
  ExpectRefused(Spec(Document(R"("argv":["/bin/true",")" + std::string(2 << 20, 'a') + R"("],"secretDelivery":"env")")),
                "2 MiB");
  EXPECT_FALSE(fs::exists(State() + "/etc"));
  const Finished escape = Run({"/bin/true"}, {.environment = {"CELLOS_RUN_ID=../../escape"}});
  EXPECT_NE(escape.status, 0);
  EXPECT_FALSE(fs::exists(top() + "/escape"));
}

TEST_P(Documents, DC09_AfterTheDashesNothingIsOurs) {
  const Finished run = Run({"/bin/echo", "--backend", "x", "--spec", "-", "--", "--json"});
  EXPECT_EQ(run.out, "--backend x --spec - -- --json\n") << run.err;
  OwnDirectory("bin");
  for (const char* name : {"unshare", "mount", "newuidmap", "newgidmap", "runsc", "nft", "ip", "sh"}) {
    Write("bin/" + std::string(name), "#!/bin/sh\ntouch " + top() + "/rw/ran\n");
    fs::permissions(top() + "/bin/" + name, static_cast<fs::perms>(0755));
  }
  const Finished path =
      Run({"sh", "-c", "echo ours"},
          {.environment = {"PATH=" + top() + "/bin", "LC_ALL=xx_YY", "IFS=x", "TMPDIR=/nonexistent"}});
  EXPECT_EQ(path.out, "ours\n") << path.err;
  EXPECT_FALSE(fs::exists(top() + "/rw/ran"));
  EXPECT_NE(Run({"/bin/true"}, {.options = {"--backend", "x"}}).status, 0);
}

TEST_P(Documents, DC10_RefusalsAreEscapedAndCapped) {
  const std::string huge(512 << 10, 'z');
  ExpectRefused(Spec(R"({"apiVersion":"cellos.io/v1","kind":")" + huge + R"("})"), "half a megabyte");
  ExpectRefused(Spec(R"({")" + huge + R"(":1})"), "long member");
  ExpectRefused(Spec(R"({"\u001b[31m\n\u202e":1})"), "control characters");
  const Finished option = Run({"/bin/true"}, {.options = {"--id", "\033[31m\n\007"}});
  EXPECT_NE(option.status, 0);
  EXPECT_EQ((option.err + option.json + option.out).find_first_of("\033\007"), std::string::npos);
  const Finished unknown = Cellos({"run", "--\033[31mbogus"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_EQ(unknown.err.find('\033'), std::string::npos) << unknown.err;
}

ATTACK_AS_EVERYBODY(Documents);

}  // namespace
}  // namespace attacks
