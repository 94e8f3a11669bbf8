#!/bin/bash
# The same datagrams to nfcapd and to damp: what nfdump says of the one's files, damp's statistics and damp flows
# over its archive say of the other's.  Files of nfcapd; a tree of files; kill -9 while archiving.
set -u
here=$(cd "$(dirname "$0")" && pwd)
damp=${DAMP:-$here/../../build/damp} gen=${GEN:-$here/../../build/damp-gen}
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d)
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done; rm -rf "$dir"' EXIT
status=0
ok() { echo "ok peers: $1"; }
not_ok() { echo "not ok peers: $1"; shift; printf '%s\n' "$@" | head -n 20 | sed 's/^/  /'; status=1; }
same() { if [ "$2" = "$3" ]; then ok "$1: $2"; else not_ok "$1" "got:  $2" "want: $3"; fi; }
cd "$dir" || exit 1
for t in nfcapd nfdump softflowd; do
	command -v $t >/dev/null || { echo "skip peers: $t: not installed"; exit 0; }
done

wait_for() { # wait_for SECONDS COMMAND...
	local n=$(($1 * 20)); shift
	for _ in $(seq $n); do "$@" && return 0; sleep 0.05; done
	return 1
}
# nfdump's flows, packets and bytes of files; damp's
nf_total() {
	local f
	for f in "$@"; do nfdump -r "$f" -I 2>/dev/null; done |
		awk '/^Flows:/ { f += $2 } /^Packets:/ { p += $2 } /^Bytes:/ { b += $2 } END { print f + 0, p + 0, b + 0 }'
}
damp_total() { "$damp" flows -o json "$@" 2>/dev/null | python3 -c '
import json, sys
f = p = b = 0
for line in sys.stdin:
    r = json.loads(line)
    f += 1
    p += r["packetDeltaCount"]
    b += r["octetDeltaCount"]
print(f, p, b)'; }
stat() { python3 -c 'import json, sys; s = json.load(open(sys.argv[1])); print(*[s[k] for k in sys.argv[2:]])' "$@"; }

# --- files of nfcapd --------------------------------------------------------------------------------------------------
data=${SHARED_DATA:-}
if [ -d "$data/nfcapd" ]; then
	for f in "$data"/nfcapd/* "$data"/../golden/*.nfcapd; do
		[ -e "$f" ] || continue
		same "${f##*/}: damp flows and nfdump" "$(damp_total "$f")" "$(nf_total "$f")"
	done
else
	echo "skip peers: files of nfcapd: no shared data"
fi

# --- live: one stream to both --------------------------------------------------------------------------------------------
start=$(($(date +%s) - 70))
"$gen" --seed 5 --start $start --duration 60 --snaplen 200 -o c.pcap \
	benign clients=120 clients6=30 web=0.004 quic=0.002 mail=1 + infected hosts=10 hosts6=2 rate=3-6 start=5 stop=55 2>/dev/null

# run NAME OPTIONS...: damp run, with its port in $port and its id in $pid
run() {
	local name=$1; shift
	"$damp" run -l 127.0.0.1:0 --memory 64MB --alerts "$name.alerts" --stats "$name.stats" "$@" >/dev/null 2>"$name.log" &
	pid=$!
	pids+=("$pid")
	wait_for 10 grep -sq 'udp://' "$name.log" || not_ok "$name: damp run starts" "$(cat "$name.log")"
	port=$(sed -n 's/.*udp:\/\/127.0.0.1:\([0-9]*\).*/\1/p' "$name.log")
}
stop() { kill "${2:--TERM}" "$1" 2>/dev/null; wait "$1" 2>/dev/null; }
# until what is still in its sockets was read, and worked on
drained() {
	for _ in $(seq 100); do
		sleep 0.2
		[ "$(ss -Hlun "sport = :$1" | awk '{ n += $2 } END { print n + 0 }')" = 0 ] && return
	done
}
bound() { ss -Hlun "sport = :$1" 2>/dev/null | grep -q .; }
nfcapd_start() { # its port in $nfport, its id in $nf
	nfport=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	rm -rf nf; mkdir nf
	nfcapd -w "$dir/nf" -p "$nfport" -b 127.0.0.1 -t 3600 -C none -B 4000000 >nfcapd.log 2>&1 & nf=$!
	pids+=("$nf")
	wait_for 10 bound "$nfport" || not_ok "nfcapd starts" "$(cat nfcapd.log)"
}
both() { # both NAME COMMAND...: the command gets the ports as P and Q
	local name=$1 c; shift
	nfcapd_start
	run "$name" --archive "$dir/archive_$name"
	for c; do shift; c=${c//%P/$port}; set -- "$@" "${c//%Q/$nfport}"; done
	if [ "$1" = fprobe ]; then "$@" <c.pcap >log 2>&1; else "$@" >log 2>&1; fi
	drained "$port"
	drained "$nfport"
	stop "$pid"
	stop "$nf"
	want=$(nf_total nf/nfcapd.2*)
	same "$name: damp run and nfcapd" "$(stat "$name.stats" flows packets bytes)" "$want"
	mapfile -t files < <(find "archive_$name" -type f | sort)
	same "$name: the archive and nfcapd" "$(damp_total "${files[@]}")" "$want"
}
for v in 5 9 10; do both "softflowd_$v" softflowd -d -r c.pcap -v $v -n 127.0.0.1:%P,127.0.0.1:%Q; done
if command -v fprobe >/dev/null; then
	both fprobe_5 fprobe -l 2 -q 100000 -b 100000 -f ip -i - 127.0.0.1:%P 127.0.0.1:%Q
else
	echo "skip peers: fprobe: not installed"
fi
for v in 5 9 10; do both "probe_$v" "$damp" probe -q -r c.pcap --version $v --to 127.0.0.1:%P --to 127.0.0.1:%Q; done
# the sampling of v9 nfcapd leaves to nfdump
both probe_sampled "$damp" probe -q -r c.pcap --version 5 --sampling 10 --to 127.0.0.1:%P --to 127.0.0.1:%Q
# nfdump's own resender
if command -v nfreplay >/dev/null && [ -e "$data/nfcapd/nfdump-nfcapd.sample" ]; then
	run nfreplay
	nfreplay -r "$data/nfcapd/nfdump-nfcapd.sample" -v 9 -H 127.0.0.1 -p "$port" -d 50 >log 2>&1
	drained "$port"
	stop "$pid"
	# a record of its own for each, also where nothing was counted: packets and bytes tell
	same "nfreplay: packets and bytes" "$(stat nfreplay.stats packets bytes)" "$(nf_total "$data/nfcapd/nfdump-nfcapd.sample" | cut -d' ' -f2,3)"
fi

# --- who may send ---------------------------------------------------------------------------------------------------------
for who in 192.0.2.1 127.0.0.0/30; do
	printf 'exporters:\n- address: %s\nknown-exporters-only: true\n' "$who" >known.yaml
	run known -c known.yaml
	"$damp" probe -q -r c.pcap --to "127.0.0.1:$port"
	drained "$port"
	stop "$pid"
	read -r flows strangers all <<<"$(python3 -c '
import json
s = json.load(open("known.stats"))
print(s["flows"], s["exporter_sums"]["stranger_datagrams"], s["listen"]["datagrams"])')"
	case $who in
	192*) same "strangers are dropped and counted" "$flows $([ "$strangers" -gt 10 ] && echo "$strangers")" "0 $all" ;;
	*) same "who is known is not" "$([ "$flows" -gt 100 ] && echo taken) $strangers" "taken 0" ;;
	esac
