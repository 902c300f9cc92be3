// SPDX-License-Identifier: Apache-2.0
// Test results as JUnit XML.
#include "report.h"

int report_junit(FILE *out, const char *suite, const struct test_case *cases, int size) {
  int failures = 0;
  for (int i = 0; i < size; ++i) failures += cases[i].failure != NULL;
  fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  fprintf(out, "<testsuite name=\"%s\" tests=\"%d\" failures=\"%d\">\n", suite, size, failures);
  for (int i = 0; i < size; ++i) {
    fprintf(out, "  <testcase classname=\"%s\" name=\"%s\"", suite, cases[i].name);
    if (cases[i].failure == NULL) {
      fprintf(out, "/>\n");
    } else {
      fprintf(out, "><failure message=\"%s\"/></testcase>\n", cases[i].failure);
    }
  }
  fprintf(out, "</testsuite>\n");
  return failures;
}
