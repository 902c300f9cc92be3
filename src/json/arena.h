// SPDX-License-Identifier: Apache-2.0
// Bump allocator behind a Tree: one block for small documents, doubling blocks for large ones, all freed at once.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace json {

class Arena {
 public:
  explicit Arena(std::size_t first_block) { Grow(first_block); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    while (blocks_ != nullptr) std::free(std::exchange(blocks_, blocks_->next));
  }

  // `bytes` aligned to 8; never null.
  void* Allocate(std::size_t bytes) {
    bytes = (bytes + 7) & ~std::size_t{7};
    if (static_cast<std::size_t>(end_ - next_) < bytes) [[unlikely]]
      Grow(bytes);
    return std::exchange(next_, next_ + bytes);
  }
  char* Copy(std::string_view text) {
    auto* copy = static_cast<char*>(Allocate(text.size()));
    if (!text.empty()) std::memcpy(copy, text.data(), text.size());
    return copy;
  }

 private:
  struct alignas(8) Block {
    Block* next;
  };

  void Grow(std::size_t at_least) {
    size_ = size_ * 2 > at_least ? size_ * 2 : at_least;
    auto* block = static_cast<Block*>(std::malloc(sizeof(Block) + size_));
    if (block == nullptr) std::abort();
    block->next = std::exchange(blocks_, block);
    next_ = reinterpret_cast<char*>(block + 1);
    end_ = next_ + size_;
  }

  Block* blocks_ = nullptr;
  char* next_ = nullptr;
  char* end_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace json