done

# --- the archive: HUP, the hook, death ------------------------------------------------------------------------------------
cat >hook.sh <<'END'
#!/bin/sh
for a; do echo "$a"; done >>"$(dirname "$0")/hooked"
END
chmod +x hook.sh
cat >run.yaml <<END
archive:
  dir: $dir/kept
  interval: 5m
  sync: 1
  hook: $dir/hook.sh
END
finished() { find kept -type f ! -name '*tmp*' 2>/dev/null | sort; }
send() { "$damp" probe -q -r c.pcap --to "127.0.0.1:$port"; drained "$port"; }
have_files() { [ "$(finished | wc -l)" -ge "$1" ]; }
run kept1 -c run.yaml
send
kill -HUP "$pid"
if wait_for 10 have_files 1; then ok "HUP: a finished file"; else not_ok "HUP: a finished file" "$(find kept)" "$(cat kept1.log)"; fi
first=$(finished | head -n 1)
one=$(damp_total "$first")
hooked() { grep -qF "${first##*/}" hooked 2>/dev/null; }
if wait_for 10 hooked; then ok "the hook gets the path"; else not_ok "the hook gets the path" "$(cat hooked 2>&1)" "$(cat kept1.log)"; fi
send
sleep 1.5 # a sync
before=$(sha256sum "$first")
kill -9 "$pid"; wait "$pid" 2>/dev/null
same "kill -9: the finished file is untouched" "$(sha256sum "$first" | cut -c1-16)" "${before:0:16}"
left=$(find kept -type f -name '*tmp*' | wc -l)
same "kill -9: what was not finished" "$left" 1
run kept2 -c run.yaml
if wait_for 10 have_files 2; then ok "the next start finishes it"; else not_ok "the next start finishes it" "$(find kept)" "$(cat kept2.log)"; fi
mapfile -t files < <(finished)
same "every record before and after" "$(damp_total "${files[@]}")" "$(awk '{ print 2 * $1, 2 * $2, 2 * $3 }' <<<"$one")"
stop "$pid"
# a directory is its files in the order of time
if "$damp" replay -q --alerts tree.alerts --stats tree.stats kept 2>log; then
	same "damp replay of a directory" "$(stat tree.stats flows packets bytes)" "$(damp_total "${files[@]}")"
else
	not_ok "damp replay of a directory" "$(cat log)"
fi

# --- a Redis queue: everything before END, and nothing else -------------------------------------------------------------
cat >push.py <<'END'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
f = s.makefile("rb")
for line in [*sys.stdin.buffer.read().splitlines(), b"no record", b"END"]:
    s.sendall(b"*3\r\n$5\r\nRPUSH\r\n$11\r\nentry:queue\r\n$%d\r\n%s\r\n" % (len(line), line))
    f.readline()
END
if command -v redis-server >/dev/null; then
	rport=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	redis-server --port "$rport" --bind 127.0.0.1 --save '' --dir "$dir" >redis.log 2>&1 &
	pids+=($!)
	wait_for 10 grep -sqi 'ready to accept' redis.log
	"$damp" flows -o json "$first" | python3 push.py "$rport"
	timeout 20 "$damp" run -q --queue "redis://127.0.0.1:$rport" --alerts queue.alerts --stats queue.stats 2>log
	if [ -s queue.stats ]; then same "a Redis queue until END" "$(stat queue.stats flows packets bytes)" "$one"
	else not_ok "a Redis queue until END" "$(cat log)"; fi
else
	echo "skip peers: redis-server: not installed"
fi
exit $status
