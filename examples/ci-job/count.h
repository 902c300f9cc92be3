// SPDX-License-Identifier: Apache-2.0
// Counting words: the library that the job builds and tests.
#ifndef CI_JOB_COUNT_H
#define CI_JOB_COUNT_H

#include <stddef.h>

struct counts {
  size_t lines;
  size_t words;
  size_t bytes;
};

// Adds what `text` of `size` bytes holds to `total`. `*in_word` carries a word over from one piece to the next; 0 at first.
void count_piece(const char *text, size_t size, struct counts *total, int *in_word);

#endif
