#!/bin/bash
# The command line as a user meets it: help, mistakes, pipes, streams, rules, signatures.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen}
here=$(cd "$(dirname "$0")/.." && pwd)
capture=$here/golden/backhaul.pcap
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0
ok() { echo "ok cli: $1"; }
not_ok() { echo "not ok cli: $1"; shift; printf '%s\n' "$@" | head -n 12 | cut -c1-300 | sed 's/^/  /'; status=1; }
# says NAME STATUS PATTERN COMMAND...: status, and the pattern (extended) somewhere in the output
says() {
	local name=$1 want=$2 pattern=$3 out rc
	shift 3
	out=$(timeout 60 "$@" 2>&1 </dev/null); rc=$?
	if [ $rc = "$want" ] && grep -qE -- "$pattern" <<<"$out"; then ok "$name"; else not_ok "$name" "exit $rc, wanted $want and $pattern" "$out"; fi
}
holds() { if eval "$2"; then ok "$1"; else not_ok "$1" "$2" "$(tail -n 5 "$dir/err" 2>/dev/null)"; fi; }

# --- help and mistakes ------------------------------------------------------------------------------------

commands=$("$damp" --help | sed -nE 's/^  damp ([a-z-]+) .*/\1/p')
holds "help lists the commands" '[ "$(wc -w <<<"$commands")" = 11 ]'
declare -A needs=([replay]="--config --networks --resolvers --geoip --key --alerts --rules-dir --html --stats --threads --quiet --verbose --no-color"
	[run]="--config --interface --listen --queue --archive --alerts" [why]="--config --networks --format" [rules]="--format --list --policy --ttl --incident --output"
	[probe]="--interface --read --to --end --active --inactive --fragments --sampling --max-flows --domain --filter --rate --quiet"
	[verify]="--key --threads" [keygen]="--output" [check-config]="" [help]=""
	[flows]="--format --filter --time --last --aggregate --fields --stat --order --top --limit --plain --wide --local --asdot"
	[report]="--filter --time --order --top --list")
for c in $commands; do
	out=$("$damp" "$c" --help 2>"$dir/err" </dev/null); rc=$?
	missing=
	for o in ${needs[$c]} --help --version; do grep -qE -- " $o\b" <<<"$out" || missing+=" $o"; done
	if [ $rc = 0 ] && [ -z "$missing" ] && [ ! -s "$dir/err" ] && grep -q "^damp $c " <<<"$out"; then ok "$c --help"
	else not_ok "$c --help" "exit $rc, without$missing" "$(cat "$dir/err")"; fi
	[ "$out" = "$("$damp" help "$c")" ] && [ "$out" = "$("$damp" "$c" -h)" ] || not_ok "help $c and $c -h are the same"
	says "$c --version" 0 '^damp [0-9.]+$' "$damp" "$c" --version
	says "$c: an unknown option, the nearest" 2 'unknown option --verison; did you mean --version\?' "$damp" "$c" --verison
	says "$c: an unknown letter" 2 'unknown option -z' "$damp" "$c" -z
