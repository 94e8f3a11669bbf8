#!/bin/bash
# The archive as a user has it: damp run receives NetFlow and writes files; tshark, nfcapd and a reader of our own find
# what was sent, also after kill -9.
set -u
cd "$(dirname "$0")/../.." || exit 1
damp=${DAMP:-build/damp}
dir=$(mktemp -d)
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done; rm -rf "$dir"' EXIT
status=0
ok() { echo "ok archive: $1"; }
not_ok() { echo "not ok archive: $1"; shift; printf '%s\n' "$@" | head -n 12 | sed 's/^/  /'; status=1; }
tool() { python3 tests/tools/ipfix_files.py "$@"; }
port=$((20000 + $$ % 20000))

cat >"$dir/conf" <<END
listen: ["127.0.0.1:$port"]
archive:
  dir: $dir/archive
  interval: 300
  sync: 1
END
"$damp" check-config "$dir/conf" >"$dir/out" 2>&1 ||
	{ echo "skip archive: check-config does not know its keys: $(head -n 1 "$dir/out")"; exit 0; }

until_true() { local i; for i in {1..200}; do "$@" && return; sleep 0.05; done; return 1; }
bound() { ss -Hlnu "sport = :$1" | grep -q .; }
drained() { sleep 0.3; [ "$(ss -Hlnu "sport = :$1" | awk '{ print $2 }')" = 0 ]; } # what was sent there is read
# its keys in the file, its folder as an option
sed -i '/^  dir:/d' "$dir/conf"
start() {
	"$damp" run -c "$dir/conf" --archive "$dir/archive" >"$dir/run.out" 2>&1 & run=$!; pids+=("$run")
	until_true grep -qE 'listening on|needs an interface' "$dir/run.out"
}
files() { find "$dir/archive" -type f -name "$1" | sort; }
all() { files 'damp-*' | while read -r f; do zstd -qdc "$f" || cat "$f"; done | tool sum -; }

start
grep -q 'needs an interface' "$dir/run.out" && { echo "skip archive: damp run does not listen"; exit 0; }
sent=$(tool v5 127.0.0.1 $port 9000)
until_true drained $port
kill -HUP "$run"
finished() { [ -n "$(files 'damp-*')" ]; }
until_true finished && ok "SIGHUP completes the file" || not_ok "SIGHUP completes the file" "$(find "$dir/archive")" "$(cat "$dir/run.out")"
kill "$run"; wait "$run"
[ "$(all)" = "$sent" ] && [ -z "$(files 'tmp-*')" ] && ok "records, packets, bytes" || not_ok "records, packets, bytes" "sent $sent" "held $(all)"
file=$(files 'damp-*' | head -n 1)
[ -n "$file" ] || exit 1

if command -v tshark >/dev/null; then
	zstd -qdc "$file" >"$dir/plain.ipfix"
	n=$(tshark -r "$dir/plain.ipfix" -T fields -E occurrence=a -e cflow.srcaddr 2>/dev/null | tr ',' '\n' | grep -c .)
	bad=$(tshark -r "$dir/plain.ipfix" -Y _ws.malformed 2>/dev/null | wc -l)
	[ "$n" -gt 0 ] && [ "$n" = "$(tool sum "$dir/plain.ipfix" | cut -d' ' -f1)" ] && [ "$bad" = 0 ] && ok "tshark reads the file" || not_ok "tshark reads the file" "$n records, $bad malformed"
else echo "skip archive: tshark is not there"; fi

if command -v nfcapd >/dev/null; then
	mkdir "$dir/nf"
	nfcapd -C none -b 127.0.0.1 -p $((port + 1)) -w "$dir/nf" -t 3600 -I x >"$dir/nf.log" 2>&1 & nf=$!; pids+=("$nf")
	until_true bound $((port + 1))
	tool send "$dir/plain.ipfix" 127.0.0.1 $((port + 1)); until_true drained $((port + 1))
	kill "$nf"; wait "$nf"
	got=$(sed -nE "s/.*Flows: ([0-9]+), Packets: ([0-9]+), Bytes: ([0-9]+), Sequence Errors: 0, Bad.*/\1 \2 \3/p" "$dir/nf.log" | tail -n 1)
	[ "$got" = "$(tool sum "$dir/plain.ipfix")" ] && ok "nfcapd takes its messages" || not_ok "nfcapd takes its messages" "$(tail -n 4 "$dir/nf.log")"
else echo "skip archive: nfcapd is not there"; fi

before=$(md5sum "$file")
start
tool v5 127.0.0.1 $port 3000 >"$dir/sent"
until_true drained $port
sleep 2 # a sync
kill -9 "$run"; wait "$run" 2>/dev/null
left=$(files 'tmp-*' | wc -l)
start
kill "$run"; wait "$run"
n=$(all | cut -d' ' -f1)
if [ "$left" = 1 ] && [ "$n" = 12000 ] && [ -z "$(files 'tmp-*')" ] && [ "$before" = "$(md5sum "$file")" ]; then
	ok "after kill -9"
else not_ok "after kill -9" "left $left, records $n" "$(find "$dir/archive")"; fi
exit $status
