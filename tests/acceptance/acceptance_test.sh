#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The commands of README.md and examples/ci-job, run by the built programs with a state directory of their own.
#   acceptance_test.sh BIN self|user      user: as an ordinary user (needs root to become one)
set -uo pipefail
bin=$1 who=$2
source=$(cd "$(dirname "$0")/../.." && pwd)

if [ "$who" = user ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "the caller is an ordinary user already: acceptance.self is this test"
    exit 77
  fi
  stage=$(mktemp -d /tmp/cellos-acceptance.XXXXXX)
  trap 'rm -rf "$stage"' EXIT
  # Copies that the user can reach whatever the modes above the tree.
  mkdir -p "$stage/bin" "$stage/tree/tests/acceptance" "$stage/home"
  cp "$bin/cellos" "$bin/cellos-gate" "$bin/cellos-upstream" "$stage/bin/"
  cp -r "$source/examples" "$stage/tree/"
  cp "$0" "$stage/tree/tests/acceptance/acceptance_test.sh"
  chmod -R go+rX "$stage"
  chown -R 54321:54321 "$stage/home"
  cd "$stage/home"
  HOME=$stage/home XDG_STATE_HOME="" TMPDIR=/tmp setpriv --reuid=54321 --regid=54321 --clear-groups \
    "$stage/tree/tests/acceptance/acceptance_test.sh" "$stage/bin" self
  exit
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/cellos-acceptance.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
export PATH=$bin:$PATH CELLOS_STATE_DIR=$work/state
unset CELLOS_RUN_ID CELLOS_CONFIG
job=$source/examples/ci-job
passed=0 failed=0

# claim TEXT STATUS COMMAND…: the command must end with that status; its output is in $work/out and $work/err.
claim() {
  local text=$1 want=$2 status=0
  shift 2
  "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
  if [ "$status" -eq "$want" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED %s: expected status %s, found %s, of: %s\n' "$text" "$want" "$status" "$*"
    head -c 3000 "$work/out" "$work/err" | sed 's/^/    /'
  fi
}
# says TEXT PATTERN: the output of the last command has it.
says() {
  if grep -qE -- "$2" "$work/out" "$work/err"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED %s: no line of the output has: %s\n' "$1" "$2"
    head -c 3000 "$work/out" "$work/err" | sed 's/^/    /'
  fi
}

claim "doctor finds that a cell can be held here" 0 cellos doctor
claim "the workload is uid 1000 whoever the caller is" 0 cellos run -- id -u
says "the workload is uid 1000 whoever the caller is" '^1000$'
claim "the exit code is the workload's own" 7 cellos run --quiet -- sh -c 'exit 7'
claim "a signal is 128 + n" 143 cellos run --quiet -- sh -c 'kill -TERM $$'
claim "a missing command is 127" 127 cellos run --quiet -- no-such-command
claim "the time limit is 124" 124 cellos run --quiet --timeout 300ms -- sleep 30
claim "a caller that ignores SIGCHLD gets the exit code" 7 timeout -s KILL 30 bash -c "trap '' CHLD; exec cellos run --quiet -- sh -c 'sh -c \"exit 3\"; [ \$? = 3 ] && exit 7'"
claim "a limit on files is told as an error, not by a signal" 125 bash -c 'ulimit -f 0; exec cellos run --quiet -- true'
claim "a small soft limit of the stack is raised" 0 bash -c 'ulimit -S -s 64; exec cellos run --quiet -- true'
claim "too small a stack is told before anything starts" 125 bash -c 'ulimit -s 64; exec cellos run --quiet -- true'
says "too small a stack is told with the remedy" 'stack is 64 KiB.*ulimit -s 8192'
claim "a small soft limit of open files is raised" 0 bash -c 'ulimit -S -n 64; exec cellos run --quiet --allow 192.0.2.1:443 -- true'
claim "too few open files for a gate are told" 125 bash -c 'ulimit -n 64; exec cellos run --quiet --allow 192.0.2.1:443 -- true'
says "too few open files are told with the remedy" 'open files is 64 here.*ulimit -n 1024'
claim "usage is 2" 2 cellos run --no-such-option
claim "a name outside the grant does not resolve" 2 cellos run --allow packages.example --dns-resolver 192.0.2.53:53 --json -- getent hosts evil.example
says "the refusal is told with what would grant it" '"what":"evil.example","ruleRef":"default","reasonCode":"denied_not_in_allowlist"'
claim "the network of a cell is its grants: another port is refused at once" 1 cellos run --quiet --allow 192.0.2.1:5432/tcp -- bash -c 'exec 3<>/dev/tcp/192.0.2.1/22'
says "another port is refused at once" "Connection refused"
claim "a document that needs a part that is not there is refused" 126 sh -c "sed 's|\"authority\": {|&\"dnsAuthority\":{\"resolvers\":[{\"resolverId\":\"q\",\"endpoint\":\"192.0.2.1:853\",\"protocol\":\"doq\"}],\"hostnameAllowlist\":[]},|; s|/path/to/ci-job|$job|' '$job/cell.json' | cellos run --spec -"
says "the refusal names the member" '/spec/authority/dnsAuthority'

mkdir granted
echo hello >granted/file
claim "a read-only grant is read" 0 cellos run --quiet --ro granted:/granted -- cat /granted/file
says "a read-only grant is read" '^hello$'
claim "a read-only grant is not written" 1 cellos run --quiet --ro granted:/granted -- sh -c 'echo x >/granted/file || exit 1'
claim "a writable grant is written" 0 cellos run --quiet --rw granted:/granted -- sh -c 'echo from the cell >/granted/new'
claim "a writable grant is written" 0 grep -qx "from the cell" granted/new
claim "nothing else of the machine is there" 0 cellos run --quiet -- sh -c "! [ -e '$work' ] && ! [ -e /home ] && ! [ -e /sys ]"
claim "--print-spec shows the document and runs nothing" 0 cellos run --print-spec -- touch granted/ran
says "--print-spec shows the document and runs nothing" '"ExecutionCell"'
claim "the plan is shown and nothing runs" 0 cellos plan -- touch granted/ran
claim "nothing ran" 1 test -e granted/ran
claim "a schema is printed" 0 cellos schema cell-document
says "a schema is printed" '"\$schema"'

# The example by options, as its README has it.
export CELLOS_RUN_ID=ci-job-by-options
claim "the job runs" 0 cellos run --id ci-job --ttl 300 --pids 64 --ro "$job:/src" \
  --export wordcount=/workspace/wordcount --export junit.xml=/workspace/junit.xml --summary -- sh /src/ci.sh
says "the job runs its own tests" '^all tests passed$'
run=$CELLOS_STATE_DIR/runs/ci-job-by-options
claim "the binary came out and works" 0 sh -c "install -m 755 '$run/exports/wordcount' tool && printf 'a b\n' | ./tool | grep -qx '1 2 4'"
claim "the JUnit file came out" 0 grep -q 'tests="4" failures="0"' "$run/exports/junit.xml"
claim "its evidence is verified" 0 cellos verify ci-job-by-options
says "its evidence is verified" 'verified'
claim "the run is shown" 0 cellos show ci-job-by-options
says "the run is shown" 'junit\.xml'
claim "the run is listed" 0 cellos ls
says "the run is listed" 'ci-job-by-options'
claim "a run id is used once" 125 cellos run --quiet -- true
unset CELLOS_RUN_ID

# A stranger: the copied directory and the public key.
mkdir stranger
cp -r "$run" stranger/
cp "$CELLOS_STATE_DIR/keys/deployment.vkey" stranger/key
claim "a stranger with the key verifies the copy" 0 env CELLOS_STATE_DIR="$work/none" cellos verify stranger/ci-job-by-options --key stranger/key
claim "without a key it is unanchored" 5 env CELLOS_STATE_DIR="$work/none" cellos verify stranger/ci-job-by-options
printf x >>stranger/ci-job-by-options/exports/junit.xml
claim "a changed export is found" 1 env CELLOS_STATE_DIR="$work/none" cellos verify stranger/ci-job-by-options --key stranger/key

# The example as a document.
export CELLOS_RUN_ID=ci-job-by-document
claim "the document runs" 0 sh -c "sed 's|/path/to/ci-job|$job|' '$job/cell.json' | cellos run --spec - --json"
says "the document's result is one object" '"reasonCode":"completed"'
claim "its evidence is verified" 0 cellos verify ci-job-by-document
unset CELLOS_RUN_ID

claim "nothing is left alive" 0 sh -c "[ -z \"\$(ls '$CELLOS_STATE_DIR/live')\" ]"
claim "gc has nothing to do" 0 cellos gc

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
