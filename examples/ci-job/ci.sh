#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The job: compile, test, leave a binary and a JUnit file in the output directory.
#   ci.sh [SOURCE [OUTPUT]]
set -eu
source=${1:-/src}
output=${2:-/workspace}
flags="-std=c11 -O2 -Wall -Wextra -Werror"
objects=$(mktemp -d)
for unit in count report main count_test; do
  echo "cc $unit.c"
  gcc $flags -c "$source/$unit.c" -o "$objects/$unit.o"
done
gcc "$objects/main.o" "$objects/count.o" -o "$output/wordcount"
gcc "$objects/count_test.o" "$objects/count.o" "$objects/report.o" -o "$objects/count_test"
"$objects/count_test" "$output/junit.xml"
result=$(printf 'built and tested\nin a cell\n' | "$output/wordcount")
[ "$result" = "2 6 27" ] || { echo "wordcount says $result"; exit 1; }
rm -r "$objects"
echo "all tests passed"
