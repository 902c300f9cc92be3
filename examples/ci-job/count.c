// SPDX-License-Identifier: Apache-2.0
// Counting words.
#include "count.h"

#include <ctype.h>

void count_piece(const char *text, size_t size, struct counts *total, int *in_word) {
  for (size_t i = 0; i < size; ++i) {
    const unsigned char byte = (unsigned char)text[i];
    total->bytes += 1;
    total->lines += byte == '\n';
    if (isspace(byte)) {
      *in_word = 0;
    } else if (!*in_word) {
      *in_word = 1;
      total->words += 1;
    }
  }
}