done
says "no arguments: the commands, exit 2" 2 'damp replay ' "$damp"
says "--version names what it is linked to" 0 'libpcap version .*' "$damp" --version
says "an unknown command, the nearest" 2 "no command 'reply'; did you mean 'replay'\?" "$damp" reply
says "help on an unknown command, the nearest" 2 "did you mean 'verify'\?" "$damp" help verfy
says "an option before the command" 2 'after the command' "$damp" --quiet
says "replay without a file" 2 'needs a capture, a file of flow records' "$damp" replay
says "why without a file" 2 'needs a subject and a file of packets' "$damp" why 10.0.0.1
says "why of nothing" 2 "'banana' is no address, prefix, zone or id" "$damp" why banana "$capture"
says "run without an input" 2 'needs an input' "$damp" run
says "run on an interface that is not there, beside one that is" 2 'no-such-if: No such device' "$damp" run -i lo -i no-such-if
says "run at a place that is none" 2 '"foo" is not a place to listen; such as 2055' "$damp" run --listen foo
says "run: an unknown host to listen at" 2 'no-such-host\.invalid:2055: ' "$damp" run -l no-such-host.invalid:2055
says "run: a queue that is none" 2 '"localhost" is not a queue; such as redis://' "$damp" run --queue localhost
says "run: an archive where none can be" 2 '^damp: archive: /[^ ]*: (Not a directory|Permission denied)$' "$damp" run -l 127.0.0.1:0 --archive "$capture"
says "run: a port that is taken" 2 ':[0-9]+: Address already in use' python3 -c '
import socket, subprocess, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
sys.exit(subprocess.call([sys.argv[1], "run", "--listen", "127.0.0.1:%d" % s.getsockname()[1]]))' "$damp"
says "run with a file" 2 'takes no files' "$damp" run -i lo "$capture"
says "check-config without a file" 2 'needs one file' "$damp" check-config
says "keygen without a prefix" 2 'needs -o PREFIX' "$damp" keygen
says "verify without a file" 2 'needs a file' "$damp" verify
says "probe without an input" 2 'needs -i INTERFACE or -r FILE' "$damp" probe --to 127.0.0.1:9
says "probe without a collector" 2 'needs a collector' "$damp" probe -r "$capture"
says "probe with a bare file" 2 'no bare arguments; -r ' "$damp" probe --to 127.0.0.1:9 "$capture"
says "probe of an unknown version" 2 "'7' is none of 5, 9" "$damp" probe -r "$capture" --to 127.0.0.1:9 --version 7
says "probe to no port" 2 "'::1:9' is not HOST:PORT" "$damp" probe -r "$capture" --to ::1:9
says "probe with a bad filter" 2 '--filter: ' "$damp" probe -r "$capture" --to 127.0.0.1:9 --filter 'prot 53'
says "probe: more sampling than version 5 can tell" 2 'at most 1 in 16383' "$damp" probe -r "$capture" --to 127.0.0.1:9 --version 5 --sampling 20000
says "rules without a format" 2 'needs --format' "$damp" rules
says "rules of an unknown format, the nearest" 2 'did you mean iptables' "$damp" rules --format iptable
says "an option without its value" 2 '--html needs a value: FILE' "$damp" replay --html
says "an option with a value it has not" 2 '--quiet takes no value' "$damp" replay --quiet=yes "$capture"
says "a bad policy" 2 '--policy: .*not N/S' "$damp" rules --format iptables --policy much
says "a bad time" 2 '--ttl: ' "$damp" rules --format iptables --ttl never
says "a bad incident" 2 'no incident' "$damp" rules --format iptables --incident xyz

# --- inputs and streams -----------------------------------------------------------------------------------

"$damp" keygen -o "$dir/k" >"$dir/out"; key=(--key "$dir/k.key")
"$damp" replay -q "${key[@]}" --alerts "$dir/a.json" "$capture" 2>"$dir/err"
holds "letters together, values behind = and letters" '"$damp" replay -qv --alerts="$dir/same" --key="$dir/k.key" -c"$here/golden/backhaul.conf" "$capture" 2>"$dir/err" && [ -s "$dir/same" ]'
cp "$capture" "$dir/-q"
holds "-- ends the options" '(cd "$dir" && "$damp" replay -q --key k.key --alerts dash -- -q) 2>"$dir/err" && cmp -s "$dir/dash" "$dir/a.json"'
holds "- reads a pipe" 'cat "$capture" | "$damp" replay -q "${key[@]}" --alerts "$dir/p.json" - 2>"$dir/err" && cmp -s "$dir/p.json" "$dir/a.json"'
holds "- reads a file from standard input" '"$damp" replay -q "${key[@]}" --alerts "$dir/p.json" - <"$capture" 2>"$dir/err" && cmp -s "$dir/p.json" "$dir/a.json"'
"$damp" replay -q --stats "$dir/one" "$capture"; "$damp" replay -q --stats "$dir/two" "$capture" "$capture"
holds "the same file twice counts twice" 'python3 -c "import json,sys; a,b=(json.load(open(f)) for f in sys.argv[1:]); sys.exit(b[\"packets\"] != 2*a[\"packets\"] or b[\"last\"] != a[\"last\"])" "$dir/one" "$dir/two"'
"$gen" --seed 2 --duration 20 --snaplen 200 -o "$dir/other.pcap" benign clients=20 2>/dev/null
"$damp" replay -q --stats "$dir/three" "$dir/other.pcap" "$capture"; "$damp" replay -q --stats "$dir/four" "$dir/other.pcap"
holds "several files are one run" 'python3 -c "import json,sys; a,b,c=(json.load(open(f)) for f in sys.argv[1:]); sys.exit(b[\"packets\"] != a[\"packets\"]+c[\"packets\"])" "$dir/one" "$dir/three" "$dir/four"'

