// SPDX-License-Identifier: Apache-2.0
// Rows FI of the threats: files, kernel views, descriptors, exports.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "harness.h"

namespace attacks {
namespace {

namespace fs = std::filesystem;

class Files : public Attack {
 protected:
  const Answers& Said() {
    static std::map<As, Answers> said;
    Answers& answers = said[GetParam()];
    if (answers.empty()) {
      const std::string pattern = Read("/proc/sys/kernel/core_pattern");
      const Finished run = Probe({"files"});
      EXPECT_EQ(run.Reason(), "completed") << run.err;
      EXPECT_EQ(Read("/proc/sys/kernel/core_pattern"), pattern);
      for (const auto& entry : fs::recursive_directory_iterator(Rw())) {
        struct stat status = {};
        lstat(entry.path().c_str(), &status);
        EXPECT_EQ(status.st_mode & (S_ISUID | S_ISGID), 0u) << entry.path();
        EXPECT_FALSE(S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) << entry.path();
      }
      answers = ParseAnswers(run.out);
    }
    return answers;
  }
  // The export of `path` after `script` fails, promptly, and is told.
  void ExpectNoExport(const std::string& script, const std::string& path, const How& how = {}) {
    How with = how;
    with.options.insert(with.options.end(), {"--export", "artefact=" + path});
    const Finished run = Shell(script, with);
    EXPECT_NE(run.status, 0) << path;
    EXPECT_TRUE(run.Logged("export.v2.failed")) << path;
    EXPECT_TRUE(run.Logged("lifecycle.v1.destroyed", {"\"outcome\":\"failed\""})) << path;
    EXPECT_LT(run.took.count(), 20000) << path;
  }
};

TEST_P(Files, FI01_OnlyTheThreeStreamsComeIn) {
  std::vector<int> leaked = {open("/", O_RDONLY | O_DIRECTORY), open("/", O_PATH)};
  for (int i = 0; i < 200; ++i) leaked.push_back(open("/etc/passwd", O_RDONLY));
  const Finished run = Probe({"descriptors"});
  for (const int fd : leaked) close(fd);
  EXPECT_EQ(run.out, "0 1 2 \n");
  EXPECT_TRUE(run.Logged("effective_controls", {"\"descriptors\":[0,1,2]"}));
}

TEST_P(Files, FI02_NoDirectoryAndNoProgramThroughADescriptor) {
  const int host = open("/", O_RDONLY | O_DIRECTORY);
  for (const char* path :
       {"/proc/self/fd/3", "/proc/self/fd/7", "/proc/1/cwd", "/proc/self/root/../..", "/tmp/../../etc"}) {
    const Finished run = Run({"/bin/true"}, {.options = {"--workdir", path}});
    EXPECT_TRUE(run.status == 125 || run.status == 126) << path << " " << run.status;
    EXPECT_EQ(run.Member("phase"), run.status == 125 ? "workdir" : "") << path << run.json;
  }
  for (const std::string& descriptor : {std::to_string(host), std::string("3"), std::string("0")}) {
    const Finished run = Run({"/proc/self/fd/" + descriptor + "/bin/true"});
    EXPECT_TRUE(run.status == 126 || run.status == 127) << run.status;
  }
  close(host);
  EXPECT_EQ(Run({"/bin/pwd"}, {.options = {"--workdir", "/workspace"}}).out, "/workspace\n");
}

TEST_P(Files, FI04_KernelSettingsAndSystemFilesAreReadOnly) {
  EXPECT_TRUE(Refused(Said(), "FI04", {"EROFS", "EACCES", "ENOENT"}));
}

TEST_P(Files, FI05_KernelInternalsAreNotThere) {
  EXPECT_TRUE(Refused(Said(), "FI05", {"ENODATA", "EACCES", "ENOENT", "EPERM", "EROFS"}));
}

TEST_P(Files, FI06_ProcHoldsTheCellsProcessesOnly) {
  const Finished run = Shell(
      "sleep 30 & ls -d /proc/[0-9]* | wc -l; ls -d /proc/[0-9]* | sort -V | head -1; "
      "grep -c ' - proc ' /proc/self/mountinfo; kill $!");
  int processes = 0, proc_mounts = 0;
  char first[64] = {};
  ASSERT_EQ(std::sscanf(run.out.c_str(), "%d %63s %d", &processes, first, &proc_mounts), 3) << run.out;
  EXPECT_GE(processes, 3);
  EXPECT_LE(processes, 6);  // reaper, shell, sleep, and those of the pipe
  EXPECT_STREQ(first, "/proc/1");
  EXPECT_TRUE(run.Logged("effective_controls", {"\"fsType\":\"proc\""}));
}

TEST_P(Files, FI07_ExportsNeverFollowLinksOrLeave) {
  ExpectNoExport("ln -s /etc/passwd /workspace/x", "/workspace/x");
  ExpectNoExport("mkdir d && echo x > d/x && ln -s d e", "/workspace/e/x");
  ExpectNoExport("ln -s / /workspace/root", "/workspace/root/etc/passwd");
  const Finished up = Shell("echo x > x", {.options = {"--export", "a=/workspace/../../../etc/passwd"}});
  EXPECT_TRUE(up.status == 126 || up.Logged("export.v2.failed")) << up.status << up.json;
  ExpectNoExport("true", "/proc/self/environ");
  const Finished twin = Shell("echo kept > x", {.options = {"--export", "a=/workspace/x"}});
  EXPECT_EQ(twin.status, 0) << twin.err;
  EXPECT_EQ(Read(twin.directory + "/exports/a"), "kept\n") << twin.json;
}

// The grant is raced from outside, where nothing of the cell's end stops the attacker.
TEST_P(Files, FI07_AnExportThatIsExchangedForALinkIsInsideOrRefused) {
  Write("outside", "canary-outside");
  std::atomic<bool> stop = false;
  Write(Rw() + "/a", "inside");
  std::filesystem::create_symlink(top() + "/outside", Rw() + "/b");
  std::thread racer([&] {
    while (!stop) renameat2(AT_FDCWD, (Rw() + "/a").c_str(), AT_FDCWD, (Rw() + "/b").c_str(), RENAME_EXCHANGE);
  });
  int inside = 0;
  for (int i = 0; i < 8; ++i) {
    const Finished run = Run({"/bin/true"}, {.options = {"--rw", Rw() + ":/attack-rw", "--export", "a=/attack-rw/a"}});
    if (run.status == 0) {
      ++inside;
      EXPECT_EQ(Read(run.directory + "/exports/a"), "inside");
    } else {
      EXPECT_TRUE(run.Logged("export.v2.failed")) << run.json;
    }
  }
  stop = true;
  racer.join();
  EXPECT_TRUE(Holding("canary-outside").empty());
  RecordProperty("exported", inside);
}

TEST_P(Files, FI08_OnlyRegularFilesOfBoundedSizeAreExported) {
  ExpectNoExport("mkfifo x", "/workspace/x");
  ExpectNoExport("mkdir x", "/workspace/x");
  ExpectNoExport("python3 -c 'import socket;socket.socket(socket.AF_UNIX).bind(\"x\")' 2>/dev/null || mkfifo x",
                 "/workspace/x");
  ExpectNoExport("true", "/dev/zero");
  ExpectNoExport("true", "/dev/null");
  ExpectNoExport("truncate -s 5G x", "/workspace/x");  // a hole of more than one export may have
  EXPECT_EQ(Shell("truncate -s 8T x").status, 128 + SIGXFSZ);
  ExpectNoExport("echo x > x; chmod 000 x", "/workspace/x");
  const Finished name = Shell("true", {.options = {"--export", "a\n\x1b[31mb=/workspace/x"}});
  EXPECT_TRUE(name.status == 126 || name.status == 2) << name.status;
  EXPECT_EQ(name.err.find('\x1b'), std::string::npos) << name.err;
}

TEST_P(Files, FI09_ExistingStartUpFilesStayReadOnlyAndNewOnesAreNamed) {
  fs::create_directories(Rw() + "/.git/hooks");
  for (const char* path : {"/.git", "/.git/hooks"}) Own(Rw() + path);
  Write(Rw() + "/.bashrc", "old");
  Write(Rw() + "/.git/hooks/pre-commit", "old");
  const Finished run = Shell(
      "cd /attack-rw; echo new > .bashrc; echo new > .git/hooks/pre-commit; rm -f .bashrc; "
      "mv .git .git2; mv .bashrc b; ln -f x .bashrc; echo new > .git/hooks/post-commit; echo evil > .envrc; "
      "echo twin > ok; exit 0",
      {.options = {"--rw", Rw() + ":/attack-rw", "--summary"}});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(Read(Rw() + "/.bashrc"), "old");
  EXPECT_EQ(Read(Rw() + "/.git/hooks/pre-commit"), "old");
  EXPECT_FALSE(fs::exists(Rw() + "/.git/hooks/post-commit"));
  EXPECT_EQ(Read(Rw() + "/ok"), "twin\n");
  // The summary and the object, which do not hold the command, and the end.
  EXPECT_NE(run.json.find(".envrc"), std::string::npos) << "new start-up files are named: " << run.json;
  EXPECT_TRUE(run.Logged("lifecycle.v1.destroyed", {".envrc"}) || run.err.find(".envrc") != std::string::npos)
      << run.err;
}

// Further down they can be written; then the end names them.
TEST_P(Files, FI09_HookFilesOfProjectsFurtherDownAreNamed) {
  for (const char* path : {"/sub", "/sub/.git", "/sub/.git/hooks", "/same", "/same/.git", "/same/.git/hooks"}) {
    fs::create_directory(Rw() + path);
    Own(Rw() + path);
  }
  Write(Rw() + "/same/.git/hooks/pre-commit", "old");
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // older than the run by more than a clock's tick
  const Finished run = Shell(
      "cd /attack-rw; echo new > sub/.git/hooks/pre-commit; mkdir -p made/.git; echo new > made/.envrc; echo twin > sub/ok",
      {.options = {"--rw", Rw() + ":/attack-rw", "--summary"}});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(run.Logged("lifecycle.v1.destroyed", {"/sub/.git/hooks", "/made/.envrc"})) << run.err;
  EXPECT_NE(run.err.find("/sub/.git/hooks"), std::string::npos) << run.err;
  EXPECT_FALSE(run.Logged("lifecycle.v1.destroyed", {"/same/"})) << run.err;
}

TEST_P(Files, FI10_NoDeviceNodes) {
  EXPECT_TRUE(Refused(Said(), "FI10", {"EPERM", "ENOENT"}));
  EXPECT_EQ(Shell("ls /dev | tr '\\n' ' '").out, "fd full null random shm stderr stdin stdout tty urandom zero ");
}

TEST_P(Files, FI11_ScratchSpaceEndsInsideTheCell) {
  const How small = {.options = {"--scratch", "8M"}};
  for (const char* place : {"/tmp/x", "/dev/shm/x", "/workspace/x"}) {
    const Finished run = Probe({"fill", place}, small);
    long bytes = 0;
    char error[32] = {};
    ASSERT_EQ(std::sscanf(run.out.c_str(), "%ld %31s", &bytes, error), 2) << run.out;
    EXPECT_STREQ(error, "ENOSPC") << place;
    EXPECT_LE(bytes, 8 << 20) << place;
  }
  const Finished names = Probe({"fill-names", "/tmp"}, small);
  int made = 0;
  ASSERT_EQ(std::sscanf(names.out.c_str(), "%d", &made), 1);
  EXPECT_LE(made, 2048) << names.out;
  EXPECT_NE(names.out.find("ENOSPC"), std::string::npos) << names.out;
}

TEST_P(Files, FI12_NoFilesByHandle) { EXPECT_TRUE(Refused(Said(), "FI12", {"EPERM"})); }

TEST_P(Files, FI13_DeepTreesGoWithTheCell) {
  const Finished run = Probe({"deep-tree", "/tmp"}, {.options = {"--scratch", "512M"}});
  EXPECT_EQ(run.out, "10000\n");
  EXPECT_LT(run.took.count(), 20000);
}

TEST_P(Files, FI14_TheReceiptIsOfTheBytesDelivered) {
  Write(Rw() + "/big", std::string(8 << 20, 'a'));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const int fd = open((Rw() + "/big").c_str(), O_WRONLY);
    for (char c = 'a'; !stop; c = c == 'z' ? 'a' : static_cast<char>(c + 1)) {
      for (off_t at = 0; at < 8 << 20 && !stop; at += 4096) (void)!pwrite(fd, &c, 1, at);
    }
    close(fd);
  });
  const Finished run =
      Run({"/bin/true"}, {.options = {"--rw", Rw() + ":/attack-rw", "--export", "big=/attack-rw/big"}});
  stop = true;
  writer.join();
  if (run.status != 0) {
    EXPECT_TRUE(run.Logged("export.v2.failed"));
    return;
  }
  EXPECT_TRUE(run.Logged("export.v2.completed", {Sha256Of(run.directory + "/exports/big")}));
}

