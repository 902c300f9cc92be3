#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures. `bench.sh start`: launches against bubblewrap, crun and bare fork+exec, interleaved; state on tmpfs, the cost
# of syncing to disk apart. `bench.sh evidence`: documents, event log and verification, per second and core.
# `bench.sh dns|relay|net` (root): the DNS proxy against dnsdist and unbound, the relay against HAProxy, a cell with a
# network against bubblewrap. `bench.sh telemetry` (root): decoding and logging of what a witness tells, what it costs the
# workload, and whether exactly what was made is told or declared lost.
# ROUNDS=n changes the number of rounds (default 40).
set -euo pipefail
source "$(dirname "$0")/lib.sh"
what=${1:-}
case "$what" in start | evidence | dns | relay | net | telemetry) ;; *) echo "usage: scripts/bench.sh start|evidence|dns|relay|net|telemetry" >&2; exit 2 ;; esac

scripts/install.sh build bench
configure bench -DBUILD_TESTING=OFF
build bench
bin=$root/build/bench/bin
rounds=${ROUNDS:-40}

echo "machine: $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r), uid $(id -u)"

if [ "$what" = evidence ]; then
  for program in "$bin"/*_bench; do
    echo
    "$program" --benchmark_counters_tabular=true 2>/dev/null
  done
  exit 0
fi

if [ "$what" = telemetry ]; then
  echo
  "$bin/telemetry_frame_bench" --benchmark_counters_tabular=true 2>/dev/null
  echo
  for round in 1 2 3; do "$bin/telemetry_flood"; done
  "$bin/telemetry_flood" -o
  "$bin/telemetry_flood" -o -r 100000
fi

case "$what" in dns | relay | net | telemetry) exec bench/network.sh "$what" "$bin" ;; esac

state=$(mktemp -d /dev/shm/cellos-bench.XXXXXX)
disk=$(mktemp -d "$root/build/bench-state.XXXXXX")
cleanup() { rm -rf "$state" "$disk"; }
trap cleanup EXIT

commands=(bwrap bwrap --unshare-all --die-with-parent --ro-bind / / /bin/true
  ::: cellos "$bin/cellos" run --quiet --state-dir "$state/s" -- /bin/true
  ::: "cellos, state on disk" "$bin/cellos" run --quiet --state-dir "$disk/s" -- /bin/true
  ::: "fork+exec" /bin/true)

# crun needs a bundle: the program and its libraries as root file system.
if [ "$(id -u)" -eq 0 ] && command -v crun >/dev/null; then
  bundle=$state/bundle
  mkdir -p "$bundle/rootfs/bin"
  cp /bin/true "$bundle/rootfs/bin/"
  for library in $(ldd /bin/true | sed -nE 's/.*(=> |^\s+)(\/[^ ]+) \(0x.*/\2/p'); do
    mkdir -p "$bundle/rootfs${library%/*}"
    cp "$library" "$bundle/rootfs$library"
  done
  (cd "$bundle" && crun spec)
  sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"\/bin\/true"/' "$bundle/config.json"
  if crun run --bundle "$bundle" cellos-bench-try </dev/null >/dev/null 2>"$state/crun"; then
    commands+=(::: crun crun run --bundle "$bundle" cellos-bench)
  else
    echo "crun does not run here: $(head -1 "$state/crun")"
  fi
fi

echo
"$bin/interleave" -n "$rounds" "${commands[@]}" </dev/null
echo
"$bin/launch" "$state/launch" --rounds "$rounds"

# Memory of one idle cell: proportional set size of supervisor and inits, without the workload.
echo
"$bin/cellos" run --quiet --no-stdin --state-dir "$state/s" -- sleep 6 &
supervisor=$!
sleep 3  # until it waits
total=0
tree() {
  local child
  echo "$1"
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do tree "$child"; done
}
for pid in $(tree "$supervisor"); do
  name=$(cat "/proc/$pid/comm")
  [ "$name" = sleep ] && continue
  pss=$(sed -n 's/^Pss:\s*\([0-9]*\) kB/\1/p' "/proc/$pid/smaps_rollup" 2>/dev/null || true)
  [ -n "$pss" ] || { echo "PSS of $name: not readable for this user; run as root"; continue; }
  printf '%-34s %10s KiB\n' "PSS of $name" "$pss"
  total=$((total + pss))
done
printf '%-34s %10s KiB\n' "PSS of one idle cell" "$total"
wait "$supervisor"
