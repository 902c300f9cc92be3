// SPDX-License-Identifier: Apache-2.0
// Test results as JUnit XML.
#ifndef CI_JOB_REPORT_H
#define CI_JOB_REPORT_H

#include <stdio.h>

struct test_case {
  const char *name;
  const char *failure;  // NULL: passed
};

// Writes one <testsuite>; returns the number of failed cases.
int report_junit(FILE *out, const char *suite, const struct test_case *cases, int size);

#endif
