#!/bin/bash
# What is broken, hostile, full or not allowed: the exit status of the contract, one clear line on standard error with file
# and place, and nothing lost that was found before.  Cases marked * also run under the sanitizers where
# that program was built.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen} san=${BUILD:-build}/san/damp
here=$(cd "$(dirname "$0")/.." && pwd)
capture=$here/golden/backhaul.pcap
dir=$(mktemp -d)
chmod 755 "$dir"
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done; wait; rm -rf "$dir"' EXIT
status=0
ok() { echo "ok bad_input: $1"; }
not_ok() { echo "not ok bad_input: $1"; shift; printf '%s\n' "$@" | head -n 12 | cut -c1-300 | sed 's/^/  /'; status=1; }

# expect NAME STATUS PATTERN COMMAND...: the status, and standard error has exactly one line with the pattern (an
# extended regular expression); the remark about an ephemeral key aside, it has no other line unless MORE=1
expect() {
	local name=$1 want=$2 pattern=$3 rc n all
	shift 3
	timeout 120 "$@" >"$dir/out" 2>"$dir/err" </dev/null; rc=$?
	grep -v 'no --key: signing' "$dir/err" >"$dir/said"
	n=$(grep -cE -- "$pattern" "$dir/said") all=$(wc -l <"$dir/said")
	if [ $rc != "$want" ]; then not_ok "$name: exit $want" "exit $rc" "$(cat "$dir/err")"
	elif [ "$n" != 1 ] || { [ "${MORE:-0}" = 0 ] && [ "$all" != 1 ]; }; then not_ok "$name: one line on $pattern" "$(cat "$dir/err")"
	else ok "$name"; fi
}
# both: the same under the sanitizers
both() {
	local name=$1 want=$2 pattern=$3
	shift 3
	expect "$name" "$want" "$pattern" "$damp" "$@"
	[ -x "$san" ] && expect "$name (sanitizers)" "$want" "$pattern" "$san" "$@"
}
# kept NAME ALERTS MIN: at least MIN alerts opened before the damage are in the file, and it verifies
kept() {
	local n out
	n=$(grep -c '"action":"opened"' "$2")
	if out=$("$damp" verify --key "$dir/k.pub" "$2" 2>&1) && [ "$n" -ge "$3" ]; then ok "$1: $n alerts kept, signed and chained"
	else not_ok "$1: alerts kept" "$n opened" "$out"; fi
}

"$damp" keygen -o "$dir/k" >/dev/null || not_ok "keygen"
key=(--key "$dir/k.key")
"$damp" replay -q "${key[@]}" --alerts "$dir/whole.json" "$capture"
whole=$(grep -c '"action":"opened"' "$dir/whole.json")

# --- truncated and corrupt captures ---------------------------------------------------------------------

# the offsets of records, to damage exactly what is meant
python3 - "$capture" "$dir" <<'P'
import struct, sys
data, out = open(sys.argv[1], 'rb').read(), sys.argv[2]
def put(name, b): open(out + '/' + name, 'wb').write(b)
at, offsets = 24, []
while at < len(data):
    offsets.append(at)
    at += 16 + struct.unpack('<I', data[at + 8:at + 12])[0]
