# SPDX-License-Identifier: Apache-2.0
# Sourced by network.sh: a cell with a network from start to end, against bubblewrap; how soon a stopped cell is silent.

rounds=${ROUNDS:-40}
echo
"$bin/interleave" -n "$rounds" bwrap bwrap --unshare-all --die-with-parent --ro-bind / / /bin/true \
  ::: "cellos, no network" "$bin/cellos" run --quiet --state-dir "$state/s" -- /bin/true \
  ::: "cellos --allow packages.example" "$bin/cellos" run --quiet --state-dir "$state/s" --allow packages.example -- /bin/true \
  </dev/null

# Revoke to last packet: the world's counter of packets from the cell's datagram grant, and when the last one came.
echo
"${in_world[@]}" "$bin/silence_server" 203.0.113.9 5000 >"$state/silence" &
server=$!
rm -f "$state/times"
for ((round = 0; round < ${REVOKES:-11}; round++)); do
  "$bin/cellos" run --quiet --no-stdin --id "revoke$round" --state-dir "$state/s" --allow 203.0.113.9:5000/udp \
    --ro "$bin/connect_load":/bench/connect_load -- /bench/connect_load flood 203.0.113.9 5000 &
  cell=$!
  before=$(wc -l <"$state/silence")
  for ((tries = 0; tries < 300; tries++)); do
    [ "$(wc -l <"$state/silence")" -gt $((before + 2)) ] && break
    sleep 0.01
  done
  run=$(cd "$state/s/live" && echo "revoke$round"-*)
  stopped=$(date +%s%N)
  "$bin/cellos" stop --state-dir "$state/s" "$run" >/dev/null
  wait "$cell" 2>/dev/null || true
  sleep 0.05
  # The server prints a line for each 10 ms in which packets came: nanoseconds of the last one, and how many.
  last=$(tail -1 "$state/silence" | cut -d' ' -f1)
  awk -v last="$last" -v stopped="$stopped" 'BEGIN { printf "%.2f\n", (last - stopped) / 1e6 }' >>"$state/times"
done
kill "$server"
echo "revoke to last packet: p50 $(median <"$state/times") ms, most $(sort -g "$state/times" | tail -1) ms," \
  "$(wc -l <"$state/times") cells, $(awk '{ sum += $2 } END { print sum }' "$state/silence") packets seen"