TEST_P(Files, FI15_NoSetIdFileIsLeft) { EXPECT_TRUE(Refused(Said(), "FI15", {"EPERM"})); }

// The granted directory, and a protected file in it, swapped for links to what was not granted.
TEST_P(Files, FI16_AGrantThatIsSwappedIsTheOnePlannedOrNone) {
  OwnDirectory("granted");
  OwnDirectory("other");
  Write(top() + "/granted/file", "granted");
  Write(top() + "/other/file", "not granted");
  fs::create_directory_symlink(top() + "/other", top() + "/link");
  std::atomic<bool> stop = false;
  std::thread racer([&] {
    while (!stop)
      renameat2(AT_FDCWD, (top() + "/granted").c_str(), AT_FDCWD, (top() + "/link").c_str(), RENAME_EXCHANGE);
  });
  int started = 0;
  for (int i = 0; i < 12; ++i) {
    const Finished run = Run({"/bin/cat", "/g/file"}, {.options = {"--ro", top() + "/granted:/g"}});
    // A link is resolved when the plan is made; what the plan names is what has to be there.
    const bool planned_other = Read(run.directory + "/plan.json").find(top() + "/other") != std::string::npos;
    if (run.status == 0) {
      ++started;
      EXPECT_EQ(run.out, planned_other ? "not granted" : "granted");
    } else {
      EXPECT_EQ(run.Reason(), "start_failed") << run.json;
      EXPECT_EQ(run.Member("phase"), "mount") << run.json;
      EXPECT_EQ(run.out, "");
    }
  }
  stop = true;
  racer.join();
  RecordProperty("started", started);
}

ATTACK_AS_EVERYBODY(Files);

}  // namespace
}  // namespace attacks
