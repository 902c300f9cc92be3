#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The test bed itself: output, status, arguments and ids arrive; every controller is delegated, as root and as a user.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
failed=0

# check NAME EXPECTED-STATUS EXPECTED-OUTPUT OPTION… -- COMMAND…
check() {
  local name=$1 want_status=$2 want=$3 got status=0
  shift 3
  got=$("$here/run-in-vm.sh" "$@" 2>&1) || status=$?
  if [ $status -eq 77 ]; then
    echo "$got"
    exit 77
  fi
  if [ $status -ne "$want_status" ] || [ "$got" != "$want" ]; then
    printf 'FAILED %s: expected status %s and\n%s\nfound status %s and\n%s\n' "$name" "$want_status" "$want" "$status" "$got"
    failed=$((failed + 1))
  fi
}

facts='id -u; cat /proc/self/cgroup /sys/fs/cgroup/delegated/cgroup.controllers
  mkdir /sys/fs/cgroup/delegated/below && echo made; echo "$1|$2"; exit 7'
check root 7 $'0\n0::/delegated\ncpu memory pids\nmade\na b|it\'s' sh -c "$facts" sh "a b" "it's"
check user 7 $'1000\n0::/delegated\ncpu memory pids\nmade\n|' --user sh -c "$facts"
check status-of-a-killed-program 137 Killed sh -c 'kill -KILL $$'
[ $failed -eq 0 ]
