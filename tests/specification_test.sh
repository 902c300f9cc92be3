#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every promise of SPECIFICATION.md names a test that exists: a GoogleTest case, a test program, or a script.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0 seen=0

cases=$(grep -rhoE '^(TEST|TEST_F|TEST_P)\([A-Za-z0-9_]+, *[A-Za-z0-9_]+' src guest tests --include='*_test.cc' | sed -E 's/^[A-Z_]+\(//; s/, */./' | sort -u)
programs=$(printf '%s\n' vm.whole_cell_root vm.whole_cell_user; ls src | sed 's/$/_test/'; find guest tests -name '*_test.cc' -printf '%f\n' | sed 's/\.cc$//')

fail() { echo "SPECIFICATION.md: $1"; failed=1; }

while IFS= read -r row; do
  case "$row" in '| promise '* | '| number '* | '| --- '*) continue ;; esac
  names=$(awk -F'|' '{print $3}' <<<"$row" | grep -oE '`[^`]+`' | tr -d '`')
  [ -n "$names" ] || { fail "this row names no test: $row"; continue; }
  while IFS= read -r name; do
    seen=$((seen + 1))
    case "$name" in
      scripts/* | tests/* | .ci/*) [ -e "${name%% *}" ] || fail "no file ${name%% *}" ;;
      cellos-vectors*) [ -d "${name#cellos-vectors }" ] || fail "no directory ${name#cellos-vectors }" ;;
      *.\*) grep -qF -- "${name%\*}" <<<"$cases" || fail "no test suite ${name%.*}" ;;
      [A-Z]*.*) grep -qxF -- "$name" <<<"$cases" || fail "no test case $name" ;;
      *) grep -qxF -- "$name" <<<"$programs" || fail "no test program $name" ;;
    esac
  done <<<"$names"
done < <(grep '^|' SPECIFICATION.md)
[ $seen -gt 0 ] || fail "names no test at all"
exit $failed