"$damp" replay "${key[@]}" --alerts - "$capture" >"$dir/out" 2>"$dir/err"
holds "--alerts -: lines on standard output" 'cmp -s "$dir/out" "$dir/a.json"'
holds "--alerts -: the summary on standard error" 'grep -q "41 customers" "$dir/err"'
"$damp" replay --stats - "$capture" >"$dir/out" 2>"$dir/err2"
holds "--stats -: nothing but the object on standard output" 'python3 -m json.tool "$dir/out" >/dev/null && grep -q "41 customers" "$dir/err2"'
holds "no progress, no colours where no terminal is" '! grep -q "$(printf "\033")" "$dir/err"'
if command -v script >/dev/null; then
	script -qec "TERM=xterm '$damp' replay '$capture'" /dev/null >"$dir/tty" 2>&1 </dev/null
	script -qec "TERM=xterm NO_COLOR=1 '$damp' replay '$capture'" /dev/null >"$dir/tty2" 2>&1 </dev/null
	script -qec "TERM=xterm '$damp' replay --no-color '$capture'" /dev/null >"$dir/tty3" 2>&1 </dev/null
	holds "colours on a terminal, none with NO_COLOR or --no-color" 'grep -q "$(printf "\033\\[[0-9;]*m")" "$dir/tty" && ! grep -q "$(printf "\033\\[[0-9;]*m")" "$dir/tty2" && ! grep -q "$(printf "\033\\[[0-9;]*m")" "$dir/tty3"'
else
	echo "skip cli: colours: no script(1)"
fi
holds "-q is silent" '[ -z "$("$damp" replay -q "$capture" 2>&1)" ]'
says "why a host" 0 'dns-amplification-abuser' "$damp" why 10.64.0.130 "$capture"
says "why a host that is not there" 0 '192\.0\.2\.1' "$damp" why 192.0.2.1 "$capture"

# --- check-config -----------------------------------------------------------------------------------------

printf 'detectors:\n  dns-amplification-abuser:\n    baf: 12\ngroups:\n- name: mail\n  members: 10.64.0.25\n  never-alert: true\n' >"$dir/d.conf"
"$damp" check-config "$dir/d.conf" >"$dir/out" 2>"$dir/err"; rc=$?
holds "check-config: what is given, exit 0 and no complaint" '[ $rc = 0 ] && [ ! -s "$dir/err" ] && grep -qE "^    \"?baf\"?: 12$" "$dir/out"'
holds "check-config: what is not given, with default, unit and reason" 'grep -qE "^  #   any-rate: 5/s  # " "$dir/out" && grep -qE "^  #   close-after: 30s  # " "$dir/out" && grep -qE "^  # dns-query-flood:" "$dir/out"'
holds "check-config: a group shows what holds for it" 'grep -qE "^      #   baf: 12x  # " "$dir/out" && grep -q "never-alert: true" "$dir/out"'
printf 'detectors:\n  dns-amplification-abuser:\n    baf: 0\n    fab: 3\n' >"$dir/e.conf"
says "check-config: a value out of bounds, with its line" 2 'e\.conf:3: ' "$damp" check-config "$dir/e.conf"
says "check-config: an unknown setting, with its line" 2 "e\.conf:4: .*no setting 'fab'" "$damp" check-config "$dir/e.conf"
printf 'listen: [2055, tcp://0.0.0.0:4739]\nlisten-threads: 2\nexporters:\n- address: 192.0.2.0/24\n  sampling: 1000\narchive: /var/flows\n' >"$dir/l.conf"
"$damp" check-config "$dir/l.conf" >"$dir/out" 2>"$dir/err"; rc=$?
holds "check-config: the collector's keys" '[ $rc = 0 ] && [ ! -s "$dir/err" ] && grep -qx "listen-threads: 2" "$dir/out" && grep -qx "  dir: \"/var/flows\"" "$dir/out" && grep -qx "  # interval: 5m" "$dir/out"'
printf 'listen: ftp://x\nlisten-threads: 17\nexporters:\n- adress: 192.0.2.1\narchive:\n  interval: 2d\n' >"$dir/m.conf"
says "check-config: a place that is none, with its line" 2 'm\.conf:1: listen: "ftp://x" is not a place to listen' "$damp" check-config "$dir/m.conf"
says "check-config: too many threads, with its line" 2 'm\.conf:2: .*a whole number from 1 to 16' "$damp" check-config "$dir/m.conf"
says "check-config: an exporter's mistyped key, with its line" 2 'm\.conf:4: unknown key "adress".*did you mean address' "$damp" check-config "$dir/m.conf"
says "check-config: an archive without a folder, with its line" 2 'm\.conf:6: archive: needs a dir; such as dir: ' "$damp" check-config "$dir/m.conf"
printf 'known-exporters-only: true\n' >"$dir/n.conf"
says "check-config: only known exporters, and none is" 2 'known-exporters-only: nobody is known: list the exporters' "$damp" check-config "$dir/n.conf"
printf 'interfaces: [eth0, eth1]\n' >"$dir/i.conf"
holds "replay does not mind the interfaces of the daemon" '"$damp" replay -q -c "$dir/i.conf" "$capture" 2>"$dir/err"'

