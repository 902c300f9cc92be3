// SPDX-License-Identifier: Apache-2.0
// Every #include below src/ and guest/ is an arrow of the map, the map has no cycle, third-party headers stay in their adapters.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = CELLOS_SOURCE_DIR;
const fs::path kTables = kRoot / "tests" / "include_edges";

struct Include {
  std::string file;  // below the root
  int line;
  bool quoted;
  std::string name;
};

std::vector<std::string> DataLines(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != '#') lines.push_back(line);
  }
  return lines;
}

std::map<std::string, std::set<std::string>> Rooms() {
  std::map<std::string, std::set<std::string>> rooms;
  for (const std::string& line : DataLines(kTables / "rooms.txt")) {
    const std::size_t colon = line.find(':');
    std::istringstream names(line.substr(colon + 1));
    auto& row = rooms[line.substr(0, colon)];
    for (std::string name; names >> name;) row.insert(name);
  }
  return rooms;
}

bool IsSource(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".h" || extension == ".cc" || extension == ".S" || extension == ".inc";
}

std::vector<Include> IncludesBelow(std::initializer_list<const char*> folders) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*(["<])([^">]+)[">])");
  std::vector<Include> includes;
  for (const char* folder : folders) {
    if (!fs::exists(kRoot / folder)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      if (!entry.is_regular_file() || !IsSource(entry.path())) continue;
      std::ifstream file(entry.path());
      int number = 0;
      for (std::string line; std::getline(file, line);) {
        ++number;
        std::smatch match;
        if (!std::regex_search(line, match, kInclude)) continue;
        includes.push_back({fs::relative(entry.path(), kRoot).string(), number, match[1] == "\"", match[2]});
      }
    }
  }
  EXPECT_FALSE(includes.empty());
  return includes;
}

std::string RoomOf(const std::string& file) {
  if (file.starts_with("guest/")) return "guest";
  const std::size_t start = sizeof("src/") - 1;
  return file.substr(start, file.find('/', start) - start);
}

bool IsTest(const std::string& file) {
  static const std::regex kTest(R"(_test\.cc$|_fixture\.(h|cc)$|_harness\.(h|cc)$|/test_[a-z0-9_]+\.(h|cc)$)");
  return std::regex_search(file, kTest);
}

std::string Join(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text.empty() ? "none" : text;
}

TEST(IncludeEdges, EveryRoomIncludesOnlyWhatItsRowNames) {
  const auto rooms = Rooms();
  for (const Include& include : IncludesBelow({"src", "guest"})) {
    if (!include.quoted) continue;
    const std::string room = RoomOf(include.file);
    const auto row = rooms.find(room);
    ASSERT_NE(row, rooms.end()) << include.file << ": tests/include_edges/rooms.txt has no row for room " << room;
    const std::size_t slash = include.name.find('/');
    const std::string target = include.name.substr(0, slash);
    if (slash == std::string::npos && fs::exists((kRoot / include.file).parent_path() / include.name)) continue;
    const bool named = slash != std::string::npos && rooms.contains(target);
    EXPECT_TRUE(named) << include.file << ":" << include.line << ": \"" << include.name
                       << "\" names no room of tests/include_edges/rooms.txt; write #include \"room/file.h\"";
    if (!named || target == room || row->second.contains(target)) continue;
    if (IsTest(include.file) && target != "cli" && target != "cell") continue;  // TEST_ROOMS of its CMakeLists.txt
    ADD_FAILURE() << include.file << ":" << include.line << ": room " << room << " must not include \"" << include.name
                  << "\"; its row in tests/include_edges/rooms.txt allows: " << Join(row->second);
  }
}

TEST(IncludeEdges, TheMapHasNoCycle) {
  auto rooms = Rooms();
  while (!rooms.empty()) {
    const auto leaf = std::ranges::find_if(rooms, [&](const auto& room) {
      return std::ranges::none_of(room.second, [&](const std::string& name) { return rooms.contains(name); });
    });
    if (leaf == rooms.end()) {
      std::set<std::string> left;
      for (const auto& room : rooms) left.insert(room.first);
      FAIL() << "rooms include each other in a circle, among: " << Join(left);
    }
    rooms.erase(leaf);
  }
}

