# SPDX-License-Identifier: Apache-2.0
# Reads the output of `ctest -V` and counts what was tested: GoogleTest cases, lines "N passed, N failed, N skipped" of
# our own runners, and one for every other program. Shows progress, the output of what failed and the reason of each skip.
#
# Variables: must_run = file of patterns of tests that must not be skipped (one ERE a line); result = file for the sums;
# label = word put before each progress line.
# A program that fails without saying which case failed counts as one failure.

BEGIN {
  while (must_run != "" && (getline line < must_run) > 0) {
    if (line != "" && line !~ /^#/) must[++musts] = line
  }
}

function compulsory(what,    i) {
  for (i = 1; i <= musts; ++i) if (what ~ must[i]) return 1
  return 0
}

function skip(what, reason) {
  if (compulsory(what ": " reason)) {
    failed += 1
    problems[++problem_count] = "FAILED " what ": must run here, but was skipped: " reason
  } else {
    skipped += 1
    skips[++skip_count] = "SKIPPED " what ": " reason
  }
}

/^ +Start +[0-9]+: / { n = $2; sub(/:$/, "", n); name[n] = $3; next }

/^[0-9]+: / {
  n = $1; sub(/:$/, "", n)
  text = substr($0, length(n) + 3)
  sub(/\r$/, "", text)
  lines[n] += 1
  output[n, lines[n]] = text
  last[n] = text
  if (text ~ /^\[==========\] Running [0-9]+ test/) { started[n] = 1; case_list[n] = ""; next }
  if (text ~ /^\[  PASSED  \] [0-9]+ tests?\.$/) { split(text, f, /[][ ]+/); ended[n] = 1; case_passed[n] += f[3]; case_list[n] = ""; next }
  if (text ~ /^\[  FAILED  \] [0-9]+ tests?, listed below:$/) { split(text, f, /[][ ]+/); case_failed[n] += f[3]; next }
  if (text ~ /^[^ ].*:[0-9]+: Skipped$/) { reason[n] = ""; in_reason[n] = 1; next }
  if (text ~ /\[  SKIPPED \] [^ ]+ \([0-9]+ ms\)$/) {
    what = text; sub(/.*\[  SKIPPED \] /, "", what); sub(/ \([0-9]+ ms\)$/, "", what)
    case_skips[n] += 1
    skip_name[n, case_skips[n]] = what
    skip_reason[n, case_skips[n]] = reason[n] == "" ? "no reason given" : reason[n]
    in_reason[n] = 0; reason[n] = ""
    next
  }
  if (in_reason[n] && text != "") reason[n] = reason[n] (reason[n] == "" ? "" : " ") text
  if (text ~ /^SKIPPED /) told[n, ++told_count[n]] = text
  if (text ~ /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/) {
    split(text, f, /[ ,]+/)
    counted[n] = 1; count_passed[n] = f[1]; count_failed[n] = f[3]; count_skipped[n] = f[5]
  }
  next
}

/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
  match($0, /#[0-9]+:/)
  n = substr($0, RSTART + 1, RLENGTH - 2)
  good = ($0 ~ /   Passed +[0-9.]+ sec/)
  skipped_whole = ($0 ~ /\*\*\*Skipped/)
  line = $0; sub(/^ */, "", line)
  print (label == "" ? "" : label " ") line
  failures = 0
  if (started[n]) {
    passed += case_passed[n]
    failures += case_failed[n]
    for (i = 1; i <= case_skips[n]; ++i) skip(name[n] " " skip_name[n, i], skip_reason[n, i])
    if (!ended[n] && !case_failed[n]) { failures += 1; problems[++problem_count] = "FAILED " name[n] ": ended before its last case" }
  } else if (counted[n]) {
    passed += count_passed[n]
    failures += count_failed[n]
    skipped += count_skipped[n]
    for (i = 1; i <= told_count[n]; ++i) {
      line = told[n, i]; sub(/^SKIPPED /, "", line)
      if (compulsory(name[n] " " line)) {
        failed += 1
        problems[++problem_count] = "FAILED " name[n] ": must run here, but was skipped: " line
      } else {
        skips[++skip_count] = "SKIPPED " name[n] ": " line
      }
    }
  } else if (skipped_whole) {
    skip(name[n], last[n])
  } else if (good) {
    passed += 1
  }
  if (!good && !skipped_whole && failures == 0) failures = 1
  if (failures > 0) {
    failed += failures
    problems[++problem_count] = "FAILED " name[n] ": " failures " (output above)"
    for (i = (lines[n] > 400 ? lines[n] - 400 : 1); i <= lines[n]; ++i) print "    " output[n, i]
  }
  fflush()
  next
}

END {
  for (i = 1; i <= skip_count; ++i) print skips[i]
  for (i = 1; i <= problem_count; ++i) print problems[i]
  if (passed + failed == 0) { failed = 1; print "FAILED: no test ran" }
  printf "%d %d %d\n", passed, failed, skipped > result
}
