# SPDX-License-Identifier: Apache-2.0
# Sourced by network.sh: the relay, which reads the SNI of every connection, against HAProxy in TCP mode that does the same
# on one thread, and no relay at all; new connections, and one bulk flow. ROUNDS (default 5), interleaved.

rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-2} parallel=${PARALLEL:-64} bulk=${BULK:-2000000000}
name=ok.bench.example address=203.0.113.9
"${in_world[@]}" "$bin/dns_stub" 192.0.2.53 53 $address &
"${in_world[@]}" "$bin/accept_server" $address 443 64 &
"${in_world[@]}" "$bin/accept_server" $address 8443 100000000000 &

cat >"$state/haproxy.cfg" <<END
global
  nbthread 1
  maxconn 4000
  maxpipes 1000
defaults
  mode tcp
  option splice-request
  option splice-response
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend connections
  bind 127.0.0.1:5311
  tcp-request inspect-delay 5s
  tcp-request content accept if { req.ssl_hello_type 1 } { req.ssl_sni -i $name }
  tcp-request content reject
  default_backend connections
frontend bulk
  bind 127.0.0.1:5312
  tcp-request inspect-delay 5s
  tcp-request content accept if { req.ssl_hello_type 1 } { req.ssl_sni -i $name }
  tcp-request content reject
  default_backend bulk
backend connections
  server world $address:443
backend bulk
  server world $address:8443
END
haproxy -q -db -f "$state/haproxy.cfg" 2>"$state/haproxy.log" &
haproxy=$!
for ((tries = 0; tries < 100; tries++)); do
  "$bin/connect_load" connect 127.0.0.1 5311 0.05 1 $name 2>/dev/null | grep -q '^[1-9]' && break
  sleep 0.02
done
[ "$tries" -lt 100 ] || { echo "bench.sh: haproxy does not answer: $(cat "$state/haproxy.log")" >&2; exit 1; }

mkdir "$state/bench"
cp "$bin/connect_load" "$state/bench/"
cat >"$state/bench/work" <<END
while read -r line; do
  /bench/connect_load dns $name >/dev/null
  [ "\$line" = greet ] || /bench/connect_load \$line
  echo end-of-round
done
END
start_cell greet --ro "$state/bench:/bench" --ttl 600 --dns-resolver 192.0.2.53:53 --allow $name \
  --allow $name:8443/https -- /bin/sh /bench/work

# To $state/KIND.WHO: what connect_load said, the processor nanoseconds of the relay, and with its supervisor.
one() { # KIND WHO ARGUMENTS
  local pids=() own all said
  case $2 in cellos) pids=("$gate" "$supervisor") ;; haproxy) pids=("$haproxy") ;; esac
  own=$(cpu_of "${pids[@]:0:1}") all=$(cpu_of "${pids[@]}")
  if [ "$2" = cellos ]; then
    said=$(ask_cell "$3")
    sleep 0.2  # the supervisor writes what it was told
  else
    said=$("$bin/connect_load" $3)
  fi
  [ -n "$said" ] || { echo "bench.sh: $1 through $2 failed: $(cat "$state/err")" >&2; exit 1; }
  echo "$said $(($(cpu_of "${pids[@]:0:1}") - own)) $(($(cpu_of "${pids[@]}") - all))" >>"$state/$1.$2"
}

for ((round = 0; round < rounds; round++)); do
  one connect cellos "connect $address 443 $seconds $parallel $name"
  one connect haproxy "connect 127.0.0.1 5311 $seconds $parallel $name"
  one connect direct "connect $address 443 $seconds $parallel $name"
  one bulk cellos "bulk $address 8443 $bulk $name"
  one bulk haproxy "bulk 127.0.0.1 5312 $bulk $name"
  one bulk direct "bulk $address 8443 $bulk $name"
done
end_cell

value() { awk -v seconds="$seconds" -v bulk="$bulk" "{ print $3 }" "$state/$1.$2" | median; }

echo "medians of $rounds rounds; new connections: $seconds s, $parallel at once, SNI judged, one answer read, closed"
printf '%-24s %14s %12s %8s %14s %14s\n' "" connections/s "p99 ms" failed "us CPU each" "+supervisor"
for who in cellos haproxy direct; do
  printf '%-24s %14.0f %12.2f %8.0f %14.2f %14.2f\n' "  $who" "$(value connect $who '$1')" "$(value connect $who '$2')" \
    "$(value connect $who '$3')" "$(value connect $who '$1 ? $4 / ($1 * seconds) / 1000 : 0')" \
    "$(value connect $who '$1 ? $5 / ($1 * seconds) / 1000 : 0')"
done
printf '%-24s %14s\n\n' "  cellos / haproxy" "$(ratio "$(value connect cellos '$1')" "$(value connect haproxy '$1')")"
printf '%-24s %14s %12s %8s %14s\n' "one flow, splice" "GB/s" "of direct" "" "ms CPU a GB"
for who in cellos haproxy direct; do
  printf '%-24s %14.2f %12s %8s %14.1f\n' "  $who" "$(value bulk $who '$1 / 1e9')" \
    "$(ratio "$(value bulk $who '$1')" "$(value bulk direct '$1')")" "" "$(value bulk $who '$2 / 1e6 / (bulk / 1e9)')"
done
printf '%-24s %14s\n' "  cellos / haproxy" "$(ratio "$(value bulk cellos '$1')" "$(value bulk haproxy '$1')")"
