# SPDX-License-Identifier: Apache-2.0
# Sourced by network.sh: the cell's DNS proxy (dnsperf is the workload) against dnsdist and, for refusals, unbound. All have
# the same list of 1,000 names; 10,000 names below them are asked, each answered with TTL 0. Ours also logs an event a query.
# ROUNDS (default 5) of SECONDS (default 2) each, interleaved.

rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-2}
"${in_world[@]}" "$bin/dns_stub" 192.0.2.53 53 203.0.113.9 &

mkdir "$state/bench"
seq 0 999 | sed 's/.*/n&.bench.example/' >"$state/suffixes"
for host in a b c d e f g h i j; do sed "s/.*/$host.& A/" "$state/suffixes"; done | shuf --random-source=/dev/zero >"$state/bench/granted"
sed 's/bench.example/other.example/' "$state/bench/granted" >"$state/bench/denied"
echo "a.n0.bench.example A" >"$state/bench/one"
cp "$bin/connect_load" "$state/bench/"

{
  printf 'setSecurityPollSuffix("")\nsetLocal("127.0.0.1:5301")\nsetACL("127.0.0.0/8")\nsetMaxTCPConnectionsPerClient(0)\n'
  printf 'newServer{address="192.0.2.53:53", healthCheckMode="up"}\nnames = newSuffixMatchNode()\n'
  sed 's/.*/names:add("&")/' "$state/suffixes"
  printf 'addAction(NotRule(SuffixMatchNodeRule(names)), RCodeAction(DNSRCode.REFUSED))\n'
} >"$state/dnsdist.conf"
dnsdist --supervised --disable-syslog -C "$state/dnsdist.conf" >"$state/dnsdist.log" 2>&1 &
dnsdist=$!

{
  printf 'server:\n interface: 127.0.0.1@5302\n access-control: 127.0.0.0/8 allow\n do-daemonize: no\n username: ""\n chroot: ""\n'
  printf ' use-syslog: no\n pidfile: ""\n num-threads: 1\n module-config: "iterator"\n local-zone: "." refuse\n'
  sed 's/.*/ local-zone: "&" transparent/' "$state/suffixes"
  printf 'forward-zone:\n name: "."\n forward-addr: 192.0.2.53\nremote-control:\n control-enable: no\n'
} >"$state/unbound.conf"
unbound -d -c "$state/unbound.conf" >"$state/unbound.log" 2>&1 &
unbound=$!

# dnsperf's own words at its end, and latencies only where asked for: they cost it time.
perf_arguments() { # MODE FILE
  case $1 in
    udp) echo "-d $2 -l $seconds -q 100 -c 8" ;;
    tcp) echo "-m tcp -d $2 -l $seconds -q 100 -c 8" ;;
    slow) echo "-v -d $2 -l $seconds -Q ${RATE:-3000} -c 8" ;;
  esac
}

document() {
  printf '{"apiVersion":"cellos.io/v1","kind":"ExecutionCell","spec":{"id":"dns","authority":{"filesystem":{"readable":['
  printf '{"source":"%s","target":"/bench"}]},"egressRules":[],"dnsAuthority":{' "$state/bench"
  printf '"resolvers":[{"resolverId":"stub","endpoint":"192.0.2.53:53","protocol":"do53-udp"}],'
  printf '"budget":{"namesPerMinute":4000000000,"labelBytesPerMinute":4000000000},"hostnameAllowlist":['
  sed 's/.*/"*.&"/' "$state/suffixes" | paste -sd,
  printf ']}},"lifetime":{"ttlSeconds":600},"run":{"secretDelivery":"env","argv":["/bin/sh","-c","%s"]}}}' "$1"
}

# One round of one server. A line: queries a second, CPU microseconds a query of the server, the same of server and
# supervisor, p99 milliseconds (slow mode), share of the queries that were answered as wanted.
report() { # SERVER-NS SERVER-AND-SUPERVISOR-NS FILE
  awk -v own="$1" -v all="$2" '
    /^> / { latency[n++] = $NF }
    /Queries completed:/ { completed = $3 }
    /Queries lost:/ { lost = $3 }
    /Queries per second:/ { rate = $4 }
    /Response codes:/ { codes = $0; sub(/.*codes: */, "", codes) }
    END {
      p99 = 0
      if (n) { asorted(latency, n); p99 = latency[int(n * 0.99)] * 1000 }
      if (completed == 0) completed = 1
      printf "%.0f %.2f %.2f %.3f %d %s\n", rate, own / completed / 1000, all / completed / 1000, p99, lost, codes
    }
    function asorted(rows, size, i, gap, j, row) {
      for (gap = int(size / 2); gap > 0; gap = int(gap / 2))
        for (i = gap; i < size; i++) {
          row = rows[i]
          for (j = i; j >= gap && rows[j - gap] + 0 > row + 0; j -= gap) rows[j] = rows[j - gap]
          rows[j] = row
        }
    }' "$3"
}

