// SPDX-License-Identifier: Apache-2.0
// Little-endian numbers and counted blocks, written and read one after the other. Internal to the codecs beside it.
#pragma once

#include "wire/init_record.h"

namespace wire {

// The caller made sure that everything fits.
struct BlockWriter {
  std::uint8_t* at;
  void Natural(std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) *at++ = static_cast<std::uint8_t>(value >> (8 * i));
  }
  void Block(Bytes block) {
    Natural(block.size, 4);
    for (std::size_t i = 0; i < block.size; ++i) *at++ = block.data[i];
  }
};

// Once something ran past the end it is broken, and gives nothing but zeros.
struct BlockReader {
  const std::uint8_t* at;
  std::size_t left;
  bool broken = false;

  std::uint64_t Natural(unsigned bytes) {
    if (broken || left < bytes) {
      broken = true;
      return 0;
    }
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) value |= static_cast<std::uint64_t>(at[i]) << (8 * i);
    at += bytes;
    left -= bytes;
    return value;
  }
  std::uint32_t Number() { return static_cast<std::uint32_t>(Natural(4)); }
  // A view of the bytes read from.
  Bytes Block() {
    const std::size_t size = Number();
    if (broken || size > left) {
      broken = true;
      return {};
    }
    const Bytes block = {at, size};
    at += size;
    left -= size;
    return block;
  }
};

}  // namespace wire
