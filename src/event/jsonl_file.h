// SPDX-License-Identifier: Apache-2.0
// Events as JSON lines in a file, a FIFO or a device (ports.md §2.3).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "event/transport.h"

namespace event {

inline constexpr std::size_t kMaxJsonlBytes = 1u << 20;  // of JSON, without LF

// Lines are appended with one write(2) each. A new file is 0600; a symbolic link is refused. Opened again when the path
// leads to another file (rotation) or the reader of a FIFO has gone. fdatasync(2) after life-cycle events.
//
// Errors: "jsonl event too large: …" (kLimit; later events go on), "event sink: sink full: <path> (<cause>)" when the
// disk is full, "jsonl open|write|flush: …" else. What was written of a line that failed is taken back where nobody else
// writes, else the next line starts on a line of its own.
class JsonlFile : public Transport {
 public:
  struct Options {
    const base::Clock* clock = nullptr;  // not owned; nullptr: the machine's
    std::chrono::milliseconds deadline{1000};  // for a FIFO without reader, and for a reader that does not read
  };
  // A last line without LF, left by a writer that died, is cut; recovered() tells.
  static base::Result<std::unique_ptr<JsonlFile>> Open(std::string path, Options options);

  std::string_view name() const override { return "jsonl"; }
  base::Result<> Send(const Outgoing& event) override;
  base::Result<> Flush() override;

  // "cut a torn last line of N bytes from <path>", or empty.
  const std::string& recovered() const { return recovered_; }

 private:
  JsonlFile(std::string path, Options options) : path_(std::move(path)), options_(options) {}
  base::Result<> OpenFile(std::chrono::milliseconds deadline);
  base::Result<> RecoverTail();
  base::Result<> Reopen();
  base::Result<> WriteLine(std::string_view line);
  base::Result<> WaitWritable();
  void TakeBack(std::size_t written);
  base::Error Told(base::Error error, std::string_view call) const;

  std::string path_;
  Options options_;
  base::UniqueFd fd_;
  bool regular_ = false;
  bool stuck_ = false;
  bool torn_ = false;  // the last line has no LF
  std::uint64_t device_ = 0, inode_ = 0;
  std::string recovered_;
};

}  // namespace event
