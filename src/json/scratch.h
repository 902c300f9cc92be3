// SPDX-License-Identifier: Apache-2.0
// A stack of trivial values that needs no allocation until it outgrows its first N.
#pragma once

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <type_traits>

namespace json {

template <class T, std::size_t N>
class Scratch {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (data_ != Inline()) std::free(data_);
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* at(std::size_t i) { return data_ + i; }
  const T* at(std::size_t i) const { return data_ + i; }
  T& back() { return data_[size_ - 1]; }
  void push_back(const T& value) {
    if (size_ == capacity_) [[unlikely]]
      Grow();
    data_[size_++] = value;
  }
  void pop_back() { --size_; }
  // Shrinks only.
  void resize(std::size_t size) { size_ = size; }

 private:
  T* Inline() { return reinterpret_cast<T*>(inline_); }

  void Grow() {
    auto* larger = static_cast<T*>(std::malloc(capacity_ * 2 * sizeof(T)));
    if (larger == nullptr) std::abort();
    std::memcpy(static_cast<void*>(larger), data_, size_ * sizeof(T));
    if (data_ != Inline()) std::free(data_);
    data_ = larger;
    capacity_ *= 2;
  }

  alignas(T) unsigned char inline_[N * sizeof(T)];
  T* data_ = Inline();
  std::size_t size_ = 0, capacity_ = N;
};

}  // namespace json