late = offsets[len(offsets) * 3 // 4]
middle = offsets[len(offsets) // 2]
put('file_header.pcap', data[:17])
put('record_header.pcap', data[:late + 9])
put('in_data.pcap', data[:late + 16 + 5])
open(out + '/late', 'w').write('%d %d' % (late, len(offsets) * 3 // 4 + 1))
open(out + '/middle', 'w').write('%d %d' % (middle, len(offsets) // 2 + 1))
for name, field, value in (('caplen_huge', 8, 0xffffffff), ('caplen_64k', 8, 65535 * 4), ('caplen_zero', 8, 0), ('both_lie', 8, 0x7fffffff)):
    b = bytearray(data)
    struct.pack_into('<I', b, middle + field, value)
    if name == 'both_lie': struct.pack_into('<I', b, middle + 12, 3)
    put(name + '.pcap', bytes(b))
b = bytearray(data)
b[middle:middle + 3000] = bytes((i * 37 + 11) & 255 for i in range(3000))
put('garbage.pcap', bytes(b))
put('magic.pcap', b'\xa1\xb2\xc3\xd5' + data[4:])
put('other_version.pcap', data[:4] + b'\x09\x00\x09\x00' + data[8:])
put('text.pcap', b'no capture at all, only words\n' * 40)
put('gzip.pcap', b'\x1f\x8b\x08\x00' + data[:100])
put('only_header.pcap', data[:24])

# hostile packets between ordinary ones: DNS compression loops, lengths that lie
def packet(dns, udp_len=None, total=None, sport=40000, dport=53):
    n = 8 + len(dns)
    udp = struct.pack('>HHHH', sport, dport, n if udp_len is None else udp_len, 0) + dns
    ip = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + n if total is None else total, 1, 0, 64, 17, 0, bytes([10, 64, 0, 9]), bytes([10, 53, 0, 53]))
    return b'\x02' * 12 + b'\x08\x00' + ip + udp
head = struct.pack('>HHHHHH', 7, 0x0100, 1, 0, 0, 0)
bad = [packet(head + b'\xc0\x0c\x00\xff\x00\x01'), packet(head + b'\x01a\xc0\x0c\x00\xff\x00\x01'), packet(head + b'\xc0\xff\x00\xff\x00\x01'),
       packet(head + b'\xc0\x0e\xc0\x0c\x00\xff\x00\x01'), packet(head + b'\x3fabc'), packet(head + b'\x03abc\x00\x00\xff\x00\x01', udp_len=4),
       packet(head, udp_len=60000), packet(head, total=65535), packet(head, total=3), packet(b''), packet(b'\x00'),
       packet(struct.pack('>HHHHHH', 7, 0x8180, 65535, 65535, 65535, 65535) + b'\xc0\x0c' * 20),
       packet(struct.pack('>HHHHHH', 7, 0x8180, 1, 9, 9, 9) + b'\x00\x00\xff\x00\x01' + b'\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\xff\xff', sport=53, dport=40000)]
sec, frac = struct.unpack('<II', data[middle:middle + 8])
extra = b''.join(struct.pack('<IIII', sec, frac, len(p), len(p)) + p for p in bad) * 200
put('hostile.pcap', data[:middle] + extra + data[middle:])
P
read -r late late_n <"$dir/late"; read -r middle middle_n <"$dir/middle"

both "cut in the file header*" 1 'file_header\.pcap: .*ends inside its file header \(17 of 24' replay "$dir/file_header.pcap"
both "cut in a record header*" 1 "record_header\.pcap: packet $late_n, offset $late: " replay "${key[@]}" --alerts "$dir/a" "$dir/record_header.pcap"
kept "cut in a record header" "$dir/a" 41
both "cut in the data*" 1 "in_data\.pcap: packet $late_n, offset $late: " replay "${key[@]}" --alerts "$dir/a" "$dir/in_data.pcap"
kept "cut in the data" "$dir/a" 41
for f in caplen_huge caplen_64k both_lie garbage; do
	MORE=1 both "$f in the middle*" 1 "$f\.pcap: packet $middle_n, offset $middle: " replay "${key[@]}" --alerts "$dir/a" "$dir/$f.pcap"
	kept "$f" "$dir/a" "$whole"
done
# behind the damage it goes on
"$damp" replay -q --stats "$dir/stats" "$dir/garbage.pcap" 2>/dev/null
"$damp" replay -q --stats "$dir/all" "$capture"
if python3 -c 'import json,sys; a,b=(json.load(open(f)) for f in sys.argv[1:]); sys.exit(not (a["packets"] > b["packets"]*0.99 and a["last"] == b["last"] and a["damaged"] >= 1))' "$dir/stats" "$dir/all"
then ok "what follows the damage is read"; else not_ok "what follows the damage is read" "$(cat "$dir/stats")"; fi
both "wrong magic*" 1 'magic\.pcap: not a capture.*a1 b2 c3 d5' replay "$dir/magic.pcap"
both "a text file*" 1 'text\.pcap: not a capture' replay "$dir/text.pcap"
expect "a damaged gzip stream" 1 'gzip\.pcap: the compressed stream is ' "$damp" replay "$dir/gzip.pcap"
: >"$dir/empty.pcap"
both "an empty file*" 1 'empty\.pcap: the input is empty' replay "$dir/empty.pcap"
mkdir -p "$dir/nothing"
expect "a folder without files" 1 'no captures or flow files' "$damp" replay "$dir/nothing"
expect "a file that is not there" 1 'nothere\.pcap: No such file' "$damp" replay "$dir/nothere.pcap"
expect "one bad file among good ones" 1 'nothere\.pcap: No such file' "$damp" replay "${key[@]}" --alerts "$dir/a" "$dir/nothere.pcap" "$capture"
kept "one bad file among good ones" "$dir/a" "$whole"
if out=$("$damp" replay "$dir/only_header.pcap" 2>&1) && grep -q 'No traffic' <<<"$out"; then ok "a capture without packets, exit 0"
else not_ok "a capture without packets" "$out"; fi

for d in "$damp" "$san"; do
	[ -x "$d" ] || continue
	if "$d" replay -q "${key[@]}" --alerts "$dir/a" --stats "$dir/stats" "$dir/hostile.pcap" >"$dir/log" 2>&1 &&
		python3 -c 'import json,sys; r=json.load(open(sys.argv[1]))["rejected"]; sys.exit(not (r["bad_dns"] >= 200 and sum(r.values()) >= 1000))' "$dir/stats"
	then kept "loops and lying lengths in packets are counted${d#"$damp"}" "$dir/a" "$whole"
	else not_ok "loops and lying lengths in packets are counted $d" "$(cat "$dir/log" "$dir/stats")"; fi
done

"$gen" --seed 5 --duration 100 --snaplen 64 -o "$dir/frag.pcap" fragflood headless=yes pps=10000 start=0 2>"$dir/log" || not_ok "fragments: generator" "$(cat "$dir/log")"
if "$damp" replay -q "${key[@]}" --alerts "$dir/a" --stats "$dir/stats" "$dir/frag.pcap" >"$dir/log" 2>&1 &&
	python3 -c 'import json,sys; s=json.load(open(sys.argv[1])); sys.exit(not (s["fragments"] >= 900000 and s["peak_rss_bytes"] < 600e6))' "$dir/stats"
then kept "a million fragments without a head" "$dir/a" 1
else not_ok "a million fragments without a head" "$(cat "$dir/log" "$dir/stats")"; fi

# --- permissions ------------------------------------------------------------------------------------------

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && setpriv --reuid 65534 --clear-groups "$damp" --version >/dev/null 2>&1; then
	cp "$capture" "$dir/secret.pcap"; cp "$dir/k.key" "$dir/secret.key"; chmod 600 "$dir/secret.pcap" "$dir/secret.key"
	other=(setpriv --reuid 65534 --clear-groups "$damp")
	expect "a capture that may not be read" 1 'secret\.pcap: Permission denied' "${other[@]}" replay "$dir/secret.pcap"
	expect "a key that may not be read" 2 'secret\.key: Permission denied' "${other[@]}" replay --key "$dir/secret.key" "$capture"
	expect "an alert file that may not be written" 2 'whole\.json: Permission denied' "${other[@]}" replay --alerts "$dir/whole.json" "$capture"
	expect "a configuration that may not be read" 2 'secret\.key: .*[Pp]ermission denied' "${other[@]}" replay -c "$dir/secret.key" "$capture"
else
	echo "skip bad_input: permissions: needs root and setpriv"
fi
cp "$dir/k.key" "$dir/open.key"; chmod 644 "$dir/open.key"
expect "a key that everybody may read" 2 'open\.key: mode 0644' "$damp" replay --key "$dir/open.key" "$capture"
cp "$dir/k.pub" "$dir/public.key"; chmod 600 "$dir/public.key"
expect "a public key for a private one" 2 'public\.key: a public key' "$damp" replay --key "$dir/public.key" "$capture"
expect "a capture for a key" 2 'backhaul\.pcap: ' "$damp" replay --key "$capture" "$capture"
expect "a capture for a public key" 2 'backhaul\.pcap: ' "$damp" verify --key "$capture" "$dir/whole.json"

# --- configuration, databases -----------------------------------------------------------------------------

printf 'networks: 10.64.0.0/23\nresolver: 10.53.0.53\n' >"$dir/key.conf"
expect "an unknown key" 2 'key\.conf:2: .*did you mean resolvers' "$damp" replay -c "$dir/key.conf" "$capture"
printf 'listen: [nowhere]\n' >"$dir/listen.conf"
expect "a listener without a port" 2 'listen\.conf:1: .*place to listen' "$damp" replay -c "$dir/listen.conf" "$capture"
printf 'exporters: [{name: border}]\n' >"$dir/exporters.conf"
expect "an exporter without an address" 2 'exporters\.conf:1: .*needs an address' "$damp" replay -c "$dir/exporters.conf" "$capture"
printf 'groups:\n- name: mail\n  members: 10.64.0.25\n  thresholds:\n    dns-amplification-abuser:\n      repeat-share: 1\n' >"$dir/group.conf"
expect "a threshold of a group that can never be met" 2 'group\.conf:6: .*can never be met' "$damp" replay -q -c "$dir/group.conf" "$capture"
expect "a database that is not there" 0 'no\.mmdb: .*going on without it' "$damp" replay --geoip "$dir/no.mmdb" "${key[@]}" --alerts "$dir/a" "$capture"
kept "a database that is not there" "$dir/a" "$whole"
expect "a database that is none" 0 'text\.pcap: .*going on without it' "$damp" replay --geoip "$dir/text.pcap" "$capture"

# --- outputs ----------------------------------------------------------------------------------------------

expect "alerts into a folder" 2 "$dir: Is a directory" "$damp" replay --alerts "$dir" "$capture"
expect "alerts into a folder that is not there" 2 'none/a: No such file' "$damp" replay --alerts "$dir/none/a" "$capture"
expect "rules where a file is" 2 'key\.conf: Not a directory' "$damp" replay --rules-dir "$dir/key.conf" "$capture"
MORE=1 both "alerts to a full device*" 1 '/dev/full: No space left on device; going on' replay --alerts /dev/full "$capture"
expect "a page to a full device" 1 '/dev/full: No space left' "$damp" replay --html /dev/full "$capture"
expect "statistics to a full device" 1 '/dev/full: No space left' "$damp" replay --stats /dev/full "$capture"
expect "a page into a folder that is not there" 1 'none/p\.html: No such file' "$damp" replay --html "$dir/none/p.html" "$capture"
expect "summary to a full device" 1 'standard output: No space left' sh -c '"$0" replay "$1" >/dev/full' "$damp" "$capture"
expect "standard output closed" 1 'standard output: ' sh -c '"$0" replay "$1" >&-' "$damp" "$capture"
expect "standard output closed, the alerts are whole" 1 'standard output: ' sh -c '"$0" replay --key "$3" --alerts "$2" "$1" >&-' "$damp" "$capture" "$dir/a" "$dir/k.key"
kept "standard output closed" "$dir/a" "$whole"
MORE=1 expect "alert lines to a closed standard output" 1 'standard output: .*going on' sh -c '"$0" replay -q --alerts - "$1" >&-' "$damp" "$capture"
expect "help to a full device" 1 'standard output: No space left' sh -c '"$0" --help >/dev/full' "$damp"
expect "standard input closed" 1 'standard input: ' sh -c '"$0" replay - <&-' "$damp"

if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	cat >"$dir/full.sh" <<'S'
damp=$1 dir=$2 capture=$3
mkdir "$dir/small"
mount -t tmpfs -o size=64k tmpfs "$dir/small" || exit 99
"$damp" replay -q --key "$dir/k.key" --alerts "$dir/small/a" "$capture"; echo "alerts $?" >>"$dir/codes"
cp "$dir/small/a" "$dir/full.json"
rm "$dir/small/a"; mkdir "$dir/small/rules"
head -c 62k /dev/zero >"$dir/small/rest" 2>/dev/null
"$damp" replay -q --rules-dir "$dir/small/rules" "$capture"; echo "rules $?" >>"$dir/codes"
find "$dir/small" -name '*.tmp' >"$dir/left"
rm -r "$dir/small/rules"
head -c 64k /dev/zero >"$dir/small/rest" 2>/dev/null
"$damp" replay -q --html "$dir/small/p.html" "$capture"; echo "html $?" >>"$dir/codes"
"$damp" replay -q --stats "$dir/small/s" "$capture"; echo "stats $?" >>"$dir/codes"
S
	unshare -m --propagation private bash "$dir/full.sh" "$damp" "$dir" "$capture" >"$dir/log" 2>&1
	if [ "$(tr '\n' ' ' <"$dir/codes")" = "alerts 1 rules 1 html 1 stats 1 " ] && [ ! -s "$dir/left" ]; then ok "a full disk: exit 1 each, no half file"
	else not_ok "a full disk" "$(cat "$dir/codes" "$dir/left" "$dir/log")"; fi
	if [ "$(grep -c 'small/a: No space left' "$dir/log")" -ge 1 ] && grep -q 'lines are written, [1-9][0-9]* are missing' "$dir/log" &&
		grep -qE 'small/rules/.*: No space left' "$dir/log" && grep -qE 'small/p.html: No space left' "$dir/log" && grep -qE 'small/s: No space left' "$dir/log"
	then ok "a full disk: each is said"; else not_ok "a full disk: each is said" "$(cat "$dir/log")"; fi
	kept "a full disk" "$dir/full.json" 1
else
	echo "skip bad_input: a full disk: needs root and a mount namespace"
fi

# --- signals, and two at once -----------------------------------------------------------------------------

# until COMMAND: tries for twenty seconds
until_true() { local i; for i in {1..400}; do "$@" && return; sleep 0.05; done; return 1; }
# what was written to the pipe is read: the signal must not come before, however busy the machine is
drained() { python3 -c 'import array, fcntl, termios; n = array.array("i", [0]); fcntl.ioctl(7, termios.FIONREAD, n); exit(n[0] > 0)'; }
mkfifo "$dir/pipe"
for d in "$damp" "$san"; do
	[ -x "$d" ] || continue
	rm -f "$dir/a"
	"$d" replay "${key[@]}" --alerts "$dir/a" - <"$dir/pipe" >"$dir/out" 2>"$dir/err" & pid=$!
	exec 7>"$dir/pipe"
	head -c "$late" "$capture" >&7
	pids+=("$pid")
	until_true drained
	expect "an alert file that another damp writes${d#"$damp"}" 2 'a: another program writes' "$damp" replay --alerts "$dir/a" "$capture"
	kill -INT "$pid"; wait "$pid"; rc=$?
	exec 7>&-
	if [ $rc = 0 ] && grep -q 'stopped by a signal' "$dir/err" && grep -q '41 customers' "$dir/out"
	then ok "a signal while reading a pipe${d#"$damp"}"; else not_ok "a signal while reading a pipe $d" "exit $rc" "$(cat "$dir/err" "$dir/out")"; fi
	kept "a signal while reading a pipe" "$dir/a" 41
done
"$damp" replay - <"$dir/pipe" >"$dir/out" 2>"$dir/err" & pid=$!
pids+=("$pid")
exec 7>"$dir/pipe"
sleep 0.2; kill -TERM "$pid"
until_true eval '! kill -0 $pid 2>/dev/null'; wait "$pid"; rc=$?
exec 7>&-
if [ $rc = 0 ] && grep -q 'stopped by a signal' "$dir/err"; then ok "a signal before the first byte"; else not_ok "a signal before the first byte" "exit $rc" "$(cat "$dir/err")"; fi
exit $status
