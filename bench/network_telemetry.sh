# SPDX-License-Identifier: Apache-2.0
# Sourced by network.sh: what the witness in a cell costs, and whether it tells of everything. ROUNDS (default 40) scales
# the pairs, COUNTS (default "100 10000 1000000") are the sizes of the completeness table, EXECS the largest of them that
# is also made with execs.

rounds=${ROUNDS:-40} counts=${COUNTS:-100 10000 1000000} execs=${EXECS:-10000}
address=203.0.113.9
"${in_world[@]}" "$bin/accept_server" $address 5000 64 &
mkdir "$state/bench"
cp "$bin/telemetry_load" "$state/bench/"
options=(--ttl 3600 --ro "$state/bench:/bench" --ro "$here/../examples/ci-job:/src" --allow "$address:5000/tcp")

# The witness of a cell, by the process that supervises it.
witness_of() {
  local child
  for child in $(children_of "$1"); do
    if [ "$(cat "/proc/$child/comm" 2>/dev/null)" = cellos-telemetr ]; then  # as much of its name as the kernel keeps
      echo "$child"
    else
      witness_of "$child"
    fi
  done
}

file_kib() { awk -v bytes="$(stat -c %s "$1")" 'BEGIN { printf "%.1f", bytes / 1024 }'; }

# pairs ROUNDS OPTION…: the same cell without and with a witness, side by side.
pairs() {
  local count=$1 cell=("$bin/cellos" run --quiet --state-dir "$state/s" "${options[@]}")
  shift
  "$bin/telemetry_pairs" -n "$count" "$@" "${cell[@]}" -- /bench/telemetry_load serve \
    ::: "${cell[@]}" --telemetry -- /bench/telemetry_load serve
}

echo "what the same cell with a witness takes of one without, inside the cell"
pairs $((rounds / 2)) -r "run sh /src/ci.sh /src /tmp"
pairs $((rounds / 2)) -r "reach $address 5000 1000"
pairs $((rounds * 5)) -r "exec 20" -r "fork 20" -r "connect 50"
echo
echo 'sh /src/ci.sh /src /tmp >/dev/null' >"$state/bench/ci"
whole=("$bin/cellos" run --quiet --state-dir "$state/s" "${options[@]}")
"$bin/interleave" -n $((rounds / 4)) "ci-job" "${whole[@]}" -- sh /bench/ci \
  ::: "ci-job with a witness" "${whole[@]}" --telemetry -- sh /bench/ci </dev/null
rm -rf "$state/s/runs"

# One cell that makes processes when it is told to: memory and time of the witness.
cat >"$state/bench/work" <<'END'
while read -r line; do
  /bench/telemetry_load storm $line
  echo end-of-round
done
END
start_cell "fork 1" "${options[@]}" --telemetry -- /bin/sh /bench/work
witness=$(witness_of "$supervisor")
echo
echo "the witness: $(file_kib "$bin/cellos-telemetry") KiB on disk; PSS idle $(pss_of "$witness") KiB"
for what in "fork 10000" "exec 10000" "connect 10000"; do
  before=$(cpu_of "$witness") gate_before=$(cpu_of "$gate") ours_before=$(cpu_of "$supervisor")
  ask_cell "$what" >/dev/null
  sleep 0.3  # until it has told the rest: processor time is counted, not the clock
  printf '  %-16s %6.1f µs of processor time each; of the gate %.1f, of the supervisor %.1f; PSS then %s KiB\n' "$what" \
    "$((($(cpu_of "$witness") - before) / 10000))e-3" "$((($(cpu_of "$gate") - gate_before) / 10000))e-3" \
    "$((($(cpu_of "$supervisor") - ours_before) / 10000))e-3" "$(pss_of "$witness")"
done
end_cell

# tally N KIND: a row for a storm of N, from the log of its run.
tally() {
  local count=$1 kind=$2 log kinds lives=1 made
  rm -rf "$state/s/runs"
  # The process connector serves the machine's own network namespace alone.
  nsenter --net="/proc/self/fd/$CELLOS_BENCH_OUTSIDE" "$bin/cellos" run --quiet --no-stdin --state-dir "$state/s" "${options[@]}" --telemetry -- /bench/telemetry_load storm "$kind" "$count"
  log=$(echo "$state"/s/runs/*/events.jsonl)
  [ "$kind" = connect ] || lives=$((count + 1))
  awk -v count="$count" -v kind="$kind" -v lives="$lives" '
    function number(name) { return match($0, "\"" name "\":[0-9]+") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0 : 0 }
    /guest\.process_spawned"}$/ { ++spawned }
    /guest\.process_exited"}$/ { ++exited }
    /guest\.process_exit_status"}$/ { ++causes }
    /guest\.net_connect_attempted"}$/ { ++connects }
    /evidence_log\.v1\.coverage_closed"}$/ && /"observer":"agent","opened"/ { lost = number("dropped"); unknown = number("unknown") }
    /process_census"}$/ { kernel = (number("processes") - 2) (number("overruns") + number("lost") ? "+" : "") }  # without the two inits of the cell
    BEGIN { kernel = "-" }
    END {
      made = 2 * lives + (kind == "connect" ? count : 0)
      told = spawned + exited + connects
      # What ended by itself has its cause told too, and a lost cause counts as lost.
      if (kind != "killed") { made += lives; told += causes }
      printf "%-8s %9d %9d %9d %9d %9d %9s %9d %11d\n", kind, count, spawned, exited, connects, causes, kernel, lost + unknown, made - told - lost
    }' "$log"
}
echo
printf '%-8s %9s %9s %9s %9s %9s %9s %9s %11s\n' made N spawned exited connects causes kernel lost unaccounted
echo "(the workload itself is one process more; kernel: processes by the process connector, + where it lost events; lost: declared;"
echo "unaccounted below 0: causes of ends, which the made of killed processes do not count, are among the lost)"
for count in $counts; do
  for kind in fork killed connect; do tally "$count" $kind; done
  [ "$count" -gt "$execs" ] || tally "$count" exec
done
