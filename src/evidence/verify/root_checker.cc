// SPDX-License-Identifier: Apache-2.0
// The hashing side of a pass over a log.
#include "evidence/verify/root_checker.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "base/encoding.h"

namespace evidence {
namespace {

constexpr std::size_t kBatchBytes = 256 * 1024;
constexpr std::size_t kMaxWaiting = 4;

}  // namespace

RootChecker::RootChecker(Mode mode) {
  if (mode == Mode::kInline) return;
  try {
    thread_ = std::thread([this] { Work(); });
  } catch (const std::system_error&) {
    // No thread to be had: the same work is done in line.
  }
}

RootChecker::~RootChecker() { static_cast<void>(Finish()); }

void RootChecker::Append(std::string_view leaf) {
  ++size_;
  if (!thread_.joinable()) return tree_.Append(leaf);
  batch_.leaves.append(leaf);
  batch_.lengths.push_back(static_cast<std::uint32_t>(leaf.size()));
  if (batch_.leaves.size() >= kBatchBytes) Submit();
}

void RootChecker::Expect(const Checkpoint& checkpoint) {
  batch_.expected = checkpoint;
  Submit();
}

void RootChecker::Submit() {
  Batch batch = std::exchange(batch_, {});
  if (!thread_.joinable()) return Judge(batch);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.size() < kMaxWaiting; });
  queue_.push_back(std::move(batch));
  changed_.notify_all();
}

void RootChecker::Judge(const Batch& batch) {
  std::string_view rest = batch.leaves;
  for (const std::uint32_t length : batch.lengths) {
    tree_.Append(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  if (!batch.expected || fault_) return;
  const crypto::Digest root = tree_.Root();
  if (root == batch.expected->root) return;
  fault_ = fmt::format("events.jsonl: the root over {} lines should be {}, found {}; the checkpoint says:\n{}",
                       batch.expected->size, base::Base64Encode(batch.expected->root), base::Base64Encode(root),
                       batch.expected->note);
}

void RootChecker::Work() {
  for (std::unique_lock lock(mutex_);;) {
    changed_.wait(lock, [this] { return ended_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const Batch batch = std::move(queue_.front());
    queue_.pop_front();
    changed_.notify_all();
    lock.unlock();
    Judge(batch);
    lock.lock();
  }
}

std::optional<std::string> RootChecker::Finish() {
  if (thread_.joinable()) {
    Submit();
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  return fault_;
}

}  // namespace evidence
