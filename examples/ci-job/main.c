// SPDX-License-Identifier: Apache-2.0
// wordcount: lines, words and bytes of standard input.
#include <stdio.h>

#include "count.h"

int main(void) {
  struct counts total = {0, 0, 0};
  int in_word = 0;
  char piece[4096];
  size_t got;
  while ((got = fread(piece, 1, sizeof piece, stdin)) > 0) count_piece(piece, got, &total, &in_word);
  printf("%zu %zu %zu\n", total.lines, total.words, total.bytes);
  return ferror(stdin) ? 1 : 0;
}
