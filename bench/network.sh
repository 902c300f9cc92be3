#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the network's benchmarks share, and their start: network.sh dns|relay|net|telemetry BIN. Everything runs in two network
# namespaces of its own, a host and a world in which 192.0.2.0/24 and 203.0.113.0/24 are served, with one link between.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
what=$1 bin=$2

if [ "${CELLOS_BENCH_INSIDE:-}" != 1 ]; then
  [ "$(id -u)" -eq 0 ] || { echo "bench.sh $what: needs root, for network namespaces with a link between them" >&2; exit 1; }
  exec {outside}</proc/self/ns/net
  CELLOS_BENCH_INSIDE=1 CELLOS_BENCH_OUTSIDE=$outside exec unshare --net --mount --propagation private "$here/network.sh" "$@"
fi

state=$(mktemp -d /tmp/cellos-bench.XXXXXX)
mount -t tmpfs -o mode=0755 tmpfs "$state"
cleanup() {
  local left
  left=$(jobs -p)
  [ -z "$left" ] || kill $left 2>/dev/null || true
  wait 2>/dev/null || true
  umount -l "$state"
  rmdir "$state"
}
trap cleanup EXIT

ip link set lo up
unshare --net sleep infinity &
world=$!
until [ "$(readlink "/proc/$world/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do :; done
in_world=(nsenter --net="/proc/$world/ns/net")
ip link add vh type veth peer name vw netns "$world"
ip addr add 198.18.0.1/30 dev vh
ip link set vh up
"${in_world[@]}" ip link set lo up
"${in_world[@]}" ip addr add 198.18.0.2/30 dev vw
"${in_world[@]}" ip link set vw up
for net in 192.0.2.0/24 203.0.113.0/24; do
  "${in_world[@]}" ip route add local "$net" dev lo
  ip route add "$net" via 198.18.0.2
done
echo "nameserver 192.0.2.53" >"$state/resolv.conf"
mount --bind "$state/resolv.conf" /etc/resolv.conf

# On-CPU nanoseconds of processes so far, threads included, from the kernel's scheduler.
cpu_of() {
  local pid
  for pid in "$@"; do cat /proc/"$pid"/task/*/schedstat 2>/dev/null || true; done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

pss_of() { sed -n 's/^Pss:\s*\([0-9]*\) kB/\1/p' "/proc/$1/smaps_rollup"; }

children_of() { cat "/proc/$1/task/$1/children" 2>/dev/null || true; }

# child_named PARENT NAME: waits for it, at most two seconds.
child_named() {
  local child tries
  for ((tries = 0; tries < 200; tries++)); do
    for child in $(children_of "$1"); do
      if [ "$(cat "/proc/$child/comm" 2>/dev/null)" = "$2" ]; then
        echo "$child"
        return
      fi
    done
    sleep 0.01
  done
  echo "bench.sh: no process $2" >&2
  return 1
}

# A cell whose workload is told on standard input what to do, a line a round, and says end-of-round after each.
# start_cell GREETING RUN-OPTION…; sets supervisor and gate; returns once GREETING was done.
start_cell() {
  local greeting=$1
  shift
  rm -rf "$state/in" "$state/out" "$state"/s/runs
  mkfifo "$state/in" "$state/out"
  "$bin/cellos" run --quiet --state-dir "$state/s" "$@" <"$state/in" >"$state/out" 2>"$state/err" &
  supervisor=$!
  exec {to_cell}>"$state/in" {from_cell}<"$state/out"
  gate=$(child_named "$supervisor" cellos-gate) || { cat "$state/err" >&2; return 1; }
  ask_cell "$greeting" >/dev/null
}

ask_cell() {
  local line
  echo "$1" >&"$to_cell"
  while read -r -u "$from_cell" line && [ "$line" != end-of-round ]; do echo "$line"; done
}

end_cell() {
  exec {to_cell}>&-
  while read -r -u "$from_cell" _; do :; done
  exec {from_cell}<&-
  wait "$supervisor" || { cat "$state/err" >&2; return 1; }
}

# median, from numbers on standard input, a line each.
median() { sort -g | awk '{ row[NR] = $1 } END { if (NR) print NR % 2 ? row[(NR + 1) / 2] : (row[NR / 2] + row[NR / 2 + 1]) / 2 }'; }

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf((b > 0 ? "%.2f" : "-"), b > 0 ? a / b : 0) }'; }

echo "load: $(cut -d' ' -f1-3 /proc/loadavg)"
source "$here/network_$what.sh"