TEST(IncludeEdges, EveryNameInTheMapIsARoom) {
  const auto rooms = Rooms();
  for (const auto& [room, row] : rooms) {
    for (const std::string& name : row) EXPECT_TRUE(rooms.contains(name)) << room << " names " << name;
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(kRoot / "src")) {
    EXPECT_TRUE(rooms.contains(entry.path().filename().string()))
        << entry.path() << " is no room of tests/include_edges/rooms.txt";
  }
}

// What CMake lets a room see must not be more than the map says; generated include paths follow ROOMS.
TEST(IncludeEdges, CMakeGivesARoomNoMoreThanItsRow) {
  static const std::regex kRooms(R"([( ]ROOMS((?:\s+[a-z]+)+))");
  const auto rooms = Rooms();
  for (const auto& [room, row] : rooms) {
    const fs::path path = kRoot / "src" / room / "CMakeLists.txt";
    if (!fs::exists(path)) continue;
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    const std::string content = text.str();
    std::smatch match;
    if (!std::regex_search(content, match, kRooms)) continue;
    std::istringstream names(match[1]);
    for (std::string name; names >> name;) {
      EXPECT_TRUE(row.contains(name)) << "src/" << room << "/CMakeLists.txt: ROOMS names " << name
                                      << "; the row in tests/include_edges/rooms.txt allows: " << Join(row);
    }
  }
}

TEST(IncludeEdges, ThirdPartyHeadersStayInTheirAdapters) {
  // The C++ library has neither dot nor slash in its names; of C and the kernel these are the ones in use.
  static const std::regex kOwn(
      R"(^[a-z0-9_]+$|^(linux|asm|asm-generic|sys|netinet|arpa|net|bits)/[a-z0-9_]+\.h$)"
      R"(|^(assert|dirent|dlfcn|elf|endian|errno|fcntl|grp|ifaddrs|inttypes|limits|link|malloc|netdb|poll|pthread|pty|pwd|)"
      R"(sched|semaphore|setjmp|signal|spawn|stdarg|stdbool|stddef|stdint|stdio|stdlib|string|strings|syslog|termios|time|)"
      R"(ucontext|unistd|utime|fenv|float|math|locale|ctype|err|fnmatch|fts|ftw|getopt|glob|libgen|regex|search|utmp|)"
      R"(stdnoreturn|stdatomic|alloca|byteswap|features|immintrin|x86intrin|cpuid)\.h$)");
  struct Row {
    std::string prefix;
    std::regex files;
    std::string text;
  };
  std::vector<Row> rows;
  for (const std::string& line : DataLines(kTables / "third_party.txt")) {
    std::istringstream fields(line);
    std::string prefix, files;
    fields >> prefix >> files;
    rows.push_back({prefix, std::regex(files, std::regex::extended), files});
  }
  for (const Include& include : IncludesBelow({"src", "guest", "apps", "tests", "bench"})) {
    if (include.quoted || std::regex_match(include.name, kOwn)) continue;
    const auto row = std::ranges::find_if(rows, [&](const Row& r) { return include.name.starts_with(r.prefix); });
    if (row == rows.end()) {
      ADD_FAILURE() << include.file << ":" << include.line << ": <" << include.name
                    << "> is a third-party header that tests/include_edges/third_party.txt does not name";
    } else {
      EXPECT_TRUE(std::regex_search(include.file, row->files))
          << include.file << ":" << include.line << ": <" << include.name << "> belongs only in files like "
          << row->text;
    }
  }
}

TEST(IncludeEdges, TheArchitecturePageQuotesTheMap) {
  std::ifstream page(kRoot / "ARCHITECTURE.md");
  ASSERT_TRUE(page);
  std::set<std::string> lines;
  for (std::string line; std::getline(page, line);) {
    const std::size_t start = line.find_first_not_of(' ');
    if (start != std::string::npos) lines.insert(line.substr(start));
  }
  for (const std::string& line : DataLines(kTables / "rooms.txt")) {
    EXPECT_TRUE(lines.contains(line)) << "ARCHITECTURE.md does not quote: " << line;
  }
}

}  // namespace
