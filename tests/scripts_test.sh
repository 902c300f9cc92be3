#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The counting of tests, against recorded output: cases, crashes, our own closing lines, skips and compulsory tests,
# of programs that run side by side.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/log" <<'L'
test 1
      Start  1: alpha_test
1: [==========] Running 4 tests from 1 test suite.
1: [ RUN      ] A.Works
1: [       OK ] A.Works (0 ms)
1: /x/a_test.cc:12: Skipped
      Start  2: beta_test
2: [==========] Running 9 tests from 2 test suites.
2: [       OK ] B.Works (0 ms)
1: no second disk
1: 
1: [  SKIPPED ] A.NeedsDisk (0 ms)
1: /x/a_test.cc:14: Skipped
1: no controller
1: 
1: [  SKIPPED ] A.NeedsController (0 ms)
1: [  FAILED  ] A.Breaks (0 ms)
1: [  PASSED  ] 1 test.
1: [  SKIPPED ] 2 tests, listed below:
1: [  FAILED  ] 1 test, listed below:
1: [  FAILED  ] A.Breaks
1/5 Test  #1: alpha_test .......................***Failed    0.01 sec
test 2
2/5 Test  #2: beta_test ........................***Exception: SegFault  0.01 sec
test 3
      Start  3: vectors
3: SKIPPED 7 x formation: later
3: SKIPPED 2 x jcs: no judge in this build
3: 12 passed, 0 failed, 9 skipped
3/5 Test  #3: vectors ..........................   Passed    0.01 sec
test 4
      Start  4: fuzz.json
4/5 Test  #4: fuzz.json ........................   Passed    0.01 sec
test 5
      Start  5: vm.boot
5: no emulator
5/5 Test  #5: vm.boot ..........................***Skipped   0.01 sec
L
printf '%s\n' '^alpha_test A\.NeedsController: no contr' 'no judge in this build' >"$work/must"
awk -v must_run="$work/must" -v result="$work/result" -f scripts/tally.awk "$work/log" >"$work/out"

expect() {
  grep -qxF -- "$1" "$2" || { echo "expected the line: $1"; cat "$2"; exit 1; }
}
# Passed 1 + 12 + 1; failed A.Breaks, A.NeedsController, beta_test's early end, jcs; skipped A.NeedsDisk, 9, vm.boot.
expect "14 4 11" "$work/result"
expect "SKIPPED alpha_test A.NeedsDisk: no second disk" "$work/out"
expect "FAILED alpha_test A.NeedsController: must run here, but was skipped: no controller" "$work/out"
expect "FAILED beta_test: ended before its last case" "$work/out"
expect "SKIPPED vm.boot: no emulator" "$work/out"
expect "FAILED vectors: must run here, but was skipped: 2 x jcs: no judge in this build" "$work/out"
expect "SKIPPED vectors: 7 x formation: later" "$work/out"

: >"$work/empty"
awk -v result="$work/result" -f scripts/tally.awk "$work/empty" >/dev/null
expect "0 1 0" "$work/result"
