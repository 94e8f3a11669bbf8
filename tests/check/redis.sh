#!/bin/bash
# `damp run --queue` against a real redis-server, started here on a unix socket: a list with END at its end is drained
# and the program ends well; SIGTERM midway leaves what was not popped in the list.
# usage: redis.sh   (needs DAMP, redis-server, redis-cli, python3)
set -u
if ! "$DAMP" run --help 2>&1 | grep -q -- '--queue'; then echo "skip redis: this damp run has no --queue"; exit 0; fi
for tool in redis-server redis-cli; do
	command -v "$tool" >/dev/null || { echo "skip redis: no $tool"; exit 0; }
done
work=$(mktemp -d)
server='' damp=''
# only what was started here, by its number
trap 'for p in $damp $server; do kill "$p" 2>/dev/null; wait "$p" 2>/dev/null; done; rm -rf "$work"' EXIT
status=0

is() { # is NAME GOT WANTED
	if [ "$2" = "$3" ]; then echo "ok redis: $1"
	else echo "not ok redis: $1: $2 instead of $3"; status=1; fi
}

redis-server --port 0 --unixsocket "$work/s" --save '' --appendonly no --dir "$work" >"$work/server.log" 2>&1 &
server=$!
cli() { redis-cli -s "$work/s" "$@"; }
for _ in $(seq 100); do [ "$(cli ping 2>/dev/null)" = PONG ] && break; sleep 0.1; done
[ "$(cli ping 2>/dev/null)" = PONG ] || { echo "not ok redis: redis-server does not come up"; exit 1; }

cat >"$work/entries.py" <<'PY'
import sys
entry = ('{"flowStartSeconds": %d, "flowEndSeconds": %d, "sourceIPv4Address": %d, "destinationIPv4Address": 167772161, '
         '"sourceTransportPort": 53, "destinationTransportPort": 4000, "protocolIdentifier": 17, '
         '"packetDeltaCount": 2, "octetDeltaCount": 130}')
for i in range(int(sys.argv[1])):
    e = entry % (1700000000 + i // 100, 1700000001 + i // 100, 0x0a000100 + i % 1000)
    sys.stdout.write('*3\r\n$5\r\nRPUSH\r\n$11\r\nentry:queue\r\n$%d\r\n%s\r\n' % (len(e), e))
PY
push() { python3 "$work/entries.py" "$1" | cli --pipe >/dev/null; }
flows() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["flows"])' "$1"; }

push 3000
cli >/dev/null <<'PUSH'
RPUSH entry:queue '{"flowStartSeconds" : 1, 25817 : 3}'
RPUSH entry:queue '{"sourceIPv4Address" : 1 "flowStartSeconds" : 1}'
RPUSH entry:queue '{"sourceIPv4Add'
RPUSH entry:queue END
PUSH
is "entries to begin with" "$(cli llen entry:queue)" 3004
timeout 60 "$DAMP" run --queue "unix://$work/s" --stats "$work/stats" >"$work/out" 2>"$work/err"
is "END ends the run: exit status" $? 0
is "END ends the run: the list is empty" "$(cli llen entry:queue)" 0
is "every good record counted" "$(flows "$work/stats")" 3000
is "the statistics tell of the others" "$(python3 -c '
import json, sys
q = json.load(open(sys.argv[1]))["queue"]
print(q["entries"], q["records"], q["malformed"], q["skipped"])' "$work/stats")" '3004 3000 3 0'

capture=$(cd "$(dirname "$0")/.." && pwd)/golden/any_amp_100.pcap # two flows
"$DAMP" probe -q -r "$capture" --to "unix://$work/s"
is "a probe leaves the list open" "$(cli lindex entry:queue -1 | head -c 1)" '{'
"$DAMP" probe -q -r "$capture" --to "unix://$work/s" --end
timeout 60 "$DAMP" run --queue "unix://$work/s" --stats "$work/stats3" >"$work/out" 2>"$work/err"
is "a probe with --end ends its reader: exit status" $? 0
is "a probe with --end: every record before it" "$(flows "$work/stats3") $(cli llen entry:queue)" '4 0'

push 60000
"$DAMP" run --queue "unix://$work/s" --stats "$work/stats2" >"$work/out" 2>"$work/err" &
damp=$!
for _ in $(seq 300); do [ "$(cli llen entry:queue)" -lt 60000 ] && break; sleep 0.01; done
kill -TERM "$damp"
wait "$damp"
is "SIGTERM: exit status" $? 0
damp=''
is "SIGTERM: counted and left is everything" "$(($(flows "$work/stats2") + $(cli llen entry:queue)))" 60000
exit $status