# One round: the rows of report go to $state/MODE.SERVER.
round_of_cell() { # MODE ARGUMENTS
  local own=$(cpu_of "$gate") all=$(cpu_of "$gate" "$supervisor")
  ask_cell "$2" >"$state/round"
  sleep 0.2  # the supervisor writes what it was told
  report $(($(cpu_of "$gate") - own)) $(($(cpu_of "$gate" "$supervisor") - all)) "$state/round" >>"$state/$1.cellos"
}

round_of_peer() { # MODE ARGUMENTS NAME PID PORT
  local own=$(cpu_of "$4") took
  dnsperf -s 127.0.0.1 -p "$5" $2 >"$state/round" 2>&1
  took=$(($(cpu_of "$4") - own))
  report "$took" "$took" "$state/round" >>"$state/$1.$3"
}

column() { awk -v n="$3" '{ print $n }' "$state/$1.$2" | median; }

table() { # MODE PEER
  local server
  printf '%-30s %10s %12s %12s %12s %8s %s\n' "$3" queries/s "us CPU/query" "+supervisor" "p99 ms" lost codes
  for server in cellos "$2"; do
    printf '%-30s %10.0f %12.2f %12.2f %12s %8s %s\n' "  $server" "$(column "$1" $server 1)" "$(column "$1" $server 2)" \
      "$(column "$1" $server 3)" "$([ "$1" = slow ] && column "$1" $server 4 || echo -)" "$(column "$1" $server 5)" \
      "$(tail -1 "$state/$1.$server" | cut -d' ' -f6-)"
  done
  printf '%-30s %10s %12s %12s %12s\n\n' "  cellos / $2" "$(ratio "$(column "$1" cellos 1)" "$(column "$1" "$2" 1)")" \
    "$(ratio "$(column "$1" cellos 2)" "$(column "$1" "$2" 2)")" "$(ratio "$(column "$1" cellos 3)" "$(column "$1" "$2" 3)")" \
    "$([ "$1" = slow ] && ratio "$(column "$1" cellos 4)" "$(column "$1" "$2" 4)" || echo -)"
}

measure() { # MODE KIND FILE PEER PID PORT TITLE
  local round inside outside
  inside="-s 192.0.2.53 $(perf_arguments "$2" "/bench/$3")" outside=$(perf_arguments "$2" "$state/bench/$3")
  start_cell "$hello" --spec "$state/document"
  for ((round = 0; round < rounds; round++)); do
    round_of_cell "$1" "$inside"
    round_of_peer "$1" "$outside" "$4" "$5" "$6"
  done
  end_cell
  table "$1" "$4" "$7"
}

hello="-s 192.0.2.53 -Q 1 -n 1 -d /bench/one"
# Into a file, as outside: a line a query through the supervisor would be measured with the queries.
document 'while read -r line; do dnsperf $line >/tmp/said 2>&1; cat /tmp/said; echo end-of-round; done' >"$state/document"
for port in 5301 5302; do
  for ((tries = 0; tries < 100; tries++)); do
    dnsperf -s 127.0.0.1 -p $port -d "$state/bench/one" -n 1 -t 1 2>/dev/null | grep -q 'NOERROR 1' && break
    sleep 0.05
  done
  [ "$tries" -lt 100 ] || { echo "bench.sh: nothing answers on port $port" >&2; cat "$state/dnsdist.log" "$state/unbound.log" >&2; exit 1; }
done

echo "medians of $rounds rounds of $seconds s, 1,000 names, TTL 0, 100 queries outstanding; ours with an event a query"
measure udp udp granted dnsdist "$dnsdist" 5301 "forward, UDP"
measure slow slow granted dnsdist "$dnsdist" 5301 "forward, UDP, ${RATE:-3000}/s"
measure tcp tcp granted dnsdist "$dnsdist" 5301 "forward, TCP"
measure denied udp denied unbound "$unbound" 5302 "denied, UDP"

start_cell "$hello" --spec "$state/document"
sleep 1
printf '%-30s %10s KiB\n' "gate idle, 1,000 names: PSS" "$(pss_of "$gate")"
end_cell
"$bin/cellos" run --quiet --no-stdin --state-dir "$state/s" --allow a.example -- sleep 3 &
supervisor=$!
gate=$(child_named "$supervisor" cellos-gate)
sleep 1
printf '%-30s %10s KiB\n' "gate idle, one name: PSS" "$(pss_of "$gate")"
wait "$supervisor"
document '/bench/connect_load dns a.n0.bench.example' >"$state/document"
for ((round = 0; round < 4 * rounds; round++)); do
  "$bin/cellos" run --quiet --no-stdin --state-dir "$state/s" --spec "$state/document" >>"$state/first"
done
printf '%-30s %10.2f ms\n' "first answer, from the start" "$(median <"$state/first")"
