#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# whole_cell.sh CELLOS: whole cells inside the test machine (Linux 6.1, cgroup v2): run, limits that bite, evidence that
# verifies. Run there by run-in-vm.sh, as root and as an ordinary user.
set -u
cellos=$1
export CELLOS_STATE_DIR="$HOME/state"
failed=0
cd /tmp || exit 1

# A delegated cgroup may hold processes or limit children, not both: this script goes into a child, every command into one
# of its own, as `systemd-run --scope -p Delegate=yes` would have it.
parent=/sys/fs/cgroup/delegated
mkdir $parent/script && echo $$ >$parent/script/cgroup.procs && echo "+cpu +memory +pids" >$parent/cgroup.subtree_control || exit 1
number=0
scope() {
  number=$((number + 1))
  mkdir "$parent/scope$number"
  sh -c 'echo $$ >"$0"/cgroup.procs && exec "$@"' "$parent/scope$number" "$@"
}

# claim TEXT STATUS COMMAND…
claim() {
  text=$1 want=$2
  shift 2
  scope "$@" >/tmp/out 2>/tmp/err </dev/null
  status=$?
  if [ $status -ne "$want" ]; then
    echo "FAILED $text: expected status $want, found $status, of: $*"
    cat /tmp/out /tmp/err
    failed=$((failed + 1))
  else
    echo "holds: $text"
  fi
}

claim "doctor finds that a cell can be held" 0 "$cellos" doctor
claim "a cell runs with every limit" 0 \
  env CELLOS_RUN_ID=whole "$cellos" run --memory 64M --cpus 1 --pids 32 --scratch 16M --json -- sh -c 'test "$(id -u)" = 1000'
claim "its evidence is verified" 0 "$cellos" verify whole
claim "the log holds the limit as read back" 0 grep -q '"memory.max":"67108864"' "$CELLOS_STATE_DIR/runs/whole/events.jsonl"
mkdir granted && echo hello >granted/file
claim "grants are read and written as their owner" 0 "$cellos" run --rw granted:/g -- \
  sh -c 'grep -qx hello /g/file && echo new >/g/new && test "$(stat -c %u /g/file)" = 1000'
claim "what was written is the owner's" 0 sh -c 'test "$(stat -c %u granted/new)" = "$(id -u)"'
claim "too much memory ends the cell" 137 "$cellos" run --memory 32M -- sh -c 'x=$(head -c 200000000 /dev/zero | tr "\\0" x); echo ${#x}'
claim "processes stop at their limit" 0 "$cellos" run --pids 16 --timeout 20s -- \
  bash -c '(for i in {1..40}; do sleep 2 & done) 2>/tmp/e; read -r e </tmp/e; [[ $e == *fork*unavailable* ]]'
claim "no leaf is left" 0 sh -c '! find /sys/fs/cgroup -type d -name "cellos_*" | grep -q .'
exit $failed