# --- rules ------------------------------------------------------------------------------------------------

says "rules --list" 0 '^iptables ' "$damp" rules --list
"$damp" rules --format iptables "$dir/a.json" >"$dir/r" 2>"$dir/err"; rc=$?
holds "rules from a file" '[ $rc = 0 ] && grep -q "^COMMIT" "$dir/r"'
holds "rules from a pipe" 'cat "$dir/a.json" | "$damp" rules --format iptables 2>"$dir/err" | cmp -s - "$dir/r"'
holds "rules -o FILE" '"$damp" rules --format iptables -o "$dir/r2" "$dir/a.json" 2>"$dir/err" && cmp -s "$dir/r" "$dir/r2"'
echo '{"a":' >"$dir/half"
says "rules of what are no alerts" 1 'half:1: not JSON' "$damp" rules --format iptables "$dir/half"
says "rules of nothing" 1 'no alerts, no rules' "$damp" rules --format iptables /dev/null
id=$(sed -n '1s/.*"incident":"\([0-9a-f]*\)".*/\1/p' "$dir/a.json")
holds "rules of one incident" '[ -n "$id" ] && "$damp" rules --format iptables --incident "$id" "$dir/a.json" 2>"$dir/err" | cmp -s - "$dir/r"'
says "rules of an incident that is not there" 1 'no alerts, no rules' "$damp" rules --format iptables --incident 00000000000000aa "$dir/a.json"
if [ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null && command -v iptables-restore >/dev/null; then
	for f in iptables ip6tables; do
		"$damp" rules --format $f "$dir/a.json" >"$dir/r.$f" 2>"$dir/err"
		says "$f-restore takes them" 0 '^0$' unshare -n sh -c "$f-restore --test <'$dir/r.$f'; echo \$?"
	done
else
	echo "skip cli: iptables-restore: needs root and iptables"
fi

# --- keys, signatures, chain ------------------------------------------------------------------------------

sum=$(sha256sum "$dir/k.key" "$dir/k.pub")
says "keygen does not overwrite" 1 'k\.key: there already' "$damp" keygen -o "$dir/k"
holds "the keys are as they were, the private one is for its owner alone" '[ "$sum" = "$(sha256sum "$dir/k.key" "$dir/k.pub")" ] && [ "$(stat -c %a "$dir/k.key")" = 600 ]'
"$damp" keygen -o "$dir/w" >/dev/null
says "verify with the right key" 0 'a\.json' "$damp" verify --key "$dir/k.pub" "$dir/a.json"
says "verify with either of two keys" 0 'a\.json' "$damp" verify --key "$dir/w.pub" --key "$dir/k.pub" "$dir/a.json"
says "verify with another key" 1 'line 1 FAILS' "$damp" verify --key "$dir/w.pub" "$dir/a.json"
says "verify without a key says so" 0 'NOT checked' "$damp" verify "$dir/a.json"
says "verify from a pipe" 0 'lines' sh -c '"$0" verify --key "$1" - <"$2"' "$damp" "$dir/k.pub" "$dir/a.json"
sed '5s/"severity":[0-9]*/"severity":1/' "$dir/a.json" >"$dir/b"
says "an altered line" 1 'line 5 FAILS.*signature' "$damp" verify --key "$dir/k.pub" "$dir/b"
says "an altered line, no key: the next one shows it" 1 'line 6 FAILS' "$damp" verify "$dir/b"
sed 7d "$dir/a.json" >"$dir/b"
says "a removed line" 1 'line 7 FAILS.*' "$damp" verify --key "$dir/k.pub" "$dir/b"
awk 'NR == 9 { held = $0; next } { print } NR == 10 { print held }' "$dir/a.json" >"$dir/b"
says "swapped lines" 1 'line 9 FAILS' "$damp" verify --key "$dir/k.pub" "$dir/b"
says "one good, one bad file" 1 'line 9 FAILS' "$damp" verify --key "$dir/k.pub" "$dir/a.json" "$dir/b"
holds "two files in one run, each with its own alerts" '[ "$("$damp" verify --key "$dir/k.pub" "$dir/a.json" "$dir/p.json" | grep -c "p\.json\|a\.json")" -ge 2 ]'

# --- the daemon: a file that goes on, a file that was moved away --------------------------------------------

# A namespace of its own, traffic on its loopback at its own pace.
if [ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null; then
	"$gen" --seed 4 --duration 5 -o "$dir/attack.pcap" reflection rate=200 start=0 2>"$dir/err"
	cat >"$dir/send.py" <<'P'
import socket, struct, sys, time
data, at, t0 = open(sys.argv[1], 'rb').read(), 24, None
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('lo', 0))
start = time.monotonic()
while at < len(data):
    sec, frac, n = struct.unpack('<III', data[at:at + 12])
    t = sec + frac / (1e9 if data[:4] == b'\x4d\x3c\xb2\xa1' else 1e6)
    t0 = t if t0 is None else t0
    time.sleep(max(0, t - t0 - (time.monotonic() - start)))
    s.send(data[at + 16:at + 16 + n])
    at += 16 + n
P
	cat >"$dir/live.sh" <<'S'
damp=$1 dir=$2
ip link set lo mtu 9000 up
until_true() { for _ in $(seq 400); do "$@" && return; sleep 0.05; done; return 1; }
watch() {
	"$damp" run -q -i lo --threads 1 --key "$dir/k.key" --alerts "$dir/live.json" & pid=$!
	until_true test -e "$dir/live.json"
	sleep 0.3
	python3 "$dir/send.py" "$dir/attack.pcap"
	until_true grep -q opened "$dir/live.json"
}
watch
mv "$dir/live.json" "$dir/live.1.json"
kill -HUP $pid
until_true test -e "$dir/live.json"
kill -INT $pid; wait $pid; echo "first $?"
watch
kill -TERM $pid; wait $pid; echo "second $?"
S
	unshare -n bash "$dir/live.sh" "$damp" "$dir" >"$dir/out" 2>"$dir/err"
	holds "run: a signal ends it, exit 0" '[ "$(tr "\n" " " <"$dir/out")" = "first 0 second 0 " ]'
	holds "run: SIGHUP opens the alert file anew" 'grep -q "\"opened\"" "$dir/live.1.json" && ! grep -q "\"closed\"" "$dir/live.1.json" && grep -q "\"closed\"" "$dir/live.json"'
	says "run: the moved file verifies" 0 'seq 1 to' "$damp" verify --key "$dir/k.pub" "$dir/live.1.json"
	says "run: the new file goes on in the chain, over two runs" 0 'every signature checked' "$damp" verify --key "$dir/k.pub" "$dir/live.json"
	holds "run: the first line of the new file follows the last of the old" '[ "$(sed -n "1s/.*\"prev\":\"\([0-9a-f]*\)\".*/\1/p" "$dir/live.json")" = "$(tail -n 1 "$dir/live.1.json" | tr -d "\n" | b2sum -l 256 | cut -d" " -f1)" ]'
	holds "run: both runs are in it" '[ "$(grep -c "\"opened\"" "$dir/live.json")" -ge 1 ] && [ "$(grep -c "\"closed\"" "$dir/live.json")" -ge 2 ]'
else
	echo "skip cli: run: needs root and a network namespace"
fi
exit $status
