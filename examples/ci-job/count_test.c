// SPDX-License-Identifier: Apache-2.0
// The job's own tests; writes JUnit XML to the file named by its argument.
#include <stdio.h>
#include <string.h>

#include "count.h"
#include "report.h"

static struct counts count(const char *text) {
  struct counts total = {0, 0, 0};
  int in_word = 0;
  count_piece(text, strlen(text), &total, &in_word);
  return total;
}

static const char *empty_text_has_no_words(void) {
  const struct counts got = count("");
  return got.lines == 0 && got.words == 0 && got.bytes == 0 ? NULL : "counts are not zero";
}

static const char *white_space_separates_words(void) {
  return count(" one\ttwo  three\n").words == 3 ? NULL : "not three words";
}

static const char *line_feeds_are_lines(void) { return count("a\nb\nc").lines == 2 ? NULL : "not two lines"; }

static const char *a_word_may_cross_pieces(void) {
  struct counts total = {0, 0, 0};
  int in_word = 0;
  count_piece("hel", 3, &total, &in_word);
  count_piece("lo", 2, &total, &in_word);
  return total.words == 1 ? NULL : "one word was counted twice";
}

int main(int argc, char **argv) {
  const struct test_case cases[] = {
      {"empty_text_has_no_words", empty_text_has_no_words()},
      {"white_space_separates_words", white_space_separates_words()},
      {"line_feeds_are_lines", line_feeds_are_lines()},
      {"a_word_may_cross_pieces", a_word_may_cross_pieces()},
  };
  FILE *out = argc == 2 ? fopen(argv[1], "w") : NULL;
  if (out == NULL) {
    fprintf(stderr, "usage: count_test JUNIT-FILE\n");
    return 2;
  }
  const int failures = report_junit(out, "count", cases, sizeof cases / sizeof cases[0]);
  if (fclose(out) != 0) return 2;
  return failures == 0 ? 0 : 1;
}
